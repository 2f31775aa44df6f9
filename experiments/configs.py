"""Typed configurations of runs, and what makes one invalid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_args

import jax

from experiments.arguments import leaves
from experiments.errors import ConfigError
from experiments.tasks import TaskSource, task_source
from rlsuite.agents import AgentConfig, make_head
from rlsuite.curriculum.buffer import BufferConfig
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.meta.meta_gradient import MetaGradientConfig
from rlsuite.methods.groove import GrooveConfig, ScoreName
from rlsuite.methods.lpg import LPGMethodConfig
from rlsuite.methods.ta_lpg import EvolvedLPGConfig
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
      horizons: held-out levels are also lived on for exactly so many updates each; none leaves
        that out.
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
    horizons: tuple[int, ...] | None = None
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


@dataclass(frozen=True)
class EvolutionRun(RunConfig):
    """What runs of evolution share; a meta-step is a generation.

    Attributes:
      min_lifetime: lifetimes are drawn log-uniformly from this …
      max_lifetime: … to this number of agent updates; none takes the tasks' own.
    """

    min_lifetime: int | None = None
    max_lifetime: int | None = None
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)

    def lifetimes(self, source: TaskSource) -> tuple[int, int]:
        """The shortest and the longest lifetime, in agent updates."""
        shortest, longest = source.lifetime_range
        return (
            shortest if self.min_lifetime is None else self.min_lifetime,
            longest if self.max_lifetime is None else self.max_lifetime,
        )


@dataclass(frozen=True)
class LPGEvolutionRun(EvolutionRun):
    """A run of LPG or TA-LPG by evolution."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)

    @property
    def parts(self) -> EvolvedLPGConfig:
        """What the method itself takes."""
        return EvolvedLPGConfig(self.objective, self.agent, self.meta)


class MethodEntry(NamedTuple):
    """What a method is, in one line, and the type that configures its runs."""

    summary: str
    config_type: type[RunConfig]


METHODS: dict[str, MethodEntry] = {
    "lpg": MethodEntry("learned policy gradient, by meta-gradients on random tasks", LPGRun),
    "groove": MethodEntry("LPG on the tasks it regrets most, by meta-gradients", GrooveRun),
    "lpg-es": MethodEntry("LPG evolved over whole lifetimes", LPGEvolutionRun),
    "ta-lpg": MethodEntry("LPG that knows time, evolved over whole lifetimes", LPGEvolutionRun),
}

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
    "min_learning_rate": (_POSITIVE,),
    "learning_rate_decay": (_POSITIVE,),
    "standard_deviation": (_POSITIVE,),
    "policy_learning_rate": (_POSITIVE,),
    "prediction_learning_rate": (_POSITIVE,),
    "max_gradient_norm": (_POSITIVE,),
    "a2c_rates": (_NOT_EMPTY, _Rule(lambda rates: min(rates) > 0, "all above 0")),
    "a2c_entropies": (_NOT_EMPTY, _Rule(lambda values: min(values) >= 0, "all 0 or more")),
    "horizons": (_NOT_EMPTY, _Rule(lambda horizons: min(horizons) >= 1, "all at least 1")),
    "hidden_widths": (_Rule(lambda widths: min(widths, default=1) >= 1, "all at least 1"),),
    "num_filters": (_Rule(lambda filters: min(filters, default=1) >= 1, "all at least 1"),),
}


def validate(config: RunConfig) -> TaskSource:
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
    if isinstance(config, LPGRun | LPGEvolutionRun):
        _validate_precision(config.objective.precision)
        _validate_agent(config.agent, source)
    if isinstance(config, LPGRun):
        _validate_meta_gradient(config.meta, source)
    if isinstance(config, GrooveRun):
        _validate_groove(config, source)
    if isinstance(config, EvolutionRun):
        _validate_lifetimes(config, source)
    return source


def _validate_meta_gradient(meta: MetaGradientConfig, source: TaskSource) -> None:
    shortest = source.lifetime_range[0]
    _require(
        meta.num_updates <= shortest,
        "meta.num_updates",
        meta.num_updates,
        f"at most {shortest}, the shortest lifetime of {source.name}",
    )
    _require(
        meta.num_agents % meta.num_mini_batches == 0,
        "meta.num_mini_batches",
        meta.num_mini_batches,
        f"a divisor of the {meta.num_agents} agents",
    )


def _validate_agent(agent: AgentConfig, source: TaskSource) -> None:
    try:
        make_head(source.world, 1, 1.0, agent)
    except ValueError as error:
        raise ConfigError(f"agent.{error}") from error


def _validate_lifetimes(config: EvolutionRun, source: TaskSource) -> None:
    shortest, longest = config.lifetimes(source)
    name = "min_lifetime" if config.min_lifetime is not None else "max_lifetime"
    allowed = f"at most {longest}" if name == "min_lifetime" else f"at least {shortest}"
    _require(shortest <= longest, name, getattr(config, name), f"{allowed}, the other bound")


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
