"""Configurations by name: seconds, minutes on two cores, and the papers' sizes for one GPU."""

from dataclasses import replace
from typing import Any

from experiments.configs import METHODS, EvaluationConfig, LPGEvolutionRun, LPGRun, RunConfig
from experiments.errors import ConfigError, nearest
from experiments.tasks import task_source
from rlsuite.curriculum.buffer import BufferConfig
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.meta.meta_gradient import MetaGradientConfig
from rlsuite.objectives.lpg import LPGConfig

_SMOKE_EVALUATION = EvaluationConfig(
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
_LAPTOP_EVALUATION = EvaluationConfig(
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
        "meta": MetaGradientConfig(num_agents=8, num_workers=8, learning_rate=1e-3, num_episodes=4),
        "evaluation": _SMOKE_EVALUATION,
    },
    "laptop": {
        "steps": 600,
        "log_every": 10,
        "checkpoint_every": 100,
        "objective": LPGConfig(recurrent_width=32),
        "meta": MetaGradientConfig(
            num_agents=16, num_workers=16, learning_rate=5e-4, max_gradient_norm=0.05
        ),
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
        "meta": EvolutionConfig(population_size=8, num_workers=8, num_episodes=8),
        "evaluation": replace(_SMOKE_EVALUATION, horizons=(5, 40)),
    },
    "laptop": {
        "steps": 200,
        "tasks": "all_vrandlife",
        "max_lifetime": 60,
        "log_every": 2,
        "checkpoint_every": 50,
        "objective": LPGConfig(recurrent_width=16),
        "meta": EvolutionConfig(
            population_size=64,
            learning_rate=3e-2,
            num_mini_batches=2,
            num_workers=16,
            num_episodes=32,
        ),
        "evaluation": replace(_LAPTOP_EVALUATION, max_lifetime=60, horizons=(5, 15, 50, 150, 500)),
    },
    "paper": {
        "steps": 2500,
        "tasks": "all_vrandlife",
        "log_every": 1,
        "checkpoint_every": 50,
        "evaluation": EvaluationConfig(horizons=(5, 25, 100, 250, 1000, 2500)),
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
    config = METHODS[method].config_type(**PRESETS[method][name])
    if tasks is None:
        return config
    assert isinstance(config, LPGRun | LPGEvolutionRun)
    return replace(config, tasks=tasks, agent=task_source(tasks).agent)
