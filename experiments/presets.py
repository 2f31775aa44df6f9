"""Configurations by name: seconds, minutes on two cores, and the papers' sizes for one GPU."""

from dataclasses import replace
from typing import Any

from rlsuite.curricula.buffer import BufferConfig
from rlsuite.drifts import LearnedDriftConfig
from rlsuite.experiments.configs import (
    METHODS,
    ACTRun,
    DriftEvaluationConfig,
    LevelEvaluationConfig,
    LPGEvolutionRun,
    LPGRun,
    LPORun,
    RunConfig,
)
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.presets_act import ACT_TEST, ACT_TRAIN, act_preset
from rlsuite.experiments.presets_ppo import ppo_preset
from rlsuite.experiments.tasks import task_source
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.meta.gradients import MetaGradientConfig
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.learned_policy_gradient import LPGConfig

_SMOKE_EVALUATION = LevelEvaluationConfig(
    num_levels=4,
    num_draws=1,
    num_seeds=2,
    num_workers=8,
    max_lifetime=25,
    num_episodes=8,
    num_agents=16,
    a2c_rates=(1.0,),
    a2c_entropies=(0.0, 0.01),
)
_LAPTOP_EVALUATION = LevelEvaluationConfig(
    num_levels=32,
    num_draws=4,
    num_seeds=2,
    num_workers=16,
    max_lifetime=250,
    num_episodes=32,
    num_agents=32,
)

_META_GRADIENT: dict[str, dict[str, Any]] = {
    "smoke": {
        "steps": 20,
        "tasks": "all_vrandlife",
        "log_every": 5,
        "checkpoint_every": 10,
        "objective": LPGConfig(recurrent_width=16),
        "life": LifeConfig(num_workers=8),
        "meta": MetaGradientConfig(num_agents=8, learning_rate=1e-3, num_episodes=4),
        "evaluation": _SMOKE_EVALUATION,
    },
    "laptop": {
        "steps": 600,
        "log_every": 10,
        "checkpoint_every": 100,
        "objective": LPGConfig(recurrent_width=32),
        "life": LifeConfig(num_workers=16),
        "meta": MetaGradientConfig(num_agents=16, learning_rate=5e-4, max_gradient_norm=0.05),
        "evaluation": _LAPTOP_EVALUATION,
    },
    "paper": {},
}

_EVOLUTION: dict[str, dict[str, Any]] = {
    "smoke": {
        "steps": 6,
        "tasks": "all_vrandlife",
        "max_lifetime": 20,
        "log_every": 2,
        "checkpoint_every": 4,
        "objective": LPGConfig(recurrent_width=8),
        "life": LifeConfig(num_workers=8),
        "meta": EvolutionConfig(population_size=8, num_episodes=8),
        "evaluation": replace(_SMOKE_EVALUATION, horizons=(5, 40)),
    },
    "laptop": {
        "steps": 200,
        "tasks": "all_vrandlife",
        "max_lifetime": 60,
        "log_every": 2,
        "checkpoint_every": 50,
        "objective": LPGConfig(recurrent_width=16),
        "life": LifeConfig(num_workers=16),
        "meta": EvolutionConfig(
            population_size=64, learning_rate=3e-2, num_mini_batches=2, num_episodes=32
        ),
        "evaluation": replace(_LAPTOP_EVALUATION, max_lifetime=60, horizons=(5, 15, 50, 150, 500)),
    },
    "paper": {
        "steps": 2500,
        "tasks": "all_vrandlife",
        "log_every": 1,
        "checkpoint_every": 50,
        "evaluation": LevelEvaluationConfig(horizons=(5, 25, 100, 250, 1000, 2500)),
    },
}

# Networks, PPO, workers, rollouts and lifetimes are those with which PPO is good at the world.
_LPO: dict[str, dict[str, Any]] = {
    "smoke": {
        "steps": 4,
        "tasks": "CartPole-v1",
        "max_lifetime": 4,
        "log_every": 2,
        "checkpoint_every": 2,
        "drift": LearnedDriftConfig(hidden_width=16),
        "meta": EvolutionConfig(population_size=4, num_episodes=4),
        "evaluation": DriftEvaluationConfig(
            num_seeds=2,
            max_lifetime=4,
            horizons=(2, 8),
            num_episodes=4,
            num_agents=2,
            worlds=("Catch-bsuite",),
        ),
    },
    "laptop": {
        "steps": 250,
        "tasks": "CartPole-v1",
        "max_lifetime": 30,
        "networks": NetworkConfig("perceptron", (32, 32), activation="tanh"),
        "log_every": 2,
        "checkpoint_every": 50,
        "meta": EvolutionConfig(
            population_size=32, learning_rate=3e-2, shaping="centred_rank", num_episodes=16
        ),
        "evaluation": DriftEvaluationConfig(
            num_seeds=32,
            horizons=(10, 20, 30, 60),
            num_episodes=64,
            num_agents=32,
            worlds=("Acrobot-v1", "Catch-bsuite", "Pendulum-v1"),
        ),
    },
    "paper": {
        "steps": 512,
        "tasks": "SpaceInvaders-MinAtar",
        "log_every": 1,
        "checkpoint_every": 16,
        "meta": EvolutionConfig(population_size=64, shaping="centred_rank"),
        "evaluation": DriftEvaluationConfig(
            num_seeds=16,
            horizons=(125, 250, 500, 1000),
            num_agents=16,
            worlds=(
                "Asterix-MinAtar",
                "Breakout-MinAtar",
                "Freeway-MinAtar",
                "CartPole-v1",
                "Acrobot-v1",
                "Pendulum-v1",
            ),
        ),
    },
}

_BUFFERS = {"smoke": BufferConfig(size=64), "laptop": BufferConfig(size=256)}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "lpg": _META_GRADIENT,
    "groove": {
        name: fields | ({"buffer": _BUFFERS[name]} if name in _BUFFERS else {})
        for name, fields in _META_GRADIENT.items()
    },
    "lpg-es": _EVOLUTION,
    "ta-lpg": {
        name: fields
        | {"objective": replace(fields.get("objective", LPGConfig()), time="progress_and_lifetime")}
        for name, fields in _EVOLUTION.items()
    },
    "lpo": _LPO,
    "ta-lpo": {
        name: fields
        | {"drift": replace(fields.get("drift", LearnedDriftConfig()), time="progress")}
        for name, fields in _LPO.items()
    },
    "act-train": ACT_TRAIN,
    "act-test": ACT_TEST,
}
"""Fields by method and name that differ from the defaults."""

NAMES = ("smoke", "laptop", "paper")


def preset(method: str, name: str, tasks: str | None = None) -> RunConfig:
    """The configuration a preset stands for.

    Args:
      method: one of `METHODS`.
      name: one of `NAMES`.
      tasks: what to train on, in place of the preset's; the agent is the field's usual one for it.

    Raises:
      ConfigError: if one of them is unknown.
    """
    if method not in METHODS:
        raise ConfigError(nearest("method", method, METHODS))
    if name not in NAMES:
        raise ConfigError(nearest("preset", name, NAMES))
    fields = PRESETS[method][name]
    config_type = METHODS[method].config_type
    chosen = fields | ({"tasks": tasks} if tasks else {})
    if issubclass(config_type, ACTRun):
        return act_preset(config_type, chosen)
    if config_type is LPORun:
        return _with_ppo(chosen)
    config = config_type(**fields)
    if tasks is None:
        return config
    assert isinstance(config, LPGRun | LPGEvolutionRun)
    return replace(config, tasks=tasks, agent=task_source(tasks).agent)


def _with_ppo(fields: dict[str, Any]) -> LPORun:
    """A run of LPO with the settings with which PPO is good at the world."""
    settings = ppo_preset(fields["tasks"])
    lifetime = fields.get("max_lifetime", settings.lifetime)
    usual: dict[str, Any] = {
        "networks": settings.networks,
        "ppo": settings.ppo,
        "life": LifeConfig(settings.num_workers, settings.rollout_length),
    }
    lives = {"min_lifetime": lifetime, "max_lifetime": lifetime}
    return LPORun(**(usual | fields | lives))
