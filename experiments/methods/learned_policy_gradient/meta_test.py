"""The meta-test of LPG and its kin: on held-out levels and mazes, beside A2C tuned for them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.averages import interquartile_mean
from rlsuite.experiments.evaluation import Evaluation, Role
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import Contender, MetaTest, final_returns, meta_test
from rlsuite.experiments.methods.learned_policy_gradient.levels import (
    LevelEvaluationConfig,
    level_set,
    level_sets,
)
from rlsuite.experiments.methods.learned_policy_gradient.trainers import AtRate, faster, learned_by
from rlsuite.experiments.role_keys import TUNING_SEED, role_key
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.objectives.actor_critic import A2CConfig, a2c

_T = TypeVar("_T")


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The objective of a run beside those of others, an untrained one, and A2C.

    On the levels that a run was trained on, and on those whose agents are usually the same, agents
    are built as the run says, elsewhere as is usual.
    A2C, and the rate at which agents learn by an objective, are tuned on levels of the training
    distribution, other ones than those of the test.
    """
    settings, world = finished.run.evaluation, finished.named_world
    done = watch.begin("tuning A2C")
    a2c_tuned, note = _tuned_a2c(world, settings)
    done()
    own = _trained(finished, finished.title, "own", settings)
    others = [_trained(rival, rival.title_as_rival, "rival", settings) for rival in rivals]
    done = watch.begin("tuning objectives' rates")
    tuned = [_tuned(one, world, settings) for one in (own, *others)]
    done()
    contenders = [*tuned, _untrained(finished, settings), a2c_tuned]
    notes = [note, *_note_on_rates(settings)]
    evaluation = meta_test(
        MetaTest(contenders, level_sets(world, settings), notes), settings, watch
    )
    rates = {one.name: float(one.learned[0]) for one in tuned}
    return replace(evaluation, extras={**evaluation.extras, "policy_rates": rates})


def _trained(run: Finished, name: str, role: Role, settings: LevelEvaluationConfig) -> Contender:
    life, rate = _life(settings), jnp.float32(settings.objective_rates[0])

    def by(world):
        return AtRate(replace(learned_by(run.run, world), life=life), run.run.method.agent)

    return Contender(name, role, by, (rate, run.learned))


def _untrained(run: Finished, settings: LevelEvaluationConfig) -> Contender:
    world = run.named_world
    trainer = learned_by(run.run, world)(world.world, None)
    learned = trainer.life.objective.init_parameters(role_key("untrained"))
    trained = _trained(run, "untrained objective", "baseline", settings)
    return trained._replace(learned=(jnp.float32(1.0), learned))


def _tuned(contender: Contender, world: WorldSpec, settings: LevelEvaluationConfig) -> Contender:
    """A learned objective at the rate that does best on training levels."""
    rates = settings.objective_rates
    if len(rates) == 1:
        return contender
    parameters = contender.learned[1]
    at_rates = [contender._replace(learned=(jnp.float32(rate), parameters)) for rate in rates]
    return _best(zip(rates, at_rates, strict=True), world, settings)[1]


def _note_on_rates(settings: LevelEvaluationConfig) -> list[str]:
    *others, last = (f"{rate:g}" for rate in settings.objective_rates)
    if not others:
        fixed = f"Agents by learned objectives have the run's policy learning rate times {last}."
        return [] if last == "1" else [fixed]
    return [
        "The policy's learning rate of agents by each learned objective was tuned on training "
        f"levels: the run's times {', '.join(others)} or {last}, where agents are like those."
    ]


def _life(settings: LevelEvaluationConfig) -> LifeConfig:
    return LifeConfig(settings.num_workers, settings.rollout_length)


@dataclass(frozen=True)
class _ByA2C:
    """A2C whose learning rates and entropy coefficient may be traced, to be tuned at once."""

    agent: AgentConfig
    life: LifeConfig
    tuned: AgentConfig

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        rate, entropy = learned
        agent = faster(self.agent, self.tuned, rate, rate)
        objective = a2c(make_agent(world, agent), A2CConfig(entropy_coefficient=entropy))
        return Trainer(Life(world, objective, self.life.num_workers, self.life.rollout_length))


def _a2c_contender(
    rate: float, entropy: float, world: WorldSpec, settings: LevelEvaluationConfig
) -> Contender:
    chosen, life, tuned = (jnp.float32(rate), jnp.float32(entropy)), _life(settings), world.agent
    return Contender(
        "A2C, tuned", "baseline", lambda world: _ByA2C(world.agent, life, tuned), chosen
    )


def _tuned_a2c(world: WorldSpec, settings: LevelEvaluationConfig) -> tuple[Contender, str]:
    """With the learning rates and entropy coefficient that do best on training levels."""
    grid = [(rate, entropy) for rate in settings.a2c_rates for entropy in settings.a2c_entropies]
    of_grid = [_a2c_contender(rate, entropy, world, settings) for rate, entropy in grid]
    (rate, entropy), best = _best(zip(grid, of_grid, strict=True), world, settings)
    note = (
        f"A2C was tuned on training levels: learning rates × {rate:g}, entropy coefficient "
        f"{entropy:g}."
    )
    return best, note


def _best(
    choices: Iterable[tuple[_T, Contender]], world: WorldSpec, settings: LevelEvaluationConfig
) -> tuple[_T, Contender]:
    """What does best on training levels, the first of those that do equally well.

    Where agents have returns that are no numbers nothing is known, which is worse than anything.
    """
    levels = level_set(
        "tuning", (world,), world, settings.num_levels, settings.max_lifetime, TUNING_SEED
    )

    def quality(choice):
        returns = final_returns(levels, choice[1], settings, seed=TUNING_SEED)
        if levels.optimal is not None:
            returns = returns / levels.optimal[:, None]
        found = float(interquartile_mean(returns))
        return -math.inf if math.isnan(found) else found

    return max(choices, key=quality)
