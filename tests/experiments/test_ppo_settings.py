"""Settings of PPO fit their worlds, and agents learn by them."""

import gymnax
import jax
import jax.numpy as jnp
import pytest

from rlsuite.agents import ActorCriticConfig
from rlsuite.drifts import LearnedDriftConfig, learned
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.worlds.gymnax_worlds import ppo_settings
from rlsuite.lifetime import Task
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

WORLDS = ("CartPole-v1", "Pendulum-v1", "Breakout-MinAtar", "SpaceInvaders-MinAtar", "Acrobot-v1")


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_has_settings_that_fit_it(name):
    preset, (world, params) = ppo_settings(name), gymnax.make(name)
    life = preset.life(world)
    task = Task(jax.tree.map(jnp.asarray, params), jnp.int32(preset.lifetime))
    # Shapes alone tell whether the mini-batches come out even and the networks read the world.
    shapes = jax.eval_shape(lambda key: life.whole(key, (), task), jax.random.key(0))
    assert shapes.learner.returns.returns.shape == (preset.num_workers,)


def test_worlds_without_settings_of_their_own_get_those_of_their_kind():
    assert ppo_settings("Asterix-MinAtar") is ppo_settings("Breakout-MinAtar")
    assert ppo_settings("Acrobot-v1") is ppo_settings("CartPole-v1")
    assert ppo_settings("Pendulum-v1") is not ppo_settings("CartPole-v1")


def test_a_life_has_as_many_steps_as_workers_rollouts_and_updates_make():
    preset = PPOSettings(ActorCriticConfig("perceptron", (4,)), PPOConfig(), 3, 8, 5)
    assert preset.num_steps == 3 * 8 * 5


def test_a_drift_stands_in_for_the_clip():
    preset, (world, _) = ppo_settings("CartPole-v1"), gymnax.make("CartPole-v1")
    assert preset.life(world).objective.init_parameters(jax.random.key(0)) == ()
    drift = learned(LearnedDriftConfig(hidden_width=4))
    parameters = preset.life(world, drift).objective.init_parameters(jax.random.key(0))
    assert jax.tree.leaves(parameters)


@pytest.mark.parametrize(
    ("name", "lifetime", "untrained", "trained"),
    [("CartPole-v1", 20, 60, 150), ("Pendulum-v1", 25, -900, -400)],
)
def test_agents_learn_by_the_first_part_of_their_settings(name, lifetime, untrained, trained):
    preset, (world, params) = ppo_settings(name)._replace(lifetime=lifetime), gymnax.make(name)
    life, level = preset.life(world), jax.tree.map(jnp.asarray, params)

    @jax.jit
    def final_return(key, lifetime):
        agent = life.whole(key, (), Task(level, lifetime))
        return life.mean_return(key, agent, 32)

    assert final_return(jax.random.key(0), 0) < untrained
    assert final_return(jax.random.key(0), lifetime) > trained
