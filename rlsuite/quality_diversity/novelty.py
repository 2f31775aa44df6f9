"""How new behaviours are: distances to those that are known."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.requirements import require

NOBODY = -1
"""Instead of a reference's place, for a behaviour that is not among the references."""


_BLOCK = 16


def squared_distances(
    first: Float[Array, "item number"], second: Float[Array, "other number"]
) -> Float[Array, "item other"]:
    """Squared Euclidean distances, exactly zero between what is identical."""

    def further(total, numbers):
        # Term by term, which compiles to one loop over pairs: a sum over an axis takes twelve times
        # as long.
        for one, other in zip(*numbers, strict=True):
            total = total + jnp.square(one[:, None] - other)
        return total, None

    total, numbers = jnp.zeros((len(first), len(second))), (first.T, second.T)
    whole = first.shape[1] // _BLOCK
    if whole > 1:
        end = whole * _BLOCK
        blocks = [numbers[:end].reshape(whole, _BLOCK, -1) for numbers in numbers]
        total, _ = jax.lax.scan(further, total, tuple(blocks))
        numbers = (first.T[end:], second.T[end:])
    return further(total, numbers)[0]


_GROUP = 24
_FEW = 128
"""Values among which a heap is quicker."""


def smallest(values: Float[Array, " item"], number: int) -> Float[Array, " {number}"]:
    """The smallest values, in ascending order; NaN counts as infinite.

    On a CPU the smallest of many are taken one after the other, as in a tournament: each group of
    values has its best, and only the winner's group has to find another one. For hundreds of rows
    of a thousand values and more, side by side, that takes a quarter to a half of the time of
    `jax.lax.top_k`, and for a single row thrice of it (docs/performance.md).

    Args:
      values: of which.
      number: how many of them.

    Raises:
      ValueError: if there are not as many.
    """
    require(0 < number <= len(values), "number", number, f"from 1 to {len(values)}, all of them")
    values = jnp.where(jnp.isnan(values), jnp.inf, values)
    tournament, heap = partial(_by_tournament, number=number), partial(_by_heap, number=number)
    if len(values) < _FEW:
        return heap(values)
    return jax.lax.platform_dependent(values, cpu=tournament, default=heap)


def _by_heap(values: Float[Array, " item"], number: int) -> Float[Array, " {number}"]:
    return -jax.lax.top_k(-values, number)[0]


def _by_tournament(values: Float[Array, " item"], number: int) -> Float[Array, " {number}"]:
    padded = jnp.pad(values, (0, -len(values) % _GROUP), constant_values=jnp.inf)
    groups = padded.reshape(-1, _GROUP)

    def take(state, _):
        groups, best = state
        least = best.min()
        winner = _first(best == least)
        place = _first(groups[winner] == least)
        groups = groups.at[winner, place].set(jnp.inf)
        return (groups, best.at[winner].set(groups[winner].min())), least

    return jax.lax.scan(take, (groups, groups.min(axis=1)), length=number)[1]


def _first(is_one: Bool[Array, " place"]) -> Int[Array, ""]:
    # As a minimum of floats, which a CPU finds five times as fast as `argmax` or one of integers.
    last = jnp.float32(len(is_one) - 1)
    return jnp.where(is_one, jnp.arange(len(is_one), dtype=jnp.float32), last).min().astype(int)


def novelty(
    codes: Float[Array, "item number"],
    references: Float[Array, "reference number"],
    is_there: Bool[Array, " reference"],
    num_neighbours: int,
    *,
    own: Int[Array, " item"] | None = None,
) -> Float[Array, " item"]:
    r"""Mean distance to the nearest of those that are known (Lehman and Stanley, 2011).

    .. math::
        \rho(x) = \frac{1}{k} \sum_{i=1}^k \| b(x) - b_i \|

    over the :math:`k` nearest references :math:`b_i`, itself left out. Others with the same
    behaviour are neighbours at distance zero. Of fewer than :math:`k` references it is the mean
    over all of them, and of none it is zero.

    Args:
      codes: behaviours :math:`b(x)`.
      references: those that are known.
      is_there: which of them are there.
      num_neighbours: :math:`k`.
      own: where each behaviour itself is among the references, `NOBODY` if it isn't; none if none
        of them is.
    """
    number = min(num_neighbours, len(references))
    if not number:
        return jnp.zeros(len(codes), codes.dtype)
    # What isn't there is so far away that squares overflow, and fills the last group: as conditions
    # on distances these would keep them from being vectorised.
    far_away = 4 * float(jnp.finfo(references.dtype).max) ** 0.5
    references = jnp.where(is_there[:, None], references, far_away)
    missing = -len(references) % _GROUP
    references = jnp.pad(references, ((0, missing), (0, 0)), constant_values=far_away)
    squared = squared_distances(codes, references)
    if own is not None:
        squared = jnp.where(jnp.arange(len(references)) == own[:, None], jnp.inf, squared)
    nearest = jax.vmap(partial(smallest, number=number))(squared)
    is_one = jnp.isfinite(nearest)
    total = jnp.where(is_one, jnp.sqrt(jnp.where(is_one, nearest, 0.0)), 0.0).sum(axis=-1)
    return total / jnp.maximum(is_one.sum(axis=-1), 1)


def first_front(
    first: Float[Array, " item"], second: Float[Array, " item"], is_there: Bool[Array, " item"]
) -> Bool[Array, " item"]:
    """The items that no other one dominates: as good in both and better in one.

    More is better.
    """
    as_good = (first[:, None] >= first) & (second[:, None] >= second)
    better = (first[:, None] > first) | (second[:, None] > second)
    dominated = (as_good & better & is_there[:, None]).any(axis=0)
    return is_there & ~dominated
