"""Meta-testing: fresh agents learn by a frozen objective, and what becomes of them is measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

import jax
import numpy as np
from annotated_types import MinLen
from gymnax.environments.environment import Environment
from jaxtyping import Float

from rlsuite.analysis import life_course
from rlsuite.compiling import jit
from rlsuite.experiments import evaluation
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.evaluation import Evaluation, Role, Table
from rlsuite.experiments.level_sets import LevelSet
from rlsuite.experiments.registry import find_world, world_names
from rlsuite.experiments.role_keys import HELD_OUT_SEED, role_key
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.experiments.trainers import LearnedBy
from rlsuite.ranges import Count, Counts, EachOnce
from rlsuite.selection import take

UPDATES_SHOWN = 100
AGENTS_WATCHED = 16


@dataclass(frozen=True)
class EvaluationConfig:
    """How what was learned is tested.

    Attributes:
      num_seeds: fresh agents trained on each level.
      num_episodes: evaluation episodes behind each return.
      num_agents: agents trained side by side.
    """

    num_seeds: Count = 4
    num_episodes: Count = 64
    num_agents: Count = 64


@dataclass(frozen=True)
class ObjectiveEvaluationConfig(EvaluationConfig):
    """How a learned objective is meta-tested.

    Attributes:
      max_lifetime: cuts lifetimes, in agent updates, but for those of `horizons`; none leaves them.
      horizons: what was trained on is also lived on for exactly so many updates each; none leaves
        that out.
      worlds: others that are tested on too, by their names.
    """

    max_lifetime: Count | None = None
    horizons: Annotated[Counts, MinLen(1), EachOnce()] | None = None
    worlds: tuple[str, ...] = ()


def other_worlds(settings: ObjectiveEvaluationConfig) -> list[WorldSpec]:
    """The other worlds that are tested on, each once.

    Raises:
      ConfigError: if there is none of such a name.
    """
    for name in settings.worlds:
        if name not in world_names():
            raise ConfigError(f"evaluation.worlds: {nearest('world', name, world_names())}")
    return list(map(find_world, dict.fromkeys(settings.worlds)))


def check_other_worlds(
    settings: ObjectiveEvaluationConfig, make: Callable[[WorldSpec], Any]
) -> None:
    """Refuses other worlds that aren't there, or that agents can't act in.

    Args:
      settings: of the test.
      make: makes who acts in a world; it raises a ValueError if nobody can.

    Raises:
      ConfigError: if there is one.
    """
    for other in other_worlds(settings):
        try:
            make(other)
        except ValueError as error:
            raise ConfigError(f"evaluation.worlds: {other.name}: {error}") from error


class Contender(NamedTuple):
    """Something agents can learn by.

    Attributes:
      name: what it is called.
      role: what it is in the test.
      learned_by: how agents learn by it on a world.
      learned: what was learned; `()` where nothing was.
    """

    name: str
    role: Role
    learned_by: Callable[[WorldSpec], LearnedBy]
    learned: Any = ()


class MetaTest(NamedTuple):
    """What is to be tested, and on what.

    Attributes:
      contenders: the run's own objective first.
      sets: levels; those of training first.
      notes: what a report should say besides the results.
    """

    contenders: Sequence[Contender]
    sets: Sequence[LevelSet]
    notes: Sequence[str] = ()


def meta_test(plan: MetaTest, settings: ObjectiveEvaluationConfig, watch: Watch) -> Evaluation:
    """Tests all contenders on all sets, and watches how lives by the run's own objective go."""
    watch.expect(len(plan.sets) * len(plan.contenders) + 1)
    tables = [tested(level_set, plan.contenders, settings, watch) for level_set in plan.sets]
    done = watch.begin("watching agents live")
    course = courses(plan.sets[0], plan.contenders[0], settings.horizons or (), AGENTS_WATCHED)
    done()
    return Evaluation(
        contenders=[evaluation.Contender(one.name, one.role) for one in plan.contenders],
        tables=tables,
        notes=plan.notes,
        extras={"courses": course},
    )


def final_returns(
    level_set: LevelSet, contender: Contender, settings: EvaluationConfig, *, seed: int
) -> Float[np.ndarray, "level seed"]:
    """Final returns of `num_seeds` fresh agents on each level, `num_agents` at a time."""
    num_levels = level_set.tasks.lifetime.shape[0]
    total = num_levels * settings.num_seeds
    keys = jax.random.split(role_key("agents", seed), total)
    world, learned_by = level_set.world, contender.learned_by(level_set.world)
    live = _final_return(world.world, learned_by, settings.num_episodes)
    returns = []
    for start in range(0, total, settings.num_agents):
        # The last batch is filled up with agents that were there before: one shape, one program.
        agents = np.arange(start, start + settings.num_agents) % total
        batch = take(level_set.tasks, agents // settings.num_seeds)
        returns.append(np.asarray(live(contender.learned, keys[agents], batch)))
    return np.concatenate(returns)[:total].reshape(num_levels, settings.num_seeds)


@cache
def _final_return(
    world: Environment, learned_by: LearnedBy, num_episodes: int
) -> jax.stages.Wrapped:
    """Compiled: the returns of a batch of agents after their lifetimes.

    Level sets in equal worlds share the program.
    """

    def final_return(learned, key, task):
        trainer = learned_by(world, learned)
        life_key, episode_key = jax.random.split(key)
        agent = trainer.train(life_key, task)
        return trainer.life.mean_return(episode_key, agent, num_episodes)

    return jit(jax.vmap(final_return, in_axes=(None, 0, 0)))


def tested(
    level_set: LevelSet,
    contenders: Sequence[Contender],
    settings: EvaluationConfig,
    watch: Watch,
) -> Table:
    """The final returns of all contenders on a set of levels."""
    results = {}
    for contender in contenders:
        done = watch.begin(f"{level_set.name}: {contender.name}")
        results[contender.name] = final_returns(level_set, contender, settings, seed=HELD_OUT_SEED)
        done()
    return Table(
        name=level_set.name,
        unit="return",
        results=results,
        strata=level_set.strata,
        optimal=level_set.optimal,
        horizon=level_set.horizon,
    )


def courses(
    level_set: LevelSet, contender: Contender, horizons: Sequence[int], num_agents: int
) -> dict[str, dict[str, list[float]]]:
    """How lives go by a contender: by horizon and metric, means over agents after each update.

    Args:
      level_set: the levels that agents live on, from the first on.
      contender: what they learn by.
      horizons: lifetimes, in agent updates.
      num_agents: agents that the means are of.

    Returns:
      At most `UPDATES_SHOWN` values of each metric, evenly spread over the life.
    """
    agents = np.arange(num_agents) % level_set.tasks.lifetime.shape[0]
    tasks = take(level_set.tasks, agents)
    keys = jax.random.split(role_key("courses"), num_agents)
    learned_by = contender.learned_by(level_set.world)
    found = {}
    for horizon in horizons:
        shown = np.linspace(0, horizon - 1, min(horizon, UPDATES_SHOWN)).round().astype(int)

        def course(learned, key, task, horizon=horizon):
            trainer = learned_by(level_set.world.world, learned)
            inputs = key, trainer.parameters, trainer.task(task)
            return life_course(trainer.life, *inputs, num_updates=horizon)

        metrics = jit(jax.vmap(course, in_axes=(None, 0, 0)))(contender.learned, keys, tasks)
        found[str(horizon)] = {
            name: np.asarray(values).mean(0)[shown].tolist() for name, values in metrics.items()
        }
    return found
