"""Adversarial cheap talk: the paper's victims, world by world, and configurations by name."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

from rlsuite.experiments.configs import ACTRun, ACTTestRun, EvaluationConfig
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.presets_ppo import PPOPreset
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.methods.cheap_talk import ChannelConfig
from rlsuite.networks import Activation, NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

WORLD_NAMES = {
    "cartpole": "CartPole-v1",
    "pendulum": "Pendulum-control",
    "reacher": "Reacher-control",
    "breakout": "Breakout-MinAtar",
}
"""The paper's worlds by their short names."""


def world_name(short_name: str) -> str:
    """The full name of one of the paper's worlds.

    Raises:
      ConfigError: if there is none of that name.
    """
    if short_name not in WORLD_NAMES:
        raise ConfigError(nearest("world", short_name, WORLD_NAMES))
    return WORLD_NAMES[short_name]


class VictimPreset(NamedTuple):
    """How the paper's victims live in a world, and how many of them a generation has."""

    life: PPOPreset
    population_size: int


def _victims(
    num_workers: int,
    rollout_length: int,
    lifetime: int,
    *,
    num_epochs: int,
    discount: float,
    entropy_coefficient: float,
    learning_rate: float,
    hidden_width: int,
    activation: Activation,
    population_size: int,
) -> VictimPreset:
    ppo = PPOConfig(
        discount=discount,
        entropy_coefficient=entropy_coefficient,
        num_epochs=num_epochs,
        num_mini_batches=1,
        learning_rate=learning_rate,
        normalise_observations=True,
    )
    networks = NetworkConfig("perceptron", (hidden_width, hidden_width), activation=activation)
    return VictimPreset(
        PPOPreset(networks, ppo, num_workers, rollout_length, lifetime), population_size
    )


_CART_POLE = _victims(
    4,
    256,
    32,
    num_epochs=16,
    discount=0.99,
    entropy_coefficient=0.01,
    learning_rate=0.005,
    hidden_width=32,
    activation="tanh",
    population_size=1024,
)
_VICTIMS = {
    "CartPole-v1": _CART_POLE,
    "Pendulum-control": _victims(
        16,
        256,
        128,
        num_epochs=16,
        discount=0.95,
        entropy_coefficient=0.005,
        learning_rate=0.02,
        hidden_width=32,
        activation="tanh",
        population_size=768,
    ),
    "Reacher-control": _victims(
        32,
        128,
        256,
        num_epochs=10,
        discount=0.99,
        entropy_coefficient=0.0005,
        learning_rate=0.004,
        hidden_width=128,
        activation="relu",
        population_size=128,
    ),
    "Breakout-MinAtar": _victims(
        64,
        128,
        1024,
        num_epochs=32,
        discount=0.99,
        entropy_coefficient=0.01,
        learning_rate=3e-4,
        hidden_width=256,
        activation="relu",
        population_size=128,
    ),
}


def victim_preset(world: str) -> VictimPreset:
    """The paper's victims in a world by its name; in any other world they are those of CartPole."""
    return _VICTIMS.get(world, _CART_POLE)


_SMOKE: dict[str, Any] = {
    "steps": 2,
    "max_lifetime": 2,
    "log_every": 1,
    "checkpoint_every": 1,
    "meta": EvolutionConfig(population_size=4, shaping="z_score", num_episodes=4),
    "evaluation": EvaluationConfig(num_seeds=4, num_episodes=4, num_agents=4),
}
# Channels without hidden layers have so few weights that minutes are enough to evolve them, and
# lives so short that victims are still learning at their end leave something to gain or to spoil.
_LAPTOP: dict[str, Any] = {
    "steps": 80,
    "max_lifetime": 10,
    "log_every": 1,
    "checkpoint_every": 20,
    "channel": ChannelConfig(hidden_widths=()),
    "meta": EvolutionConfig(
        strategy="CMA_ES",
        population_size=48,
        standard_deviation=3.0,
        shaping="z_score",
        num_episodes=16,
    ),
    "evaluation": EvaluationConfig(num_seeds=128, num_episodes=32, num_agents=32),
}
_PAPER: dict[str, Any] = {
    "steps": 2049,
    "log_every": 1,
    "checkpoint_every": 32,
    "meta": EvolutionConfig(shaping="z_score", num_episodes=16),
    "evaluation": EvaluationConfig(num_seeds=64, num_episodes=64, num_agents=64),
}

ACT_TRAIN: dict[str, dict[str, Any]] = {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": _PAPER}
ACT_TEST: dict[str, dict[str, Any]] = {
    "smoke": _SMOKE | {"oracle_lifetime": 2},
    "laptop": _LAPTOP
    | {
        "steps": 150,
        "max_lifetime": 16,
        "channel": ChannelConfig(message_size=1, scale=math.pi, hidden_widths=()),
        "messenger_networks": NetworkConfig("perceptron", ()),
        "meta": replace(_LAPTOP["meta"], standard_deviation=1.0),
    },
    "paper": _PAPER,
}


def act_preset(config_type: type[ACTRun], fields: dict[str, Any]) -> ACTRun:
    """A configuration of adversarial cheap talk with the paper's victims for its world.

    Args:
      config_type: of the attack.
      fields: what differs from the defaults; networks, PPO, workers, rollouts, lifetimes and, in
        a preset that names none, the population are the paper's for the world.
    """
    world = fields.setdefault("tasks", WORLD_NAMES["cartpole"])
    victims, population_size = victim_preset(world)
    lifetime = fields.get("max_lifetime", victims.lifetime)
    meta = fields["meta"]
    if meta.population_size == EvolutionConfig.population_size:
        meta = replace(meta, population_size=population_size)
    usual: dict[str, Any] = {
        "networks": victims.networks,
        "ppo": victims.ppo,
        "life": LifeConfig(victims.num_workers, victims.rollout_length),
    }
    if config_type is ACTTestRun:
        usual |= {
            "channel": ChannelConfig(scale=math.pi),
            "messenger_networks": victims.networks,
            "oracle_networks": victims.networks,
            "oracle_ppo": replace(victims.ppo, learning_rate=0.02, entropy_coefficient=0.005),
        }
    lives = {"meta": meta, "min_lifetime": lifetime, "max_lifetime": lifetime}
    return config_type(**(usual | fields | lives))
