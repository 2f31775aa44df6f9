"""Tests of what LPO is composed of; drifts, PPO and evolution are tested by themselves."""

from dataclasses import replace

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.drifts import LearnedDriftConfig
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.methods.lpo import LPOConfig, lpo
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

CONFIG = LPOConfig(
    drift=LearnedDriftConfig(hidden_width=4, clip_epsilon=0.2),
    networks=NetworkConfig("perceptron", (8,), activation="tanh"),
    ppo=PPOConfig(num_epochs=2, num_mini_batches=2),
    life=LifeConfig(num_workers=2, rollout_length=8),
    meta=EvolutionConfig(population_size=4, num_episodes=2),
)


def method(config, world_name="CartPole-v1"):
    world, params = gymnax.make(world_name)
    level = jax.tree.map(jnp.asarray, params)
    return lpo(world, lambda key: Task(level, jnp.int32(2)), config)


@pytest.mark.parametrize(("time", "known"), [("none", 0), ("progress", 1)])
def test_a_drift_that_knows_time_reads_its_features_once_more(time, known):
    config = replace(CONFIG, drift=replace(CONFIG.drift, time=time))
    state = jax.eval_shape(method(config).init, jax.random.key(0))
    kernels = [leaf.shape for leaf in jax.tree.leaves(state.parameters)]
    assert (8 * (1 + known), 4) in kernels


@pytest.mark.parametrize("world_name", ["CartPole-v1", "Pendulum-v1"])
def test_a_generation_lives_its_lives_and_moves_the_drift(world_name):
    evolved = method(CONFIG, world_name)
    before = jax.jit(evolved.init)(jax.random.key(0))
    after, metrics = jax.jit(evolved.step)(before)
    assert metrics["failed_candidates"] == 0
    assert np.isfinite(metrics["fitness"])
    # So short a life may leave a pair level; only a winner moves the mean.
    assert (metrics["update_norm"] > 0) == (metrics["tied_pairs"] < 1)
    assert jax.tree.structure(after) == jax.tree.structure(before)
