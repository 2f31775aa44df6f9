"""Worlds and data that the tests of the learning core share."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from flax import struct
from gymnax.environments import environment, spaces

from rlsuite.envs.gridworld import GridWorld, TabularObservation
from rlsuite.rollout import Transition


@struct.dataclass
class CountingParams(environment.EnvParams):
    max_steps_in_episode: int = 100
    goal: int = 100
    highest_start: int = 0


@struct.dataclass
class CountingState(environment.EnvState):
    count: int


class CountingWorld(environment.Environment):
    """Action 1 counts up and pays the new count, action 0 waits; reaching the goal terminates.

    An observation is the count and the time, so that it tells everything about the state. Only the
    start, a count in [0, highest_start], is random.
    """

    num_actions = 2

    @property
    def default_params(self):
        return CountingParams()

    def reset_env(self, key, params):
        count = jax.random.randint(key, (), 0, params.highest_start + 1)
        state = CountingState(time=jnp.zeros((), jnp.int32), count=count)
        return self.get_obs(state), state

    def step_env(self, key, state, action, params):
        state = CountingState(time=state.time + 1, count=state.count + action)
        reward = action * state.count
        return self.get_obs(state), state, reward, state.count >= params.goal, {}

    def get_obs(self, state, params=None, key=None):
        return jnp.array([state.count, state.time], jnp.float32)

    def observation_space(self, params):
        return spaces.Box(0, jnp.inf, (2,))

    def action_space(self, params):
        return spaces.Discrete(self.num_actions)


@pytest.fixture
def nothing_checked():
    """As for users, whose calls no annotation checks."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def counting_world():
    return CountingWorld()


class HiddenClockWorld(CountingWorld):
    """The same, but nobody sees the time: the clock feeds nothing but the time limit."""

    def get_obs(self, state, params=None, key=None):
        return jnp.array([state.count, 0], jnp.float32)


@pytest.fixture(scope="session")
def hidden_clock_world():
    return HiddenClockWorld()


@pytest.fixture(scope="session")
def tiny_grid():
    """A 3 × 3 grid world in which the corner opposite to the start pays 1 and ends the episode."""
    return GridWorld(max_side=3, max_objects=1, max_types=1)


@pytest.fixture(scope="session")
def random_grid_rollout():
    """A function that makes up a rollout in a grid world of 18 states: everything is random."""

    def make(seed, length=6, num_workers=4, num_states=18, num_actions=5):
        random = np.random.default_rng(seed)
        shape = (length, num_workers)

        def observation():
            return TabularObservation(
                index=jnp.asarray(random.integers(num_states, size=shape), jnp.int32),
                time=jnp.asarray(random.uniform(0, 0.5, shape), jnp.float32),
            )

        terminated = random.random(shape) < 0.2
        return Transition(
            observation=observation(),
            action=jnp.asarray(random.integers(num_actions, size=shape), jnp.int32),
            log_probability=jnp.asarray(np.log(random.random(shape)), jnp.float32),
            reward=jnp.asarray(random.normal(size=shape), jnp.float32),
            terminated=jnp.asarray(terminated),
            truncated=jnp.asarray(~terminated & (random.random(shape) < 0.2)),
            next_observation=observation(),
        )

    return make
