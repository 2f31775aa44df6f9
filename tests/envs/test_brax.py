"""Tests of brax's tasks as worlds; skipped where brax is not installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.brax import make_brax_world

pytest.importorskip("brax")


def test_a_world_steps_as_brax_does():
    world = make_brax_world("inverted_pendulum-brax")
    params = world.default_params
    observation, state = world.reset_env(jax.random.key(0), params)
    within = world.within.reset(jax.random.key(0))
    np.testing.assert_array_equal(observation, within.obs)
    assert world.observation_space(params).contains(observation)

    action = jnp.full(world.action_space(params).shape, 0.5)
    observation, state, reward, terminated, _ = jax.jit(world.step_env)(
        jax.random.key(1), state, action, params
    )
    expected = jax.jit(world.within.step)(within, action)
    np.testing.assert_allclose(observation, expected.obs, rtol=1e-6)
    assert reward == expected.reward and terminated == (expected.done > 0)
    assert not world.is_truncated(state, params)
    assert world.is_truncated(state.replace(time=jnp.int32(1000)), params)
