"""Tests of the pendulum against its equations in NumPy."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs import register_worlds

register_worlds()

WORLD, PARAMS = gymnax.make("Pendulum-control")
step = jax.jit(WORLD.step_env)


def state(angle, velocity):
    _, fresh = WORLD.reset_env(jax.random.key(0), PARAMS)
    return fresh.replace(angle=jnp.float32(angle), velocity=jnp.float32(velocity))


@settings(max_examples=50, deadline=None)
@given(st.floats(-7, 7), st.floats(-12, 12), st.floats(-5, 5))
def test_a_step_is_eulers(angle, velocity, action):
    seen, after, reward, terminated, _ = step(
        jax.random.key(0), state(angle, velocity), jnp.array([action]), PARAMS
    )
    acceleration = 14.7 * np.sin(angle) + 3 * np.tanh(action)
    angle, velocity = angle + 0.05 * velocity, velocity + 0.05 * acceleration
    expected = [np.cos(angle), np.sin(angle), velocity]
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(reward, (np.cos(angle) + 1) / 2, rtol=1e-4, atol=1e-4)
    assert 0 <= reward <= 1
    assert after.time == 1
    assert not terminated


def test_upright_pays_one_and_hanging_nothing():
    for angle, expected in ((0.0, 1.0), (np.pi, 0.0)):
        reward = step(jax.random.key(0), state(angle, 0.0), jnp.zeros(1), PARAMS)[2]
        np.testing.assert_allclose(reward, expected, atol=1e-6)


def test_the_torque_cannot_hold_the_rod_level():
    after = step(jax.random.key(0), state(np.pi / 2, 0.0), jnp.array([-1e6]), PARAMS)[1]
    assert after.velocity > 0


def test_an_episode_is_cut_after_200_steps_and_never_terminates():
    @jax.jit
    def run(key):
        _, state = WORLD.reset(key, PARAMS)

        def one(state, key):
            _, state, _, terminated, truncated, _ = WORLD.step(key, state, jnp.ones(1), PARAMS)
            return state, (terminated, truncated)

        return jax.lax.scan(one, state, jax.random.split(key, 450))[1]

    terminated, truncated = run(jax.random.key(1))
    assert not terminated.any()
    np.testing.assert_array_equal(np.flatnonzero(truncated), [199, 399])


def test_episodes_start_at_any_angle_with_a_small_velocity():
    seen, states = jax.vmap(WORLD.reset, (0, None))(
        jax.random.split(jax.random.key(0), 2000), PARAMS
    )
    for values, bound in ((states.angle, np.pi), (states.velocity, 1.0)):
        assert np.abs(values).max() <= bound
        # Uniform: quartiles lie where they should.
        quartiles = np.quantile(values / bound, [0.25, 0.5, 0.75])
        np.testing.assert_allclose(quartiles, [-0.5, 0, 0.5], atol=0.08)
    np.testing.assert_allclose(np.hypot(seen[:, 0], seen[:, 1]), 1, rtol=1e-5)


def test_spaces_have_the_shapes_of_what_they_hold():
    seen, _ = WORLD.reset(jax.random.key(0), PARAMS)
    assert WORLD.observation_space(PARAMS).contains(seen)
    assert WORLD.observation_space(PARAMS).shape == seen.shape
    assert WORLD.action_space(PARAMS).shape == (WORLD.num_actions,)
    assert WORLD.name in gymnax.registered_envs


@pytest.mark.parametrize("angle", [0.5, 2.0])
def test_without_torque_energy_stays_but_for_the_step(angle):
    params = PARAMS.replace(torque=0.0, time_step=1e-3)

    @jax.jit
    def run(state):
        def one(state, _):
            return WORLD.step_env(jax.random.key(0), state, jnp.ones(1), params)[1], None

        return jax.lax.scan(one, state, length=500)[0]

    def energy(state):
        return state.velocity**2 / 6 + 4.9 * np.cos(state.angle)

    before = state(angle, 0.0)
    after = run(before)
    assert abs(after.angle - angle) > 0.5
    np.testing.assert_allclose(energy(after), energy(before), atol=0.05)
