"""Timing of compiled programs, and the machine's own speed as the yardstick beside them."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

REPEATS = 5


def alternate_seconds(
    *functions: Callable[[], Any], repeats: int = REPEATS
) -> Float[np.ndarray, "function repeat"]:
    """Seconds that each function takes, after one call of each to warm up.

    The functions take turns, since the speed of a machine wanders: the ratio of two of them within
    one repeat says more than the ratio of their medians.
    """
    for function in functions:
        jax.block_until_ready(function())
    seconds = np.zeros((len(functions), repeats))
    for repeat in range(repeats):
        for index, function in enumerate(functions):
            began = time.perf_counter()
            jax.block_until_ready(function())
            seconds[index, repeat] = time.perf_counter() - began
    return seconds


def median(values: Float[np.ndarray, " repeat"]) -> float:
    """The median as a plain number."""
    return float(np.median(values))


class Yardstick(NamedTuple):
    """Work whose speed is the machine's own.

    Attributes:
      run: does the work once.
      amount: how much that is: floating-point operations, or bytes.
    """

    run: Callable[[], Any]
    amount: float


def matrix_product(size: int | None = None, precision: str = "float32") -> Yardstick:
    """A product of two square float32 matrices; the amount counts floating-point operations.

    Args:
      size: of their sides; by default large enough to keep the device busy.
      precision: in which the device multiplies, as `jax.default_matmul_precision` names it.
    """
    size = size or (2048 if jax.default_backend() == "cpu" else 8192)
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    multiply = jax.jit(lambda left, right: jnp.matmul(left, right, precision=precision))
    return Yardstick(lambda: multiply(matrix, matrix), 2.0 * size**3)


def copy(shape: tuple[int, ...], times: int) -> Yardstick:
    """An array of float32 read and written back in one program; the amount is the bytes written."""
    array = jnp.zeros(shape)

    # A plain copy would be left out; adding is free beside reading and writing.
    def write_back(array):
        return jax.lax.fori_loop(0, times, lambda _, array: array + 1, array)

    program = jax.jit(write_back)
    return Yardstick(lambda: program(array), float(array.nbytes * times))


def device_kind() -> str:
    """What JAX runs on here."""
    return jax.devices()[0].device_kind
