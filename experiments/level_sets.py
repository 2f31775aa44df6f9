"""The levels that learned objectives are meta-tested on: the same for all runs."""

from collections.abc import Hashable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PyTree

from rlsuite.envs.gridworld.levels import TABULAR_LEVELS
from rlsuite.envs.gridworld.mazes import MAZES
from rlsuite.experiments.compiling import jit, jit_once
from rlsuite.experiments.configs import LevelEvaluationConfig, ObjectiveEvaluationConfig
from rlsuite.experiments.tasks import TaskSource, task_source
from rlsuite.lifetime import Task

# Training never draws from this key.
HELD_OUT_SEED = 2_310_02782
LEAST_OPTIMAL_RETURN = 0.01
HORIZON_SUFFIX = " updates"


class LevelSet(NamedTuple):
    """Levels that belong together in a result.

    Attributes:
      name: what the set is called.
      source: the world.
      agent: how agents are built there, in the terms of those who test them.
      tasks: leaves with a leading `level` axis.
      strata: the name of the distribution that each level was drawn from.
      optimal: return of the best policy on each level, where it is known.
    """

    name: str
    source: TaskSource
    agent: Hashable
    tasks: Task
    strata: list[str]
    optimal: Float[np.ndarray, " level"] | None

    def normalised(self, returns: Float[np.ndarray, "level seed"]) -> np.ndarray:
        """Returns as fractions of the optimal one; as they are, where that is not known."""
        return returns if self.optimal is None else returns / self.optimal[:, None]


def take(tree: PyTree, index: Int[np.ndarray, "*indices"]) -> PyTree:
    """The entries of every leaf's leading axis that `index` names."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def level_sets(tasks: str, settings: LevelEvaluationConfig) -> list[LevelSet]:
    """The training distribution's held-out levels, the five tabular levels, and the mazes.

    Then the held-out levels again, once for each horizon that is asked for.

    All grid worlds of them that are tabular share one size, so that they share compiled code.
    """
    names = {f"held-out {tasks}": (tasks,), "tabular levels": TABULAR_LEVELS, "mazes": tuple(MAZES)}
    draws = {f"held-out {tasks}": settings.num_levels}
    sets = [
        level_set(
            name, members, tasks, draws.get(name, settings.num_draws), settings, HELD_OUT_SEED
        )
        for name, members in names.items()
    ]
    return sets + [lasting(sets[0], horizon) for horizon in settings.horizons or ()]


def lasting(level_set: LevelSet, horizon: int) -> LevelSet:
    """The same levels, each for so many updates."""
    lifetime = jnp.full_like(level_set.tasks.lifetime, horizon)
    tasks = level_set.tasks._replace(lifetime=lifetime)
    return level_set._replace(name=horizon_name(horizon), tasks=tasks)


def horizon_name(horizon: int) -> str:
    """What levels are called when they are lived on for so many updates each."""
    return f"{horizon}{HORIZON_SUFFIX}"


@cache
def level_set(
    name: str,
    members: tuple[str, ...],
    tasks_trained_on: str,
    num_draws: int,
    settings: LevelEvaluationConfig,
    seed: int,
) -> LevelSet:
    """Levels of several distributions as one set, the same for the same arguments.

    A level that pays next to nothing even to the best policy is left out: there is nothing to
    normalise by.
    """
    key = jax.random.key(seed)
    sources = [_common_size(member, tasks_trained_on) for member in members]
    drawn = []
    for index, source in enumerate(sources):
        keys = jax.random.split(jax.random.fold_in(key, index), num_draws)
        drawn.append(jit_once(jax.vmap(source.sample_task))(keys))
    tasks = shortened(jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *drawn), settings)
    strata = [member for member in members for _ in range(num_draws)]
    solve = sources[0].optimal_return
    if solve is None:
        return LevelSet(name, sources[0], sources[0].agent, tasks, strata, optimal=None)
    optimal = np.asarray(jit(jax.vmap(solve))(tasks.level))
    paying = np.flatnonzero(optimal >= LEAST_OPTIMAL_RETURN)
    return LevelSet(
        name,
        sources[0],
        sources[0].agent,
        take(tasks, paying),
        [strata[i] for i in paying],
        optimal[paying],
    )


@cache
def _common_size(name: str, tasks: str) -> TaskSource:
    """A task source in a world that holds the levels of all sets, if it is a tabular grid world."""
    source = task_source(name)
    if source.optimal_return is None:
        return source
    solved = [task_source(other) for other in (tasks, *TABULAR_LEVELS, *MAZES)]
    worlds = [other.world for other in solved if other.optimal_return is not None]
    sizes = ("max_side", "max_objects", "max_types")
    return task_source(name, **{size: max(getattr(w, size) for w in worlds) for size in sizes})


def shortened(tasks: Task, settings: ObjectiveEvaluationConfig) -> Task:
    """The tasks with lifetimes cut as a meta-test asks for."""
    if settings.max_lifetime is None:
        return tasks
    return tasks._replace(lifetime=jnp.minimum(tasks.lifetime, settings.max_lifetime))
