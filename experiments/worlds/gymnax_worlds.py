"""Whatever is registered with gymnax, by gymnax or by a module named with `--import`."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.agents import ActorCriticConfig, AgentConfig
from rlsuite.envs import register_worlds
from rlsuite.envs.control import MountainCarContinuous
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.specs import Reference, WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_parameters
from rlsuite.lifetime import Task
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.rollout import Level

register_worlds()

# Making this world fetches its images.
WORLDS_THAT_DOWNLOAD = ("MNISTBandit-bsuite",)

CORRECTED: Mapping[str, Callable[[], Environment]] = {
    "MountainCarContinuous-v0": MountainCarContinuous
}
"""Worlds of ours that stand in for gymnax's of the same name, whose rules are not the published."""

_PERCEPTRON = AgentConfig("perceptron", (64, 64), (), "adam", 5e-4, 5e-4, 1.0)
_CONVOLUTION = AgentConfig("convolution", (64,), (32, 32), "adam", 5e-4, 5e-4, 1.0)

_BY_RULES = "the most its rules allow"
_BY_GYMNAX = "a trained agent's, as the README of gymnax has it"
_BY_PPO = "PPO's with the suite's settings, as docs/results/agents.md has it"
REFERENCES = {
    "CartPole-v1": Reference(500.0, _BY_RULES),
    "Pendulum-v1": Reference(-147.9, _BY_PPO),
    "Acrobot-v1": Reference(-80.0, _BY_GYMNAX),
    "MountainCar-v0": Reference(-118.0, _BY_GYMNAX),
    "MountainCarContinuous-v0": Reference(92.0, _BY_GYMNAX),
    "Breakout-MinAtar": Reference(50.7, _BY_PPO),
    "Catch-bsuite": Reference(1.0, _BY_RULES),
    "DeepSea-bsuite": Reference(0.99, _BY_RULES),
    "MemoryChain-bsuite": Reference(1.0, _BY_RULES),
    "UmbrellaChain-bsuite": Reference(1.0, f"{_BY_RULES}, but for noise of mean zero"),
    "DiscountingChain-bsuite": Reference(1.1, _BY_RULES),
    "FourRooms-misc": Reference(1.0, _BY_RULES),
    "MetaMaze-misc": Reference(32.0, _BY_GYMNAX),
    "PointRobot-misc": Reference(10.0, _BY_GYMNAX),
    "BernoulliBandit-misc": Reference(90.0, "what the better arm pays in the mean"),
    "FrozenLake-misc": Reference(1.0, _BY_RULES),
}
"""Returns to measure others by, for worlds with their usual parameters."""

# Lifetimes in agent updates and agents, by the suffix of a name (LPG's appendix).
_SUFFIXES = {"MinAtar": (100_000, _CONVOLUTION), "bsuite": (100, _PERCEPTRON)}
_OTHERS = (1000, _PERCEPTRON)


_CART_POLE = PPOSettings(
    networks=ActorCriticConfig("perceptron", (64, 64), activation="tanh"),
    ppo=PPOConfig(
        entropy_coefficient=0.0,
        num_epochs=8,
        num_mini_batches=4,
        learning_rate=3e-3,
        anneal_learning_rate=True,
    ),
    num_workers=8,
    rollout_length=64,
    lifetime=60,
)
_PENDULUM = PPOSettings(
    networks=ActorCriticConfig("perceptron", (32, 32), activation="tanh"),
    ppo=PPOConfig(
        discount=0.97,
        entropy_coefficient=0.0,
        num_epochs=10,
        num_mini_batches=4,
        learning_rate=3e-3,
        anneal_learning_rate=True,
        normalise_rewards=True,
    ),
    num_workers=16,
    # As long as an episode, so that every rollout of all workers is one whole swing-up.
    rollout_length=200,
    lifetime=100,
)
_MINATAR = PPOSettings(
    networks=ActorCriticConfig("perceptron", (64, 64)),
    ppo=PPOConfig(
        num_epochs=4,
        num_mini_batches=8,
        learning_rate=5e-3,
        anneal_learning_rate=True,
    ),
    num_workers=64,
    rollout_length=128,
    lifetime=500,
)


def ppo_settings(world: str) -> PPOSettings:
    """The settings for a world by its name: its own, or those of the world most like it.

    They are tuned on CartPole, on Pendulum and, for all of MinAtar's games, on Breakout.
    """
    if world.endswith("-MinAtar"):
        return _MINATAR
    return _PENDULUM if world == "Pendulum-v1" else _CART_POLE


def world_spec(
    name: str, world: Environment, level: Level, *, like: str | None = None
) -> WorldSpec:
    """A world with one level, and the field's usual agents for worlds of such a name.

    Args:
      name: of the world.
      world: with gymnax's interface.
      level: its parameters.
      like: the world whose settings of PPO serve it; by default those for its own name.
    """
    lifetime, agent = _SUFFIXES.get(name.rpartition("-")[2], _OTHERS)
    level = jax.tree.map(jnp.asarray, level)
    return WorldSpec(
        name=name,
        world=world,
        sample_task=lambda key: Task(level, jnp.int32(lifetime)),
        lifetime_range=(lifetime, lifetime),
        agent=agent,
        ppo=ppo_settings(like or name),
    )


@cache
def gymnax_world(name: str) -> WorldSpec:
    """A world of gymnax with its usual parameters, to which its reference belongs."""
    return world_spec(name, *_world_and_level(name))._replace(reference=REFERENCES.get(name))


def _world_and_level(name: str) -> tuple[Environment, Level]:
    if name not in CORRECTED:
        return gymnax.make(name)
    world = CORRECTED[name]()
    return world, world.default_params


def _names() -> list[str]:
    return [name for name in gymnax.registered_envs if name not in WORLDS_THAT_DOWNLOAD]


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    if not parameters:
        return gymnax_world(name)
    world, level = _world_and_level(name)
    return world_spec(name, world, with_parameters(level, parameters))


FAMILY = WorldFamily("worlds of gymnax", _names, _make, word="gymnax")
