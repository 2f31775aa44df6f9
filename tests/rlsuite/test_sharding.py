"""Agents on eight devices of the host, in a process of their own."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType

from rlsuite.sharding import apart, make_mesh, mean_of_parts, num_parts, spread, together


def test_without_a_mesh_nothing_is_done():
    leaf = jnp.arange(3.0)
    assert num_parts() == 1
    assert spread(leaf) is leaf and together(leaf) is leaf and mean_of_parts(leaf) is leaf
    assert apart(lambda x: x)(leaf) is leaf


def test_a_mesh_of_one_device_changes_no_program():
    def program(x):
        return mean_of_parts(apart(lambda x: 2 * x)(spread(x)).sum() + together(x))

    plain = str(jax.make_jaxpr(program)(jnp.arange(3.0)))
    with jax.set_mesh(make_mesh(1)):
        assert str(jax.make_jaxpr(program)(jnp.arange(3.0))) == plain


def test_the_axes_that_jax_makes_by_default_are_refused():
    with (
        jax.set_mesh(jax.make_mesh((1,), ("agents",), axis_types=(AxisType.Explicit,))),
        pytest.raises(ValueError, match="of type Explicit is not allowed"),
    ):
        num_parts()


def test_other_axes_are_left_alone():
    with jax.set_mesh(jax.make_mesh((1,), ("data",))):
        assert num_parts() == 1


ON_EIGHT = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from rlsuite.method import Method, train
from rlsuite.sharding import SEEDS, apart, make_mesh, mean_of_parts, num_parts, spread, together

assert jax.device_count() == 8

def loop(shared, own):
    # Each device turns its own loop, as often as its own longest agent needs.
    def turn(carry):
        turns, own = carry
        return turns + 1, jnp.where(own < shared, own + 1, own)
    turns, own = jax.lax.while_loop(lambda carry: (carry[1] < shared).any(), turn, (0, own))
    return mean_of_parts(own.mean()), own, jnp.full(own.shape, turns)

with jax.set_mesh(make_mesh(8)):
    assert num_parts() == 8
    own = spread(jnp.arange(16.0))
    assert own.sharding.spec == PartitionSpec("agents")
    assert together(own).sharding.spec == PartitionSpec()
    mean, after, turns = jax.jit(apart(loop, (None, 0), (None, 0, 0)))(7.0, own)
    np.testing.assert_array_equal(after, np.maximum(np.arange(16), 7))
    assert float(mean) == np.maximum(np.arange(16), 7).mean()
    np.testing.assert_array_equal(turns, np.repeat([7, 5, 3, 1, 0, 0, 0, 0], 2))
    # Within, nothing is divided again.
    nested = apart(lambda x: apart(lambda x: 2 * x)(spread(x)) + num_parts())
    np.testing.assert_array_equal(jax.jit(nested)(own), 2 * np.arange(16) + 1)
    try:
        jax.jit(apart(loop, (None, 0), (None, 0, 0)))(7.0, jnp.arange(12.0))
    except ValueError as error:
        print(error)

# Two seeds on four devices each: what one seed comes to by itself.
def step(state):
    key, noise_key = jax.random.split(state[0])
    noise = jax.random.normal(noise_key, (8,))
    mean, agents, _ = apart(loop, (None, 0), (None, 0, 0))(3.0, state[1] + noise)
    return (key, agents - mean), {"mean": mean}

method = Method(lambda key: (key, spread(jax.random.normal(key, (8,)))), step)
seeds = jax.vmap(jax.random.key)(jnp.arange(4))
(_, expected), metrics = jax.jit(jax.vmap(train(method, 3)))(seeds)
with jax.set_mesh(make_mesh(4, num_seeds=2)):
    many = jax.jit(jax.vmap(train(method, 3), spmd_axis_name=SEEDS))
    (_, agents), found = many(seeds)
    assert agents.sharding.spec == PartitionSpec("seeds", "agents"), agents.sharding
np.testing.assert_allclose(agents, expected, rtol=1e-5, atol=1e-5)
np.testing.assert_allclose(found["mean"], metrics["mean"], rtol=1e-5)
print("the same")
"""


def test_each_device_lives_its_agents_and_each_group_of_devices_its_seeds():
    done = subprocess.run(
        [sys.executable, "-c", ON_EIGHT],
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "agents: 8 devices are not allowed; they must share 12 equally",
        "the same",
    ]
