"""The grid world's random draws, made from few uniform numbers because drawing is what costs."""

import math
from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

BELOW_ONE = 1 - 2.0**-24
"""The largest float32 below one."""


def flip_coins(
    uniform: Float[Array, ""], probabilities: Sequence[Float[Array, ""]]
) -> list[Bool[Array, ""]]:
    """Flip independent coins with a single uniform number in [0, 1).

    Given that u < p, u / p is uniform again, and so is (u - p) / (1 - p) given that it is not:
    what is left of u after one coin serves the next. The probability of any joint outcome is
    right up to a few times the resolution of u, 2^-23; coins of probability 0 and 1 are certain.
    """
    flips = []
    for probability in probabilities:
        flip = uniform < probability
        left = jnp.where(flip, uniform / probability, (uniform - probability) / (1 - probability))
        # Rounding to 1 would make a certain event fail.
        uniform = jnp.minimum(left, BELOW_ONE)
        flips.append(flip)
    return flips


def below(uniform: Float[Array, "*draws"], number: int) -> Int[Array, "*draws"]:
    """A whole number from 0 to below `number`, each as likely, from one in [0, 1)."""
    return jnp.minimum(jnp.floor(uniform * number).astype(jnp.int32), number - 1)


def draw_free_cells(
    uniforms: Float[Array, " draws"], free: Bool[Array, " cells"], wanted: Bool[Array, " draws"]
) -> tuple[Int[Array, " draws"], Bool[Array, " draws"]]:
    """Draw distinct free cells of a square grid, each uniformly among those still free.

    Args:
        uniforms: One number in [0, 1) for each draw.
        free: The cells to choose from, row by row.
        wanted: Which draws take a cell.

    Returns:
        The cells (meaningless where none was taken) and which draws took one: all that are
        wanted, unless the free cells run out.
    """
    cell = jnp.arange(free.shape[0])
    free_so_far = _prefix_count(free)
    cells, taken = [], []
    for uniform, want in zip(uniforms, wanted, strict=True):
        rank = jnp.floor(uniform * free_so_far[-1])
        chosen = jnp.sum(free_so_far <= rank, dtype=jnp.int32)
        take = want & (free_so_far[-1] > 0)
        free_so_far = free_so_far - (take & (cell >= chosen))
        cells.append(chosen)
        taken.append(take)
    return jnp.stack(cells), jnp.stack(taken)


def _prefix_count(free: Bool[Array, " cells"]) -> Float[Array, " cells"]:
    """How many cells up to and including each one are free."""
    # Two small matrix products, because cumsum over all cells is slower on CPU.
    side = math.isqrt(free.shape[0])
    in_row = free.reshape(side, side).astype(jnp.float32) @ jnp.triu(jnp.ones((side, side)))
    in_rows_before = jnp.tril(jnp.ones((side, side)), -1) @ in_row[:, -1]
    return (in_rows_before[:, None] + in_row).ravel()
