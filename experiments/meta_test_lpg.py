"""The meta-test of LPG and its kin: on held-out levels and mazes, beside A2C tuned for them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp

from rlsuite.envs.gridworld.levels import TABULAR_LEVELS
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import LevelEvaluationConfig, LPGEvolutionRun, LPGRun
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.level_sets import level_set, level_sets
from rlsuite.experiments.meta_test import Contender, LearnedBy, MetaTest, final_returns
from rlsuite.experiments.runner import last_state
from rlsuite.experiments.statistics import interquartile_mean
from rlsuite.experiments.storage import read_config, read_document
from rlsuite.experiments.tasks import task_source
from rlsuite.lifetime import Life
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg

# Neither training nor the meta-test draws from this key.
_TUNING_SEED = 1_602_01783


def lpg_meta_test(directory: Path, against: Sequence[Path]) -> MetaTest:
    """The objective of a run beside those of others, an untrained one, and A2C.

    A2C is tuned on levels of the training distribution, other ones than those of the test.

    Raises:
      UserError: if one of the other runs has learned something of another kind.
    """
    config = _config(directory)
    settings = config.evaluation
    rate, entropy = _tune_a2c(config.tasks, settings)
    contenders = [
        _trained(directory, read_document(directory)["method"].upper(), settings),
        *(
            _trained(rival, name, settings)
            for rival, name in zip(against, _rival_names(against), strict=True)
        ),
        _untrained(config.objective, settings),
        _a2c_contender(rate, entropy, settings),
    ]
    notes = {"a2c": {"rate": rate, "entropy_coefficient": entropy}}
    return MetaTest(contenders, level_sets(config.tasks, settings), notes)


def _config(directory: Path) -> LPGRun | LPGEvolutionRun:
    config = read_config(directory)
    if not isinstance(config, LPGRun | LPGEvolutionRun):
        raise UserError(f"'{directory}' has not learned an objective of LPG's kind")
    return config


def _trained(directory: Path, name: str, settings: LevelEvaluationConfig) -> Contender:
    config = _config(directory)
    parameters = last_state(directory, build(config).method).parameters
    return Contender(name, _by_lpg(config.objective, settings), parameters)


def _rival_names(directories: Sequence[Path]) -> list[str]:
    """What other runs are called in a result: by their folders, but for a lone run of LPG."""
    methods = [read_document(directory)["method"] for directory in directories]
    if methods == ["lpg"]:
        return ["LPG, random levels"]
    pairs = zip(methods, directories, strict=True)
    return [f"{method.upper()} ({directory})" for method, directory in pairs]


def _untrained(config: LPGConfig, settings: LevelEvaluationConfig) -> Contender:
    learned_by = _by_lpg(config, settings)
    source = task_source(TABULAR_LEVELS[0])
    life, _ = learned_by(source.world, source.agent, None)
    parameters = life.objective.init_parameters(jax.random.key(_TUNING_SEED))
    return Contender("untrained objective", learned_by, parameters)


@cache
def _by_lpg(config: LPGConfig, settings: LevelEvaluationConfig) -> LearnedBy:
    # A meta-test is float32 whatever the training was, so that any machine can make it.
    config = replace(config, precision="float32")

    def learned_by(world, agent, parameters):
        objective = lpg(world, agent, config)
        return Life(world, objective, settings.num_workers, settings.rollout_length), parameters

    return learned_by


def _a2c_contender(rate: float, entropy: float, settings: LevelEvaluationConfig) -> Contender:
    parameters = (jnp.float32(rate), jnp.float32(entropy))
    return Contender("A2C, tuned", _by_a2c(settings), parameters)


@cache
def _by_a2c(settings: LevelEvaluationConfig) -> LearnedBy:
    """A2C whose learning rates and entropy coefficient may be traced, to be tuned at once."""

    def learned_by(world, agent, parameters):
        rate, entropy = parameters
        agent = replace(
            agent,
            policy_learning_rate=agent.policy_learning_rate * rate,
            prediction_learning_rate=agent.prediction_learning_rate * rate,
        )
        objective = a2c(world, agent, A2CConfig(entropy_coefficient=entropy))
        return Life(world, objective, settings.num_workers, settings.rollout_length), ()

    return learned_by


def _tune_a2c(tasks: str, settings: LevelEvaluationConfig) -> tuple[float, float]:
    """The learning-rate factor and entropy coefficient that do best on training levels."""
    levels = level_set("tuning", (tasks,), tasks, settings.num_levels, settings, _TUNING_SEED)

    def quality(choice):
        rate, entropy = choice
        contender = _a2c_contender(rate, entropy, settings)
        returns = final_returns(levels, contender, settings, seed=_TUNING_SEED)
        return float(interquartile_mean(levels.normalised(returns)))

    grid = [(rate, entropy) for rate in settings.a2c_rates for entropy in settings.a2c_entropies]
    return max(grid, key=quality)
