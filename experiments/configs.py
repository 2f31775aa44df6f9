"""Typed configurations of runs, their presets, and what makes one invalid."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, get_args

import jax

from experiments.arguments import leaves
from experiments.errors import ConfigError, nearest
from experiments.tasks import TaskSource, task_source
from rlsuite.agents import AgentConfig, make_head
from rlsuite.curriculum.buffer import BufferConfig
from rlsuite.meta.meta_gradient import MetaGradientConfig
from rlsuite.methods.groove import GrooveConfig, ScoreName
from rlsuite.methods.lpg import LPGMethodConfig
from rlsuite.objectives.a2c import A2CConfig
from rlsuite.objectives.lpg import LPGConfig
from rlsuite.precision import Precision


@dataclass(frozen=True)
class EvaluationConfig:
    """How a learned objective is meta-tested.

    Attributes:
      num_levels: levels drawn from the training distribution, none of them seen in training.
      num_draws: draws of each named level and maze (its start, objects and rewards).
      num_seeds: fresh agents trained on each level.
      num_workers: parallel worlds of each agent.
      rollout_length: steps in each world between updates.
      max_lifetime: cuts the lifetimes of the level sets, in agent updates; none leaves them.
      num_episodes: evaluation episodes behind each return.
      num_agents: agents trained side by side.
      a2c_rates: A2C is tuned over its learning rates times each of these …
      a2c_entropies: … and each of these entropy coefficients, on training levels.
    """

    num_levels: int = 64
    num_draws: int = 8
    num_seeds: int = 4
    num_workers: int = 64
    rollout_length: int = 20
    max_lifetime: int | None = None
    num_episodes: int = 64
    num_agents: int = 64
    a2c_rates: tuple[float, ...] = (0.25, 1.0, 4.0)
    a2c_entropies: tuple[float, ...] = (0.0, 0.01, 0.05)


@dataclass(frozen=True)
class RunConfig:
    """What every run has, whatever its method.

    Attributes:
      seed: from which all randomness of the run follows.
      steps: meta-steps.
      tasks: a level distribution or a gymnax world, as `rlsuite list` shows them.
      log_every: meta-steps per compiled chunk, after which a line is logged.
      checkpoint_every: meta-steps between checkpoints.
      evaluation: how the result is meta-tested.
    """

    seed: int = 0
    steps: int = 5000
    tasks: str = "all_shortlife"
    log_every: int = 10
    checkpoint_every: int = 250
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


@dataclass(frozen=True)
class LPGRun(RunConfig):
    """A run of LPG."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    meta: MetaGradientConfig = field(default_factory=MetaGradientConfig)

    @property
    def parts(self) -> LPGMethodConfig:
        """What the method itself takes."""
        return LPGMethodConfig(self.objective, self.agent, self.meta)


@dataclass(frozen=True)
class GrooveRun(LPGRun):
    """A run of GROOVE."""

    antagonist: A2CConfig = field(default_factory=A2CConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    score: ScoreName = "algorithmic_regret"

    @property
    def parts(self) -> GrooveConfig:
        """What the method itself takes."""
        return GrooveConfig(
            self.objective, self.agent, self.meta, self.antagonist, self.buffer, self.score
        )


METHODS: dict[str, type[LPGRun]] = {"lpg": LPGRun, "groove": GrooveRun}

_SMOKE: dict[str, Any] = {
    "steps": 20,
    "tasks": "all_vrandlife",
    "log_every": 5,
    "checkpoint_every": 10,
    "objective": LPGConfig(recurrent_width=16),
    "meta": MetaGradientConfig(num_agents=8, num_workers=8, learning_rate=1e-3, num_episodes=4),
    "evaluation": EvaluationConfig(
        num_levels=4,
        num_draws=1,
        num_seeds=2,
        num_workers=8,
        max_lifetime=25,
        num_episodes=8,
        num_agents=16,
        a2c_rates=(1.0,),
        a2c_entropies=(0.0, 0.01),
    ),
}

_LAPTOP: dict[str, Any] = {
    "steps": 600,
    "log_every": 10,
    "checkpoint_every": 100,
    "objective": LPGConfig(recurrent_width=32),
    "meta": MetaGradientConfig(
        num_agents=16, num_workers=16, learning_rate=5e-4, max_gradient_norm=0.05
    ),
    "evaluation": EvaluationConfig(
        num_levels=32,
        num_draws=4,
        num_seeds=2,
        num_workers=16,
        max_lifetime=250,
        num_episodes=32,
        num_agents=32,
    ),
}

PRESETS: dict[str, dict[str, Any]] = {"smoke": _SMOKE, "laptop": _LAPTOP, "paper": {}}
"""By name: seconds, minutes on two cores, and the papers' sizes for one GPU."""

_BUFFERS = {"smoke": BufferConfig(size=64), "laptop": BufferConfig(size=256)}


def preset(method: str, name: str, tasks: str | None = None) -> LPGRun:
    """The configuration a preset stands for.

    Args:
      method: one of `METHODS`.
      name: one of `PRESETS`.
      tasks: what to train on, in place of the preset's; the agent is the field's usual one for it.

    Raises:
      ConfigError: if one of them is unknown.
    """
    if method not in METHODS:
        raise ConfigError(nearest("method", method, METHODS))
    if name not in PRESETS:
        raise ConfigError(nearest("preset", name, PRESETS))
    config = METHODS[method](**PRESETS[name])
    if isinstance(config, GrooveRun) and name in _BUFFERS:
        config = replace(config, buffer=_BUFFERS[name])
    if tasks is not None:
        config = replace(config, tasks=tasks, agent=task_source(tasks).agent)
    return config


# What backends can multiply by; those not named here can do all.
_PRECISIONS = {"cpu": ("float32",), "tpu": ("float32", "bf16")}


class _Rule(NamedTuple):
    holds: Callable[[Any], bool]
    allowed: str


_AT_LEAST_ONE = _Rule(lambda value: value >= 1, "at least 1")
_NOT_NEGATIVE = _Rule(lambda value: value >= 0, "0 or more")
_POSITIVE = _Rule(lambda value: value > 0, "above 0")
_FRACTION = _Rule(lambda value: 0 <= value <= 1, "between 0 and 1")
_NOT_EMPTY = _Rule(lambda value: len(value) > 0, "at least one value")

# By the last part of a field's name; whole numbers not named here must be at least 1.
_RULES: dict[str, tuple[_Rule, ...]] = {
    "seed": (_Rule(lambda value: 0 <= value < 2**32, "between 0 and 4294967295"),),
    "discount": (_FRACTION,),
    "gae_lambda": (_FRACTION,),
    "replay_probability": (_FRACTION,),
    "staleness": (_FRACTION,),
    "temperature": (_POSITIVE,),
    "learning_rate": (_POSITIVE,),
    "policy_learning_rate": (_POSITIVE,),
    "prediction_learning_rate": (_POSITIVE,),
    "max_gradient_norm": (_POSITIVE,),
    "a2c_rates": (_NOT_EMPTY, _Rule(lambda rates: min(rates) > 0, "all above 0")),
    "a2c_entropies": (_NOT_EMPTY, _Rule(lambda values: min(values) >= 0, "all 0 or more")),
    "hidden_widths": (_Rule(lambda widths: min(widths, default=1) >= 1, "all at least 1"),),
    "num_filters": (_Rule(lambda filters: min(filters, default=1) >= 1, "all at least 1"),),
}


def validate(config: LPGRun) -> TaskSource:
    """Checks a configuration before anything is compiled or written.

    Returns:
      The tasks it names.

    Raises:
      ConfigError: one line that names the field, its value and what is allowed.
    """
    for name, leaf in leaves(config).items():
        for rule in _rules(name, leaf.value):
            _require(rule.holds(leaf.value), name, leaf.value, rule.allowed)
    source = task_source(config.tasks)
    meta = config.meta
    shortest = source.lifetime_range[0]
    _require(
        meta.num_updates <= shortest,
        "meta.num_updates",
        meta.num_updates,
        f"at most {shortest}, the shortest lifetime of {config.tasks}",
    )
    _require(
        meta.num_agents % meta.num_mini_batches == 0,
        "meta.num_mini_batches",
        meta.num_mini_batches,
        f"a divisor of the {meta.num_agents} agents",
    )
    _validate_precision(config.objective.precision)
    if isinstance(config, GrooveRun):
        _validate_groove(config, source)
    try:
        make_head(source.world, 1, 1.0, config.agent)
    except ValueError as error:
        raise ConfigError(f"agent.{error}") from error
    return source


def _validate_precision(precision: str) -> None:
    backend = jax.default_backend()
    _require(
        precision in _PRECISIONS.get(backend, get_args(Precision)),
        "objective.precision",
        precision,
        f"one this machine's {backend} has: {', '.join(_PRECISIONS.get(backend, ()))}",
    )


def _validate_groove(config: GrooveRun, source: TaskSource) -> None:
    _require(
        config.buffer.size >= 2 * config.meta.num_agents,
        "buffer.size",
        config.buffer.size,
        f"at least {2 * config.meta.num_agents}, twice the number of agents",
    )
    _require(
        config.score != "exact_regret" or source.optimal_return is not None,
        "score",
        config.score,
        f"another one for {config.tasks}, whose optimal return is not known",
    )


def _rules(name: str, value: Any) -> tuple[_Rule, ...]:
    last = name.rpartition(".")[2]
    if value is None:
        return ()
    if last in _RULES:
        return _RULES[last]
    if isinstance(value, float):
        return (_NOT_NEGATIVE,)
    return (_AT_LEAST_ONE,) if isinstance(value, int) and not isinstance(value, bool) else ()


def _require(holds: bool, name: str, value: Any, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"{name}: {value!r} is not allowed; it must be {allowed}")
