"""Tests of what fresh agents come to on held-out levels, against lives lived one by one."""

from typing import NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import trim_mean

from rlsuite.lifetime import Life, Task
from rlsuite.meta.held_out import held_out
from rlsuite.objectives.objective import Objective

NUM_LEVELS, NUM_EPISODES = 8, 3


class State(NamedTuple):
    parameters: jax.Array


def towards(world):
    """An update adds the objective's parameter to an agent's preference for counting up."""

    def policy(learner, memory, observation):
        zeros = jnp.zeros(observation.shape[:-1])
        return distrax.Categorical(jnp.stack([zeros, zeros + learner], axis=-1)), memory

    objective = Objective(
        init_parameters=lambda key: jnp.zeros(()),
        init=lambda key: jnp.zeros(()),
        policy=policy,
        update=lambda key, parameters, learner, experience, clock: (learner + parameters, {}),
    )
    return Life(world, objective, num_workers=2, rollout_length=3)


@pytest.fixture(scope="module")
def sample_task(counting_world):
    def sample(key):
        level_key, lifetime_key = jax.random.split(key)
        limit = jax.random.randint(level_key, (), 2, 6)
        level = counting_world.default_params.replace(max_steps_in_episode=limit)
        lifetime = jax.random.randint(lifetime_key, (), 1, 4)
        return Task(jax.tree.map(jnp.asarray, level), lifetime)

    return sample


def optimal_return(level):
    """Counting up in every step pays 1, 2, …; short episodes are taken to pay nothing."""
    limit = level.max_steps_in_episode
    return jnp.where(limit > 2, limit * (limit + 1) / 2, 0.0)


def measured(counting_world, sample_task, growth, optimal):
    measurement = held_out(
        towards(counting_world),
        sample_task,
        optimal,
        num_levels=NUM_LEVELS,
        num_episodes=NUM_EPISODES,
    )
    material = jax.jit(measurement.init)()
    return material, jax.jit(measurement.measure)(material, State(jnp.float32(growth)))


def test_fractions_are_those_of_lives_lived_one_by_one(counting_world, sample_task):
    material, metrics = measured(counting_world, sample_task, 0.4, optimal_return)
    life, fractions = towards(counting_world), []

    @jax.jit
    def alone(key, task):
        life_key, return_key = jax.random.split(key)
        agent = life.whole(life_key, jnp.float32(0.4), task)
        return life.mean_return(return_key, agent, NUM_EPISODES)

    for index in range(NUM_LEVELS):
        task = jax.tree.map(lambda leaf, index=index: leaf[index], material.task)
        best = optimal_return(task.level)
        fractions.append(alone(material.key[index], task) / best if best > 0 else np.nan)
    assert len(set(np.asarray(material.task.level.max_steps_in_episode))) > 1
    assert 0 < np.isnan(fractions).sum() < NUM_LEVELS
    np.testing.assert_allclose(
        metrics["held_out_fraction"],
        trim_mean(np.array([share for share in fractions if not np.isnan(share)]), 0.25),
        rtol=1e-5,
    )


def test_the_best_objective_has_all_and_returns_stand_in_where_the_best_is_not_known(
    counting_world, sample_task
):
    _, best = measured(counting_world, sample_task, 50.0, optimal_return)
    _, worst = measured(counting_world, sample_task, -50.0, optimal_return)
    assert (best["held_out_fraction"], worst["held_out_fraction"]) == (1.0, 0.0)
    material, unknown = measured(counting_world, sample_task, 50.0, None)
    limits = np.asarray(material.task.level.max_steps_in_episode)
    expected = trim_mean(limits * (limits + 1) / 2, 0.25)
    np.testing.assert_allclose(unknown["held_out_return"], expected)
