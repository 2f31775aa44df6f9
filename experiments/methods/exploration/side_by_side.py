"""The test of bonuses that were trained side by side: a table for each number of maps."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PyTree
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rlsuite.actions import random_policy
from rlsuite.compiling import jit
from rlsuite.envs.contexts import ManyMaps, MapTables
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.plot_style import (
    INK,
    contender_colours,
    key_below,
    line_mark,
    marked_look,
    save,
    style,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Drawing, Section, Watch, WorldSpec
from rlsuite.experiments.words import counted
from rlsuite.exploration import shared_structure
from rlsuite.methods.bonuses import BonusAgentsConfig
from rlsuite.rollout import Level, episode_returns

NAMES = {
    "none": "no bonus",
    "global_times_episodic": "product",
    "global_plus_episodic": "sum",
    "elliptical": "E3B",
    "distillation": "RND",
    "novelty_difference": "NovelD",
    "elliptical_times_distillation": "E3B × RND",
    "elliptical_times_novelty_difference": "E3B × NovelD",
    "elliptical_plus_distillation": "E3B + RND",
    "elliptical_plus_novelty_difference": "E3B + NovelD",
    "feature_change": "RIDE",
    "guidance": "AGAC",
}
"""What tables call kinds of bonus; the others are called by their kind."""

CHANCE = "random policy"


def test(finished: Finished, watch: Watch) -> Evaluation:
    """Returns of fresh episodes on agents' own maps, of each bonus, beside a random policy."""
    config, world = finished.run.method, finished.named_world
    returns = _returns(finished, watch)
    levels = _by_context(finished.state.slots.agent.task.level, config)
    done = watch.begin("a random policy, and the optimum")
    known = Known.of(world, levels, config, finished.run.evaluation.num_episodes)
    done()
    tables, extras, (where, names) = [], {}, table_names(finished)
    for place, name in enumerate(names):
        results = {
            NAMES.get(kind, kind): returns[place, number][None]
            for number, kind in enumerate(config.kinds)
        }
        results[CHANCE] = known.chance[place][None]
        optimal = None if known.optimal is None else optimum(known.optimal[place])
        tables.append(Table(name, "return", results, strata=[name], optimal=optimal))
        maps = config.contexts[place] if config.contexts else None
        extras[name] = {"where": where, "maps": maps}
        if known.spread is not None:
            extras[name]["spread"] = float(known.spread[place].mean())
    own, *others = (NAMES.get(kind, kind) for kind in config.kinds)
    baselines = [Contender(name, "baseline") for name in (*others, CHANCE)]
    return Evaluation(
        contenders=[Contender(own, "own"), *baselines],
        tables=tables,
        notes=[
            "Each result is an agent's mean return, without its bonus, over "
            f"{finished.run.evaluation.num_episodes} fresh episodes on the maps that it was "
            "trained on. All agents were trained in one program, each from a key and on maps of "
            "its own. " + OPTIMUM
        ],
        extras={"contexts": extras},
    )


def pictures(evaluation: Evaluation | None) -> list[Section]:
    """Success against the number of maps, a line for each bonus, where there are several."""
    if evaluation is None or len(evaluation.extras.get("contexts", ())) < 2:
        return []
    drawing = Drawing(
        "contexts.png",
        "Return against the number of maps, a line for each bonus",
        lambda path: draw(path, evaluation),
    )
    text = (
        "Interquartile means over agents and their 95 % bootstrap intervals; dots are agents. "
        "Without a bonus, and by chance, lines are dashed."
    )
    return [Section("Return against the number of maps", [drawing], text)]


def draw(path: Path, evaluation: Evaluation) -> None:
    """Draws return against the number of maps, evenly spaced."""
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axis = figure.subplots()
    unpaid = [NAMES["none"], CHANCE]
    paid = sorted({name for name, _ in evaluation.contenders} - set(unpaid))
    marks: list[Line2D | Patch] = []
    colours = contender_colours(paid, unpaid)
    for place, (name, colour) in enumerate(colours.items()):
        shown = [table for table in evaluation.tables if name in table.results]
        across = np.arange(len(shown)) + 0.06 * (place - len(colours) / 2)
        value, low, high = np.array([table.estimates[name] for table in shown]).T
        look = marked_look(colour)
        axis.plot(across, value, **look)
        axis.vlines(across, low, high, color=colour, linewidth=1.2)
        for at, table in zip(across, shown, strict=True):
            agents = table.results[name][0]
            axis.scatter(np.full(agents.shape, at), agents, s=5, color=colour, alpha=0.35)
        marks.append(line_mark(name, **look))
    told = [evaluation.extras["contexts"][table.name]["maps"] for table in evaluation.tables]
    axis.set_xticks(range(len(told)), [f"{number:,}" for number in told])
    axis.set_xlabel("maps of a level, |C|", color=INK, fontsize=9)
    style(axis, "return, without the bonus")
    key_below(figure, marks)
    save(figure, path)


def table_names(finished: Finished) -> tuple[str, list[str]]:
    """The world and what is counted, and what the tables are called: by how many maps there are."""
    config, world = finished.run.method, finished.named_world
    where = world.name if config.bonus.cells is None else f"{world.name} by {config.bonus.cells}"
    if getattr(world.world, "num_distractions", 0):
        where += " with noise"
    names = [f"{where}, {counted(number, 'map')}" for number in config.contexts]
    return where, names or [where]


def _returns(finished: Finished, watch: Watch) -> Float[np.ndarray, "context kind agent"]:
    config, number = finished.run.method, finished.run.evaluation.num_episodes
    done = watch.begin(f"episodes of {finished.title}")
    life, agents = config.life_in(finished.named_world.world), finished.state.slots.agent
    program = jit(jax.vmap(lambda key, agent: life.mean_return(key, agent, number)))
    keys = jax.random.split(role_key("episodes"), agents.num_updates.size)
    found = np.asarray(program(keys, agents)).reshape(config.groups)
    done()
    return found


def _by_context(levels: Level, config: BonusAgentsConfig) -> PyTree:
    """Levels of the agents of the first kind, `[context, agent, ...]`."""
    return jax.tree.map(lambda leaf: leaf.reshape(*config.groups, *leaf.shape[1:])[:, 0], levels)


class Known(NamedTuple):
    """What is known of levels without learning anything, `[context, agent]`.

    Attributes:
      chance: mean returns of a random policy.
      optimal: the greatest returns there can be; none where no solver knows them.
      spread: of best values over a level's maps, S; none where levels have no maps, or the world
        can't be solved on each.
    """

    chance: Float[np.ndarray, "context agent"]
    optimal: Float[np.ndarray, "context agent"] | None
    spread: Float[np.ndarray, "context agent"] | None

    @classmethod
    def of(
        cls, world: WorldSpec, levels: Level, config: BonusAgentsConfig, num_episodes: int
    ) -> "Known":
        """All of it, each in one program for all levels."""
        shape = config.groups[0], config.num_agents
        flat = jax.tree.map(lambda leaf: jnp.asarray(leaf).reshape(-1, *leaf.shape[2:]), levels)
        optimal = by_planning(world, flat)
        spread = _spreads(world.world, flat, config)
        return cls(
            by_chance(world, flat, num_episodes).reshape(shape),
            None if optimal is None else optimal.reshape(shape),
            None if spread is None else spread.reshape(shape),
        )


def by_chance(world: WorldSpec, levels: Level, number: int) -> Float[np.ndarray, " level"]:
    """Mean returns of a random policy over so many episodes on each level."""
    policy = random_policy(world.world)

    def mean_return(key, level):
        return episode_returns(key, world.world, level, policy, number).mean()

    keys = jax.random.split(role_key("random policy"), len(_leaf(levels)))
    return np.asarray(jit(jax.vmap(mean_return))(keys, levels))


def by_planning(world: WorldSpec, levels: Level) -> Float[np.ndarray, " level"] | None:
    """The greatest return there can be on each level; none where no solver knows it."""
    if world.optimal_return is None:
        return None
    return np.asarray(jit(jax.vmap(world.optimal_return), program="once")(levels))


def optimum(of_levels: Float[np.ndarray, " level"]) -> Float[np.ndarray, "1"] | None:
    """What results are fractions of, the mean over levels; none where nothing can be had."""
    mean = of_levels.mean(keepdims=True)
    return mean if mean[0] > 0 else None


OPTIMUM = (
    "The optimal return is found by dynamic programming, in the mean over agents' levels, where a "
    "solver knows it."
)
SOLVED = 64
"""Maps of a level that count towards S, where it has more."""


def _spreads(
    world: Environment, levels: Level, config: BonusAgentsConfig
) -> Float[np.ndarray, " level"] | None:
    """S of each level, one after the other, over the first of its maps; none where it isn't known.

    Args:
      world: of the levels.
      levels: those of agents, the number of maps varying slowest.
      config: of the agents.
    """
    single = [jax.tree.map(lambda leaf, n=n: leaf[n], levels) for n in range(len(_leaf(levels)))]
    first = single[0]
    if not isinstance(world, MapTables) or not isinstance(first, ManyMaps):
        return None
    cells = config.bonus.cells_in(world)
    numbers = np.repeat(config.contexts or [first.num_maps], config.num_agents)
    most = min(int(numbers.max()), SOLVED)

    def spread(level, number):
        return shared_structure(world, level, cells, number=number, most=most)[0]

    program = jit(spread)
    return np.array([program(level, n) for level, n in zip(single, numbers, strict=True)])


def _leaf(levels: Level) -> Array:
    return jax.tree.leaves(levels)[0]
