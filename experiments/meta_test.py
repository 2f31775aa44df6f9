"""Meta-testing: fresh agents learn by a frozen objective, and what becomes of them is measured."""

from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Float
from rich.progress import Progress

from rlsuite.analysis import life_course
from rlsuite.experiments.compiling import jit
from rlsuite.experiments.configs import EvaluationConfig
from rlsuite.experiments.level_sets import HELD_OUT_SEED, LevelSet, take
from rlsuite.experiments.statistics import bootstrap
from rlsuite.lifetime import Life
from rlsuite.objectives.objective import Parameters

LearnedBy = Callable[[Environment, Any, Parameters], tuple[Life, Parameters]]
"""From a world, how agents are built there, and a contender's parameters to how they live, and to
the parameters of what they learn by."""

YARDSTICKS = (
    "untrained objective",
    "A2C, tuned",
    "no drift",
    "untrained drift",
    "PPO",
    "DPO",
    "no channel",
    "zero messages",
    "random channels",
    "random shaper",
)
"""Contenders that are the same for all runs tested alike."""

UPDATES_SHOWN = 100


class Contender(NamedTuple):
    """Something agents can learn by."""

    name: str
    learned_by: LearnedBy
    parameters: Parameters


class MetaTest(NamedTuple):
    """What is to be tested, and on what.

    Attributes:
      contenders: the run's own objective first.
      sets: levels.
      notes: what a report should know besides the results.
    """

    contenders: Sequence[Contender]
    sets: Sequence[LevelSet]
    notes: dict[str, Any]


def final_returns(
    level_set: LevelSet, contender: Contender, settings: EvaluationConfig, *, seed: int
) -> Float[np.ndarray, "level seed"]:
    """Final returns of `num_seeds` fresh agents on each level, `num_agents` at a time."""
    num_levels = level_set.tasks.lifetime.shape[0]
    total = num_levels * settings.num_seeds
    keys = jax.random.split(jax.random.key(seed), total)
    live = _final_return(
        level_set.source.world, level_set.agent, contender.learned_by, settings.num_episodes
    )
    returns = []
    for start in range(0, total, settings.num_agents):
        # The last batch is filled up with agents that were there before: one shape, one program.
        agents = np.arange(start, start + settings.num_agents) % total
        batch = take(level_set.tasks, agents // settings.num_seeds)
        returns.append(np.asarray(live(contender.parameters, keys[agents], batch)))
    return np.concatenate(returns)[:total].reshape(num_levels, settings.num_seeds)


@cache
def _final_return(
    world: Environment, agent: Hashable, learned_by: LearnedBy, num_episodes: int
) -> jax.stages.Wrapped:
    """Compiled: the returns of a batch of agents after their lifetimes.

    Level sets in equal worlds share the program.
    """

    def final_return(parameters, key, task):
        life, parameters = learned_by(world, agent, parameters)
        life_key, episode_key = jax.random.split(key)
        trained = life.whole(life_key, parameters, task)
        return life.mean_return(episode_key, trained, task.level, num_episodes)

    return jit(jax.vmap(final_return, in_axes=(None, 0, 0)))


def tested(
    level_set: LevelSet,
    contenders: Sequence[Contender],
    settings: EvaluationConfig,
    progress: Progress,
) -> dict[str, Any]:
    """What `evaluation.json` holds of a level set: every return, and estimates of their mean."""
    strata = np.unique(level_set.strata, return_inverse=True)[1]
    returns, estimates = {}, {}
    for contender in contenders:
        bar = progress.add_task(f"{level_set.name}: {contender.name} …", total=None)
        final = final_returns(level_set, contender, settings, seed=HELD_OUT_SEED)
        progress.update(bar, total=1, completed=1)
        returns[contender.name] = final.tolist()
        estimates[contender.name] = bootstrap(level_set.normalised(final)[None], strata)._asdict()
    optimal = level_set.optimal
    return {
        "levels": level_set.strata,
        "optimal": None if optimal is None else optimal.tolist(),
        "returns": returns,
        "estimates": estimates,
    }


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
    keys = jax.random.split(jax.random.key(HELD_OUT_SEED), num_agents)
    life, parameters = contender.learned_by(
        level_set.source.world, level_set.agent, contender.parameters
    )
    found = {}
    for horizon in horizons:
        shown = np.linspace(0, horizon - 1, min(horizon, UPDATES_SHOWN)).round().astype(int)

        def course(parameters, key, task, horizon=horizon):
            return life_course(life, key, parameters, task, num_updates=horizon)

        metrics = jit(jax.vmap(course, in_axes=(None, 0, 0)))(parameters, keys, tasks)
        found[str(horizon)] = {
            name: np.asarray(values).mean(0)[shown].tolist() for name, values in metrics.items()
        }
    return found
