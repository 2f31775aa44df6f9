"""Tests that a goal changes what is paid and nothing else, and pays as it should."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs import register_worlds
from rlsuite.envs.goals import GOAL_FORMS, GoalWorld, goal_form

register_worlds()


def goal_world(name):
    world, params = gymnax.make(name)
    return GoalWorld(world, goal_form(world)), params


@pytest.mark.parametrize("name", GOAL_FORMS)
def test_observations_dynamics_and_endings_are_those_of_the_world_within(name):
    world, params = goal_world(name)
    params = params.replace(max_steps_in_episode=9)

    @jax.jit
    def run(key):
        _, state = world.reset(key, params)

        def step(state, key):
            action = world.action_space(params).sample(key)
            both = world.step_env(key, state, action, params)
            within = world.world.step_env(key, state.world, action, params)
            state = both[1]
            truncated = world.is_truncated(state, params)
            return state, (both, within, truncated, world.get_obs(state, params))

        return jax.lax.scan(step, state, jax.random.split(key, 12))[1]

    (seen, state, _, terminated, info), within, truncated, shown = run(jax.random.key(0))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6),
        (seen, state.world, info["reward"], terminated),
        within[:4],
    )
    np.testing.assert_array_equal(shown, seen)
    np.testing.assert_array_equal(truncated, np.arange(1, 13) >= 9)
    np.testing.assert_allclose(state.score, np.cumsum(within[2]), rtol=1e-5)
    assert (state.goal == state.goal[0]).all()
    assert world.observation_space(params).shape == seen.shape[1:]


@pytest.mark.parametrize("name", GOAL_FORMS)
def test_a_new_episode_has_a_new_goal(name):
    world, params = goal_world(name)
    params = params.replace(max_steps_in_episode=1)
    _, first = world.reset(jax.random.key(0), params)
    action = world.action_space(params).sample(jax.random.key(2))
    _, second, *_ = world.step(jax.random.key(1), first, action, params)
    assert (world.goal(first) != world.goal(second)).any()
    assert second.time == 0
    assert second.score == 0


def draws(name, num=2000):
    world, params = goal_world(name)
    keys = jax.random.split(jax.random.key(0), num)
    return world, params, jax.jit(jax.vmap(world.reset, (0, None)))(keys, params)[1]


def paid(world, params, state, action):
    return jax.jit(world.step_env)(jax.random.key(0), state, action, params)


def test_cart_is_paid_for_being_near_a_position_on_its_track():
    world, params, states = draws("CartPole-v1")
    quartiles = np.quantile(states.goal, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(quartiles, [-2.4, -1.2, 0, 1.2, 2.4], atol=0.15)
    one = jax.tree.map(lambda leaf: leaf[0], states)
    _, after, reward, *_ = paid(world, params, one, 1)
    distance = after.world.x - one.goal[0]
    np.testing.assert_allclose(reward, np.exp(-(distance**2)), rtol=1e-5)
    np.testing.assert_allclose(world.reached(after), [after.world.x])
    np.testing.assert_array_equal(world.goal(one), one.goal)


def test_pendulum_is_paid_for_pointing_in_a_direction():
    world, params, states = draws("Pendulum-control")
    np.testing.assert_allclose(np.linalg.norm(states.goal, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(states.goal.mean(axis=0), 0, atol=0.06)
    one = jax.tree.map(lambda leaf: leaf[0], states)
    _, after, reward, *_ = paid(world, params, one, jnp.ones(1))
    goal = np.arctan2(one.goal[1], one.goal[0])
    np.testing.assert_allclose(reward, (np.cos(after.world.angle - goal) + 1) / 2, rtol=1e-5)
    angle = np.arctan2(*world.reached(after)[::-1])
    np.testing.assert_allclose(np.cos(angle - after.world.angle), 1, rtol=1e-5)


def test_reacher_is_paid_for_a_point_other_than_the_one_shown():
    world, params, states = draws("Reacher-control")
    assert np.linalg.norm(states.goal, axis=1).max() <= 2
    assert (states.goal != states.world.goal).all()
    one = jax.tree.map(lambda leaf: leaf[0], states)
    seen, after, reward, *_ = paid(world, params, one, jnp.ones(2))
    tip = np.array([np.cos(after.world.angles).sum(), np.sin(after.world.angles).sum()])
    np.testing.assert_allclose(reward, np.exp(-np.sum((tip - one.goal) ** 2)), rtol=1e-5)
    np.testing.assert_allclose(world.reached(after), tip, rtol=1e-5)
    np.testing.assert_array_equal(seen[6:8], one.world.goal)


@pytest.mark.parametrize(("score", "sign"), [(6.0, 1), (7.0, 1), (8.0, -1)])
def test_breakout_is_paid_up_to_a_score_and_fined_beyond(score, sign):
    form = GOAL_FORMS["Breakout-MinAtar"]
    assert form.reward(None, jnp.array([7.0]), jnp.array(score), jnp.array(1.0)) == sign
    assert form.reward(None, jnp.array([7.0]), jnp.array(score), jnp.array(0.0)) == 0


def test_breakouts_messenger_reads_the_score_as_well_as_the_goal():
    world, params, states = draws("Breakout-MinAtar")
    quartiles = np.quantile(states.goal, [0, 0.5, 1])
    np.testing.assert_allclose(quartiles, [0, 25, 50], atol=2)
    state = jax.tree.map(lambda leaf: leaf[0], states).replace(score=jnp.array(3.0))
    np.testing.assert_array_equal(world.goal(state), [*state.goal, 3.0])
    after = paid(world, params, state, 0)[1]
    np.testing.assert_array_equal(world.reached(after), [3.0])


def test_worlds_without_goals_are_refused():
    with pytest.raises(ValueError, match=r"world: Acrobot-v1 is not allowed; .* CartPole-v1"):
        goal_form(gymnax.make("Acrobot-v1")[0])
