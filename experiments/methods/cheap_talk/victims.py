"""Adversarial cheap talk: the paper's victims, world by world."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from rlsuite.agents import ActorCriticConfig
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.layers import Activation
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

WORLD_NAMES = {
    "cartpole": "CartPole-v1",
    "pendulum": "Pendulum-control",
    "reacher": "Reacher-control",
    "breakout": "Breakout-MinAtar",
}
"""The paper's worlds by their short names."""


class VictimSettings(NamedTuple):
    """How the paper's victims live in a world.

    Attributes:
      life: of a victim.
      population_size: how many a generation has.
      oracle_ppo: by which a messenger is trained against a victim.
    """

    life: PPOSettings
    population_size: int
    oracle_ppo: PPOConfig


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
    oracle: Mapping[str, Any] = MappingProxyType({}),
) -> VictimSettings:
    """The paper's row of a world, and in what its oracle's PPO is another than the victims'."""
    # As in public code, whose coefficient of 0.5 is of half the squared error. One torso for both
    # learns next to nothing where values are not clipped (docs/results/cheap_talk.md).
    ppo = PPOConfig(
        discount=discount,
        entropy_coefficient=entropy_coefficient,
        value_coefficient=0.25,
        value_clip=0.2,
        num_epochs=num_epochs,
        num_mini_batches=1,
        learning_rate=learning_rate,
        normalise_observations=True,
    )
    networks = ActorCriticConfig(
        "perceptron", (hidden_width, hidden_width), activation=activation, torso="shared"
    )
    life = PPOSettings(networks, ppo, num_workers, rollout_length, lifetime)
    return VictimSettings(life, population_size, replace(ppo, **oracle))


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
    oracle={"learning_rate": 0.02, "entropy_coefficient": 0.005},
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


def victim_settings(world: str) -> VictimSettings:
    """The paper's victims in a world by its name; in any other world they are those of CartPole."""
    return _VICTIMS.get(world, _CART_POLE)
