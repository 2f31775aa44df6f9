"""How precisely a learned network multiplies matrices, where the hardware gives a choice."""

from collections.abc import Callable
from typing import Literal

import jax
from jaxtyping import Array, Float

Precision = Literal["float32", "tf32", "bf16"]
"""Of the factors of a product; sums and all else are float32.

`float32` keeps 24 bits of each factor, `tf32` 11 and `bf16` 8. GPUs multiply the shorter ones many
times faster; CPUs don't.
"""

DotGeneral = Callable[..., Array]
"""A function of the first three arguments of `jax.lax.dot_general`; it ignores all others."""


def _dot_general(precision: jax.lax.PrecisionLike) -> DotGeneral:
    def dot_general(left, right, dimension_numbers, **_):
        # Layers of flax pass a precision of their own, which is not what was asked for here.
        return jax.lax.dot_general(left, right, dimension_numbers, precision=precision)

    return dot_general


# "float32" is said aloud since JAX's own default lets GPUs multiply in tf32.
DOT_GENERALS: dict[str, DotGeneral] = {
    "float32": _dot_general(jax.lax.Precision.HIGHEST),
    "tf32": _dot_general(jax.lax.DotAlgorithmPreset.TF32_TF32_F32),
    "bf16": _dot_general(jax.lax.DotAlgorithmPreset.BF16_BF16_F32),
}


def dense(
    dot_general: DotGeneral,
    inputs: Float[Array, "*batch input"],
    kernel: Float[Array, "input output"],
) -> Float[Array, "*batch output"]:
    """`inputs @ kernel`, multiplied as `dot_general` does it."""
    return dot_general(inputs, kernel, (((inputs.ndim - 1,), (0,)), ((), ())))
