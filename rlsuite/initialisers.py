"""How layers start, and decompositions of matrices that can't wait for ever."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray


def one_at_a_time(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose batch under `vmap` is computed one after the other.

    Whatever decomposes or solves with matrices (QR, Cholesky, eigen- and singular values) goes
    through here: a call of LAPACK on many matrices waits for threads of the pool that it runs on
    itself, and two of them side by side hang a machine of two cores for ever (jaxlib 0.10).

    Args:
      function: of any number of pytrees of arrays, keys among them; all else is bound to it
        beforehand (`functools.partial`). Whatever a `vmap` may batch must be an argument of it. It
        has no gradient.
    """
    # Optional arguments of the function, strings perhaps, are not for JAX to see.
    return jax.custom_batching.sequential_vmap(lambda *arguments: function(*arguments))


def orthogonal(gain: float | tuple[float, ...] = 1.0) -> nn.initializers.Initializer:
    """Orthogonal matrices times a gain, decomposed one at a time under `vmap`.

    Args:
      gain: of all outputs, the last axis, or one for each of them.
    """

    def initialise(key, shape, dtype=jnp.float32):
        def draw(key, gains):
            return nn.initializers.orthogonal(gains)(key, shape, dtype)

        # An argument as well: a condition that `vmap` batches makes batches of constants, too.
        return one_at_a_time(draw)(key, jnp.asarray(gain, dtype))

    return initialise


def orthogonal_gates(
    key: PRNGKeyArray, shape: tuple[int, int], dtype: DTypeLike = jnp.float32
) -> Float[Array, "width gate"]:
    """A matrix for the gates of a recurrent unit, side by side, each of them orthogonal.

    Args:
      key: randomness.
      shape: `(width, gates * width)`.
      dtype: of its numbers.
    """
    width = shape[0]
    keys = jax.random.split(key, shape[1] // width)
    return jnp.concatenate([orthogonal()(k, (width, width), dtype) for k in keys], axis=1)
