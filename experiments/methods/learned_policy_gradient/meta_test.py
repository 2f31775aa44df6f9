"""The meta-test of LPG and its kin: on held-out levels and mazes, beside A2C tuned for them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp

from rlsuite.agents import make_agent
from rlsuite.envs.gridworld.levels import TABULAR_LEVELS
from rlsuite.experiments.evaluation import Evaluation, Role
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import Contender, LearnedBy, MetaTest, final_returns, meta_test
from rlsuite.experiments.methods.learned_policy_gradient.levels import (
    LevelEvaluationConfig,
    level_set,
    level_sets,
)
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.experiments.statistics import interquartile_mean
from rlsuite.experiments.worlds.grid_world import grid_world
from rlsuite.lifetime import Life
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg

# Neither training nor the meta-test draws from this key.
_TUNING_SEED = 1_602_01783


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The objective of a run beside those of others, an untrained one, and A2C.

    A2C is tuned on levels of the training distribution, other ones than those of the test.
    """
    settings, world = finished.run.evaluation, finished.named_world
    done = watch.begin("tuning A2C")
    rate, entropy = _tune_a2c(world, settings)
    done()
    contenders = [
        _trained(finished, finished.title, "own", settings),
        *(
            _trained(rival, f"{rival.title} ({rival.directory})", "rival", settings)
            for rival in rivals
        ),
        _untrained(finished.run.method.objective, settings),
        _a2c_contender(rate, entropy, settings),
    ]
    note = (
        f"A2C was tuned on training levels: learning rates × {rate:g}, entropy coefficient "
        f"{entropy:g}."
    )
    return meta_test(MetaTest(contenders, level_sets(world, settings), [note]), settings, watch)


def _trained(run: Finished, name: str, role: Role, settings: LevelEvaluationConfig) -> Contender:
    return Contender(name, role, _by_lpg(run.run.method.objective, settings), run.learned)


def _untrained(config: LPGConfig, settings: LevelEvaluationConfig) -> Contender:
    learned_by = _by_lpg(config, settings)
    world = grid_world(TABULAR_LEVELS[0])
    life, _ = learned_by(world.world, world.agent, None)
    parameters = life.objective.init_parameters(jax.random.key(_TUNING_SEED))
    return Contender("untrained objective", "baseline", learned_by, parameters)


@cache
def _by_lpg(config: LPGConfig, settings: LevelEvaluationConfig) -> LearnedBy:
    # A meta-test is float32 whatever the training was, so that any machine can make it.
    config = replace(config, precision="float32")

    def learned_by(world, agent, parameters):
        objective = lpg(make_agent(world, agent, config.num_predictions), config)
        return Life(world, objective, settings.num_workers, settings.rollout_length), parameters

    return learned_by


def _a2c_contender(rate: float, entropy: float, settings: LevelEvaluationConfig) -> Contender:
    parameters = (jnp.float32(rate), jnp.float32(entropy))
    return Contender("A2C, tuned", "baseline", _by_a2c(settings), parameters)


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
        config = A2CConfig(entropy_coefficient=entropy)
        objective = a2c(make_agent(world, agent), config)
        return Life(world, objective, settings.num_workers, settings.rollout_length), ()

    return learned_by


def _tune_a2c(world: WorldSpec, settings: LevelEvaluationConfig) -> tuple[float, float]:
    """The learning-rate factor and entropy coefficient that do best on training levels."""
    levels = level_set(
        "tuning", (world,), world, settings.num_levels, settings.max_lifetime, _TUNING_SEED
    )

    def quality(choice):
        rate, entropy = choice
        contender = _a2c_contender(rate, entropy, settings)
        returns = final_returns(levels, contender, settings, seed=_TUNING_SEED)
        if levels.optimal is not None:
            returns = returns / levels.optimal[:, None]
        return float(interquartile_mean(returns))

    grid = [(rate, entropy) for rate in settings.a2c_rates for entropy in settings.a2c_entropies]
    return max(grid, key=quality)
