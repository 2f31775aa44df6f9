"""Tests of the reacher against its equations in NumPy."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs import register_worlds
from rlsuite.envs.control.reacher import tip

register_worlds()

WORLD, PARAMS = gymnax.make("Reacher-control")
step = jax.jit(WORLD.step_env)
pair = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


def state(angles, velocities, goal):
    _, fresh = WORLD.reset_env(jax.random.key(0), PARAMS)
    return fresh.replace(
        angles=jnp.array(angles, jnp.float32),
        velocities=jnp.array(velocities, jnp.float32),
        goal=jnp.array(goal, jnp.float32),
    )


@settings(max_examples=50, deadline=None)
@given(pair, pair, pair, pair)
def test_a_step_is_eulers(angles, velocities, goal, action):
    seen, after, reward, terminated, _ = step(
        jax.random.key(0), state(angles, velocities, goal), jnp.array(action), PARAMS
    )
    angles, velocities, goal = map(np.array, (angles, velocities, goal))
    push = np.tanh(action)
    angles, velocities = angles + 0.1 * velocities, 0.9 * velocities + 0.1 * push
    end = np.array([np.cos(angles).sum(), np.sin(angles).sum()])
    expected = [*np.cos(angles), *np.sin(angles), *velocities, *goal, *(goal - end)]
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        reward, -np.sum((end - goal) ** 2) - np.sum(push**2), rtol=1e-4, atol=1e-4
    )
    assert after.time == 1
    distance = np.linalg.norm(end - goal)
    assert terminated == (distance < 0.3) or abs(distance - 0.3) < 1e-4


def test_the_episode_terminates_within_the_radius_of_the_goal():
    for goal, expected in (((2.0, 0.29), True), ((2.0, 0.31), False)):
        terminated = step(jax.random.key(0), state((0, 0), (0, 0), goal), jnp.zeros(2), PARAMS)[3]
        assert terminated == expected


def test_an_episode_is_cut_after_200_steps():
    _, fresh = WORLD.reset(jax.random.key(0), PARAMS)
    # The tip stays at the right end, out of reach of a goal on the left.
    late = fresh.replace(time=jnp.int32(199), angles=jnp.zeros(2), goal=jnp.array([-1.0, 0.0]))
    _, after, _, terminated, truncated, _ = WORLD.step(
        jax.random.key(1), late, jnp.zeros(2), PARAMS
    )
    assert truncated
    assert not terminated
    assert after.time == 0


def test_goals_are_uniform_in_the_disc_and_links_start_at_rest_in_any_direction():
    seen, states = jax.vmap(WORLD.reset, (0, None))(
        jax.random.split(jax.random.key(0), 2000), PARAMS
    )
    assert np.linalg.norm(states.goal, axis=1).max() <= 2
    # In a uniform disc, squared distances from the centre are uniform.
    squares = np.sum(states.goal**2, axis=1) / 4
    np.testing.assert_allclose(
        np.quantile(squares, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.05
    )
    np.testing.assert_allclose(states.goal.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(np.quantile(states.angles, [0.25, 0.75]), [-1.57, 1.57], atol=0.2)
    np.testing.assert_array_equal(states.velocities, 0)
    np.testing.assert_allclose(
        seen[:, 8:], states.goal - jax.vmap(tip)(states), rtol=1e-5, atol=1e-5
    )


def test_spaces_have_the_shapes_of_what_they_hold():
    seen, _ = WORLD.reset(jax.random.key(0), PARAMS)
    assert WORLD.observation_space(PARAMS).contains(seen)
    assert WORLD.observation_space(PARAMS).shape == seen.shape
    assert WORLD.action_space(PARAMS).shape == (WORLD.num_actions,)
    assert WORLD.name in gymnax.registered_envs
