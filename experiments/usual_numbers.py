"""How JAX computes here, whatever the process is set to."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def usual_numbers() -> Iterator[None]:
    """JAX as the suite computes, in 32 bits above all, whatever the process is set to.

    What one process has saved another one reads, where variables of the environment may differ.
    """
    with (
        jax.enable_x64(False),
        jax.default_prng_impl("threefry2x32"),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield
