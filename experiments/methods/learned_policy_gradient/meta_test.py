"""The meta-test of LPG and its kin: on held-out levels and mazes, beside A2C tuned for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.experiments.evaluation import Evaluation, Role
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import Contender, MetaTest, final_returns, meta_test
from rlsuite.experiments.methods.learned_policy_gradient.levels import (
    LevelEvaluationConfig,
    level_set,
    level_sets,
)
from rlsuite.experiments.methods.learned_policy_gradient.trainers import learned_by
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.experiments.statistics import interquartile_mean
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.objectives.actor_critic import A2CConfig, a2c

# Neither training nor the meta-test draws from this key.
_TUNING_SEED = 1_602_01783


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The objective of a run beside those of others, an untrained one, and A2C.

    On the levels that a run was trained on agents are built as the run says, elsewhere as is usual.
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
        _untrained(finished, settings),
        _a2c_contender(rate, entropy, settings),
    ]
    note = (
        f"A2C was tuned on training levels: learning rates × {rate:g}, entropy coefficient "
        f"{entropy:g}."
    )
    return meta_test(MetaTest(contenders, level_sets(world, settings), [note]), settings, watch)


def _trained(run: Finished, name: str, role: Role, settings: LevelEvaluationConfig) -> Contender:
    life = _life(settings)
    return Contender(
        name, role, lambda world: replace(learned_by(run.run, world), life=life), run.learned
    )


def _untrained(run: Finished, settings: LevelEvaluationConfig) -> Contender:
    world = run.named_world
    trainer = learned_by(run.run, world)(world.world, None)
    learned = trainer.life.objective.init_parameters(jax.random.key(_TUNING_SEED))
    trained = _trained(run, "untrained objective", "baseline", settings)
    return trained._replace(learned=learned)


def _life(settings: LevelEvaluationConfig) -> LifeConfig:
    return LifeConfig(settings.num_workers, settings.rollout_length)


@dataclass(frozen=True)
class _ByA2C:
    """A2C whose learning rates and entropy coefficient may be traced, to be tuned at once."""

    agent: AgentConfig
    life: LifeConfig

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        rate, entropy = learned
        agent = replace(
            self.agent,
            policy_learning_rate=self.agent.policy_learning_rate * rate,
            prediction_learning_rate=self.agent.prediction_learning_rate * rate,
        )
        objective = a2c(make_agent(world, agent), A2CConfig(entropy_coefficient=entropy))
        return Trainer(Life(world, objective, self.life.num_workers, self.life.rollout_length))


def _a2c_contender(rate: float, entropy: float, settings: LevelEvaluationConfig) -> Contender:
    chosen, life = (jnp.float32(rate), jnp.float32(entropy)), _life(settings)
    return Contender("A2C, tuned", "baseline", lambda world: _ByA2C(world.agent, life), chosen)


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
