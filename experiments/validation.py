"""What makes a configuration invalid, found before anything is compiled or written."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import jax
from gymnax.environments import spaces

from rlsuite.agents import AgentConfig, make_actor, make_head
from rlsuite.experiments.arguments import leaves
from rlsuite.experiments.configs import (
    ACTRun,
    ACTTestRun,
    EvolutionRun,
    GrooveRun,
    LPGEvolutionRun,
    LPGRun,
    LPORun,
    RunConfig,
)
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.tasks import TaskSource, task_source, worlds
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.gradients import MetaGradientConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.precision import Precision

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
    "gae_lambda": (_FRACTION,),
    "margin": (_POSITIVE,),
    "clip_epsilon": (_POSITIVE,),
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
    if isinstance(config, LPORun):
        _validate_drift(config, source)
    if isinstance(config, LPGRun):
        _validate_meta_gradient(config.meta, source)
    if isinstance(config, GrooveRun):
        _validate_groove(config, source)
    if isinstance(config, ACTRun):
        _validate_ppo("ppo", config.ppo, config.life)
    if isinstance(config, ACTTestRun):
        _validate_ppo("oracle_ppo", config.oracle_ppo, config.life)
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
    actions = source.world.action_space(source.world.default_params)
    _require(
        isinstance(actions, spaces.Discrete), "tasks", source.name, "a world with discrete actions"
    )
    try:
        make_head(source.world, 1, 1.0, agent)
    except ValueError as error:
        raise ConfigError(f"agent.{error}") from error


def _validate_drift(config: LPORun, source: TaskSource) -> None:
    for name in config.evaluation.worlds:
        if name not in worlds():
            raise ConfigError(f"evaluation.worlds: {nearest('world', name, worlds())}")
    _validate_ppo("ppo", config.ppo, config.life)
    try:
        make_actor(source.world, config.networks)
    except ValueError as error:
        name = "tasks" if str(error).startswith("actions") else "networks"
        raise ConfigError(f"{name}.{error}") from error


def _validate_ppo(name: str, ppo: PPOConfig, life: LifeConfig) -> None:
    num_steps = life.num_workers * life.rollout_length
    _require(
        num_steps % ppo.num_mini_batches == 0,
        f"{name}.num_mini_batches",
        ppo.num_mini_batches,
        f"a divisor of the {num_steps} steps of a rollout",
    )


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
