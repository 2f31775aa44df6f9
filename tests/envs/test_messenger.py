"""Tests that a messenger's world is the world of goals, in which the agent does as it hears."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.goals import GoalWorld, goal_form
from rlsuite.envs.messenger import MessengerParams, MessengerWorld

WITHIN, PARAMS = gymnax.make("CartPole-v1")
GOALS = GoalWorld(WITHIN, goal_form(WITHIN))
SCALE = 3.0


def obey(agent, observed):
    """Right where the last number of the message exceeds what the agent takes for granted."""
    return (observed[-1] > agent).astype(jnp.int32)


WORLD = MessengerWorld(GOALS, obey, message_size=2, scale=SCALE)


@pytest.mark.parametrize("action", [(0.0, -5.0), (7.0, 5.0), (-100.0, 0.6)])
def test_the_agent_acts_on_the_message_and_the_goal_pays(action):
    agent = jnp.float32(1.5)
    level = MessengerParams(PARAMS, agent)
    key = jax.random.key(0)
    seen, state = WORLD.reset(key, level)
    seen, after, reward, terminated, _ = jax.jit(WORLD.step_env)(
        key, state, jnp.array(action), level
    )
    right = int(SCALE * np.tanh(action[1]) > agent)
    expected = GOALS.step_env(key, state, right, PARAMS)
    np.testing.assert_allclose(seen, [*expected[0], *state.goal], rtol=1e-5)
    np.testing.assert_allclose(WORLD.get_obs(after, level), seen, rtol=1e-6)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5),
        (after, reward, terminated),
        expected[1:4],
    )


def test_the_agent_hears_messages_up_to_the_scale_after_its_observation():
    heard = []

    def listen(agent, observed):
        heard.append(np.asarray(observed))
        return 0

    world = MessengerWorld(GOALS, listen, message_size=2, scale=SCALE)
    level = MessengerParams(PARAMS, None)
    seen, state = world.reset(jax.random.key(0), level)
    world.step_env(jax.random.key(0), state, jnp.array([1e6, -0.5]), level)
    np.testing.assert_allclose(heard[0], [*seen[:4], SCALE, SCALE * np.tanh(-0.5)], rtol=1e-6)


def test_what_the_agent_sees_and_what_the_world_does_next_are_drawn_by_keys_of_their_own():
    """Neither is made of the other: what is folded into a key is among what is split off it."""
    drawn = []

    class Recording(GoalWorld):
        def observe(self, key, state, action, params):
            drawn.append(key)
            return super().observe(key, state, action, params)

        def step_env(self, key, state, action, params):
            drawn.append(key)
            return super().step_env(key, state, action, params)

    world = MessengerWorld(Recording(WITHIN, goal_form(WITHIN)), obey, message_size=2, scale=SCALE)
    level, key = MessengerParams(PARAMS, jnp.float32(0)), jax.random.key(0)
    _, state = world.reset(key, level)
    world.step_env(key, state, jnp.zeros(2), level)
    observed, stepped = (set(map(tuple, _family(key).tolist())) for key in drawn)
    assert len(observed) == 9 and not observed & stepped


def _family(key):
    """A key and what is split off it, as numbers."""
    return np.concatenate(
        [
            np.asarray(jax.random.key_data(keys)).reshape(-1, 2)
            for keys in (key, jax.random.split(key, 8))
        ]
    )


def test_the_messengers_spaces_are_messages_and_observations_with_goals():
    level = WORLD.default_params
    seen, _ = WORLD.reset(jax.random.key(0), level)
    assert seen.shape == WORLD.observation_space(level).shape == (5,)
    assert WORLD.action_space(level).shape == (2,)
    assert level.max_steps_in_episode == 500
    assert WORLD.name == "Messenger(Goal(CartPole-v1))"


def test_images_are_flattened_before_message_and_goal():
    within, params = gymnax.make("Breakout-MinAtar")
    goals = GoalWorld(within, goal_form(within))
    world = MessengerWorld(
        goals, lambda agent, observed: jnp.argmax(observed[-3:]), message_size=3, scale=1.0
    )
    level = MessengerParams(params, ())
    seen, state = world.reset(jax.random.key(0), level)
    assert seen.shape == (402,)
    _, after, *_ = world.step_env(jax.random.key(0), state, jnp.array([0.0, 1.0, 0.0]), level)
    assert after.world.pos == state.world.pos - 1
