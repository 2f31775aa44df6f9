"""The speed of the grid world by itself."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from rlsuite.envs.gridworld.levels import level_distribution
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, copy, median

FLOAT_BYTES = 4


def grid_world(num_worlds: int = 1024, num_steps: int = 1000, repeats: int = REPEATS) -> Figures:
    """Steps per second of worlds of `all` under random actions, in both forms of observation.

    The time of a step with one-hot observations is that of writing them, so beside it an array of
    their shape is copied as often.

    Args:
      num_worlds: worlds side by side.
      num_steps: steps of each in one call; a tenth of that with one-hot observations.
      repeats: timed calls of each program.
    """
    one_hot_steps = max(1, num_steps // 10)
    world = level_distribution("all", observation="one_hot").world
    observation_shape = (num_worlds, world.num_states + 1)
    copying = copy(observation_shape, one_hot_steps)
    index_seconds, one_hot_seconds, copy_seconds = alternate_seconds(
        _random_walk("index", num_worlds, num_steps),
        _random_walk("one_hot", num_worlds, one_hot_steps),
        copying.run,
        repeats=repeats,
    )
    index_rates = num_worlds * num_steps / index_seconds
    one_hot_rates = num_worlds * one_hot_steps / one_hot_seconds
    written_rates = one_hot_rates * observation_shape[1] * FLOAT_BYTES
    copy_rates = copying.amount / copy_seconds
    return {
        "million_steps_per_second_index_observation": median(index_rates) / 1e6,
        "million_steps_per_second_one_hot_observation": median(one_hot_rates) / 1e6,
        "one_hot_gigabytes_written_per_second": median(written_rates) / 1e9,
        "copy_gigabytes_written_per_second": median(copy_rates) / 1e9,
        "one_hot_fraction_of_copy_rate": median(written_rates / copy_rates),
    }


def _random_walk(
    observation: Literal["index", "one_hot"], num_worlds: int, num_steps: int
) -> Callable[[], Any]:
    distribution = level_distribution("all", observation=observation)
    world = distribution.world
    keys = jax.random.split(jax.random.key(0), num_worlds)
    levels, _ = jax.vmap(distribution.sample)(keys)
    first_observations, states = jax.vmap(world.reset)(keys, levels)

    def step(carry, key):
        states, _, total_reward = carry
        action_key, world_key = jax.random.split(key)
        actions = jax.random.randint(action_key, (num_worlds,), 0, world.num_actions)
        observations, states, rewards, *_ = jax.vmap(world.step)(
            jax.random.split(world_key, num_worlds), states, actions, levels
        )
        # Observations are carried, not summed up: a sum would be computed without writing them.
        return (states, observations, total_reward + rewards.sum()), None

    def walk(states, observations, key):
        start = (states, observations, jnp.zeros(()))
        return jax.lax.scan(step, start, jax.random.split(key, num_steps))[0]

    program = jax.jit(walk)
    return lambda: program(states, first_observations, jax.random.key(1))
