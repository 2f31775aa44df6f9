"""The programs of all methods, with seeds side by side, lowered and looked at."""

import jax
import pytest
from lowered import algebra

from tests.experiments.running import METHODS, plan_of

RECURRENT = {"lpg", "groove", "lpg-es", "ta-lpg"}
"""Their learned rule has recurrent kernels, which start orthogonal."""


@pytest.mark.parametrize("name", METHODS.names)
def test_no_method_decomposes_a_batch_of_matrices(name):
    """Batches of them can wait for ever on machines of two cores; see `one_at_a_time`."""
    method = plan_of(name).experiment.method
    keys = jax.random.split(jax.random.key(0), 3)
    state = jax.eval_shape(jax.vmap(method.init), keys)
    first = algebra(jax.jit(jax.vmap(method.init)).lower(keys))
    later = algebra(jax.jit(jax.vmap(method.step)).lower(state))
    assert all(len(shape) <= 2 for shapes in first + later for shape in shapes)
    # Learned rules start orthogonal once, PPO's agents whenever one is made; A2C's don't.
    assert bool(first) == (name in RECURRENT or name == "ppo")
    assert bool(later) == (name not in RECURRENT and name != "a2c")
