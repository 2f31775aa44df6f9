"""Configurations of adversarial cheap talk by name, with the paper's victims for the world.

Networks, PPO, workers, rollouts, lifetimes and, in a preset that names none, the population are
the paper's for the world.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rlsuite.experiments.meta_test import EvaluationConfig
from rlsuite.experiments.methods.cheap_talk.victims import (
    WORLD_NAMES,
    VictimSettings,
    victim_settings,
)
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.methods.cheap_talk import ChannelConfig, TrainTimeConfig
from rlsuite.methods.cheap_talk_test_time import TestTimeConfig
from rlsuite.networks import NetworkConfig

# Channels without hidden layers have so few weights that minutes are enough to evolve them, and
# lives so short that victims are still learning at their end leave something to gain or to spoil.
_SIZES: dict[str, Run] = {
    "smoke": Run(
        steps=2,
        max_lifetime=2,
        log_every=1,
        checkpoint_every=1,
        evaluation=EvaluationConfig(num_seeds=4, num_episodes=4, num_agents=4),
    ),
    "laptop": Run(
        steps=80,
        max_lifetime=10,
        log_every=1,
        checkpoint_every=20,
        evaluation=EvaluationConfig(num_seeds=128, num_episodes=32, num_agents=32),
    ),
    "desk": Run(
        steps=160,
        max_lifetime=10,
        log_every=1,
        checkpoint_every=20,
        evaluation=EvaluationConfig(num_seeds=128, num_episodes=32, num_agents=32),
    ),
    "paper": Run(
        steps=2049,
        log_every=1,
        checkpoint_every=32,
        evaluation=EvaluationConfig(num_seeds=64, num_episodes=64, num_agents=64),
    ),
}
_LAPTOP_META = EvolutionConfig(
    strategy="CMA_ES",
    population_size=48,
    standard_deviation=3.0,
    shaping="z_score",
    num_episodes=16,
)
_METAS: dict[str, Callable[[VictimSettings], EvolutionConfig]] = {
    "smoke": lambda victims: EvolutionConfig(population_size=4, shaping="z_score", num_episodes=4),
    "laptop": lambda victims: _LAPTOP_META,
    "desk": lambda victims: replace(_LAPTOP_META, population_size=96),
    "paper": lambda victims: EvolutionConfig(
        population_size=victims.population_size, shaping="z_score", num_episodes=16
    ),
}

_CART_POLE = WORLD_NAMES["cartpole"]
_LINEAR = ("laptop", "desk")
"""Sizes whose channels and messengers have no hidden layers."""
_STEPS_AT_TEST_TIME = {"laptop": 150, "desk": 250}

SIZES = tuple(_SIZES)


def train_time_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    """Presets of the train-time attack."""

    def preset(world):
        run, victims = _lives(size, world)
        channel = ChannelConfig(hidden_widths=()) if size in _LINEAR else ChannelConfig()
        method = TrainTimeConfig(channel=channel, meta=_METAS[size](victims), **_of(victims))
        run = replace(run, method=method)
        return _in_its_world(run, victims) if size in _LINEAR else run

    return preset


def test_time_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    """Presets of the test-time attack."""

    def preset(world):
        run, victims = _lives(size, world)
        method = TestTimeConfig(
            messenger_networks=_messenger_networks(victims.life.networks),
            oracle_networks=victims.life.networks,
            oracle_ppo=victims.oracle_ppo,
            meta=_METAS[size](victims),
            **_of(victims),
        )
        if size == "smoke":
            method = replace(method, oracle_lifetime=2)
        if size in _LINEAR:
            method = replace(
                method,
                channel=ChannelConfig(message_size=1, scale=math.pi, hidden_widths=()),
                messenger_networks=NetworkConfig("perceptron", ()),
                meta=replace(method.meta, standard_deviation=1.0),
            )
            run = _lasting(replace(run, steps=_STEPS_AT_TEST_TIME[size]), 16)
        run = replace(run, method=method)
        return _in_its_world(run, victims) if size in _LINEAR else run

    return preset


def _lives(size: str, world: WorldSpec | None) -> tuple[Run, VictimSettings]:
    tasks = _CART_POLE if world is None else world.name
    victims = victim_settings(tasks)
    run = replace(_SIZES[size], tasks=tasks)
    return _lasting(run, run.max_lifetime or victims.life.lifetime), victims


def _in_its_world(run: Run, victims: VictimSettings) -> Run:
    """A small size where victims live as long, beside the paper's, as those of CartPole do.

    Where that is longer, fewer of them are raised, or minutes would be hours.
    """
    longer = victims.life.lifetime // victim_settings(_CART_POLE).life.lifetime
    if longer == 1 or run.max_lifetime is None:
        return run
    method, evaluation = run.method, run.evaluation
    meta = replace(method.meta, population_size=method.meta.population_size // 3)
    return replace(
        _lasting(run, longer * run.max_lifetime),
        steps=run.steps // 3,
        method=replace(method, meta=meta),
        evaluation=replace(evaluation, num_seeds=evaluation.num_seeds // 4),
    )


def _messenger_networks(networks: NetworkConfig) -> NetworkConfig:
    """As many units as victims have."""
    return NetworkConfig("perceptron", networks.hidden_widths, activation=networks.activation)


def _lasting(run: Run, lifetime: int) -> Run:
    return replace(run, min_lifetime=lifetime, max_lifetime=lifetime)


def _of(victims: VictimSettings) -> dict[str, Any]:
    life = victims.life
    return {
        "networks": life.networks,
        "ppo": life.ppo,
        "life": LifeConfig(life.num_workers, life.rollout_length),
    }
