"""How precisely a network multiplies matrices, where the hardware gives a choice."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32

from rlsuite.requirements import named

Precision = Literal["float32", "tf32", "bf16"]
"""Of the factors of a product; sums and all else are float32.

`float32` keeps 24 bits of each factor, `tf32` 11 and `bf16` 8. GPUs multiply the shorter ones many
times faster, and CPUs with AMX those of `bf16`. A product of `bf16` is float32 whatever its factors
are, and has no forward-mode derivative.
"""

DotGeneral = Callable[..., Array]
"""A function of the first three arguments of `jax.lax.dot_general`; it ignores all others."""

Axes = Sequence[int]


def _dot_general(precision: jax.lax.PrecisionLike) -> DotGeneral:
    def dot_general(left, right, dimension_numbers, **_):
        # Layers of flax pass a precision of their own, which is not what was asked for here.
        return jax.lax.dot_general(left, right, dimension_numbers, precision=precision)

    return dot_general


def _of_bfloat16(
    left: Float[Array, "..."], right: Float[Array, "..."], dimension_numbers: tuple, **_: object
) -> Float32[Array, "..."]:
    contracted, batched = dimension_numbers
    if any(map(len, batched)):
        raise ValueError(
            f"dimension_numbers: {dimension_numbers} is not allowed; products of bf16 have no "
            "batches but those of vmap"
        )
    return _product((tuple(contracted[0]), tuple(contracted[1])), left, right)


# The factors are converted, since XLA rounds where it is asked to by a precision for GPUs and TPUs
# alone; and by a gradient of its own, since JAX's would multiply them with a float32 cotangent.
@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _product(contracted: tuple[Axes, Axes], left: Array, right: Array) -> Array:
    of_left, of_right = contracted
    if left.ndim - 1 in of_left:
        return _of_rounded(left, right, (contracted, ((), ())))
    rows = math.prod(left.shape[axis] for axis in of_left)
    # XLA has no kernel for a CPU whose left factor has rows first, and would multiply in float32.
    product = jax.lax.platform_dependent(
        *(_rows_first(left, of_left, rows), _rows_first(right, of_right, rows)),
        cpu=_in_pieces,
        default=lambda left, right: _of_rounded(left, right, (((0,), (0,)), ((), ()))),
    )
    both = ((left, of_left), (right, of_right))
    return product.reshape(
        [factor.shape[axis] for factor, axes in both for axis in _others(factor, axes)]
    )


def _forward(contracted, left, right):
    return _product(contracted, left, right), (left, right)


def _backward(contracted, factors, cotangent):
    (of_left, of_right), (left, right) = contracted, factors
    rest_of_left, rest_of_right = _others(left, of_left), _others(right, of_right)
    axes = tuple(range(cotangent.ndim))
    rows, columns = axes[: len(rest_of_left)], axes[len(rest_of_left) :]
    to_left = _product((columns, rest_of_right), cotangent, right)
    to_right = _product((rest_of_left, rows), left, cotangent)
    # The axes of the factors, in the order in which these have them.
    axes_of_left = [*rest_of_left, *(of_left[i] for i in np.argsort(of_right))]
    axes_of_right = [*(of_right[i] for i in np.argsort(of_left)), *rest_of_right]
    return (
        to_left.transpose(np.argsort(axes_of_left)).astype(left.dtype),
        to_right.transpose(np.argsort(axes_of_right)).astype(right.dtype),
    )


_product.defvjp(_forward, _backward)


def _in_pieces(
    left: Float[Array, "row number"], right: Float[Array, "row other"]
) -> Float32[Array, "number other"]:
    """The sum over rows of their outer products, with a left factor that is turned over before."""
    pieces = math.gcd(len(left), _PIECES)
    # Outside of the loop: within, XLA would make one again of turning it over and multiplying.
    turned = jnp.swapaxes(left.reshape(pieces, -1, left.shape[1]).astype(jnp.bfloat16), 1, 2)

    def add(total, factors):
        left, right = factors
        return total + _of_rounded(left, right, (((1,), (0,)), ((), ()))), None

    nothing = jnp.zeros((left.shape[1], right.shape[1]), jnp.float32)
    return jax.lax.scan(add, nothing, (turned, right.reshape(pieces, -1, right.shape[1])))[0]


_PIECES = 8
"""Enough for each to stay in a core's cache, of rollouts of 8,192 steps and gates of width 256."""


def _of_rounded(left: Array, right: Array, numbers: tuple) -> Array:
    left, right = left.astype(jnp.bfloat16), right.astype(jnp.bfloat16)
    return jax.lax.dot_general(left, right, numbers, preferred_element_type=jnp.float32)


def _rows_first(factor: Array, contracted: Axes, rows: int) -> Float[Array, "row number"]:
    return jnp.moveaxis(factor, contracted, range(len(contracted))).reshape(rows, -1)


def _others(factor: Array, contracted: Axes) -> tuple[int, ...]:
    return tuple(axis for axis in range(factor.ndim) if axis not in contracted)


# "float32" is said aloud since JAX's own default lets GPUs multiply in tf32.
DOT_GENERALS: dict[str, DotGeneral] = {
    "float32": _dot_general(jax.lax.Precision.HIGHEST),
    "tf32": _dot_general(jax.lax.DotAlgorithmPreset.TF32_TF32_F32),
    "bf16": _of_bfloat16,
}


def dot_general_of(precision: Precision | None) -> DotGeneral:
    """How a precision multiplies; none leaves it to JAX.

    Raises:
      ValueError: if the precision is unknown.
    """
    if precision is None:
        return jax.lax.dot_general
    return named("precision", precision, DOT_GENERALS)


def dense(
    dot_general: DotGeneral,
    inputs: Float[Array, "*batch input"],
    kernel: Float[Array, "input output"],
) -> Float[Array, "*batch output"]:
    """`inputs @ kernel`, multiplied as `dot_general` does it."""
    return dot_general(inputs, kernel, (((inputs.ndim - 1,), (0,)), ((), ())))


def dense_backwards(
    dot_general: DotGeneral,
    outputs: Float[Array, "*batch output"],
    kernel: Float[Array, "input output"],
) -> Float[Array, "*batch input"]:
    """`outputs @ kernel.T`: what goes back through a dense layer."""
    return dot_general(outputs, kernel, (((outputs.ndim - 1,), (1,)), ((), ())))
