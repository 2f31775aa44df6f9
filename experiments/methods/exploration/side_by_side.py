"""The test of bonuses that were trained side by side: a table for each number of maps."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rlsuite.actions import random_policy
from rlsuite.compiling import jit
from rlsuite.envs.rooms import Rooms
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import HELD_OUT_SEED
from rlsuite.experiments.plot_style import (
    INK,
    contender_colours,
    key_below,
    line_mark,
    marked_look,
    save,
    style,
)
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
}
"""What tables call kinds of bonus; the others are called by their kind."""

CHANCE = "random policy"


def test(finished: Finished, watch: Watch) -> Evaluation:
    """Returns of fresh episodes on agents' own maps, of each bonus, beside a random policy."""
    config, world = finished.run.method, finished.named_world
    returns = _returns(finished, watch)
    levels = _by_context(finished.state.slots.agent.task.level, config)
    tables, extras = [], {}
    for place, name in enumerate(table_names(finished)):
        level = jax.tree.map(lambda leaf, place=place: leaf[place], levels)
        results = {
            NAMES.get(kind, kind): returns[place, number][None]
            for number, kind in enumerate(config.kinds)
        }
        done = watch.begin(f"a random policy, {name}")
        results[CHANCE] = by_chance(world, level, finished.run.evaluation.num_episodes)[None]
        extras[name] = _told(world, level, config, place)
        optimal = by_planning(world, level)
        done()
        tables.append(Table(name, "return", results, strata=[name], optimal=optimal))
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


def table_names(finished: Finished) -> list[str]:
    """What the tables are called: the world, what is counted, and how many maps there are."""
    config, world = finished.run.method, finished.named_world
    where = world.name if config.bonus.cells is None else f"{world.name} by {config.bonus.cells}"
    if getattr(world.world, "num_distractions", 0):
        where += " with noise"
    return [f"{where}, {counted(number, 'map')}" for number in config.contexts] or [where]


def _returns(finished: Finished, watch: Watch) -> Float[np.ndarray, "context kind agent"]:
    config, number = finished.run.method, finished.run.evaluation.num_episodes
    done = watch.begin(f"episodes of {finished.title}")
    life, agents = config.life_in(finished.named_world.world), finished.state.slots.agent
    program = jit(jax.vmap(lambda key, agent: life.mean_return(key, agent, number)))
    keys = jax.random.split(jax.random.key(HELD_OUT_SEED + 1), agents.num_updates.size)
    found = np.asarray(program(keys, agents)).reshape(config.groups)
    done()
    return found


def _by_context(levels: Level, config: BonusAgentsConfig) -> PyTree:
    """Levels of the agents of the first kind, `[context, agent, ...]`."""
    return jax.tree.map(lambda leaf: leaf.reshape(*config.groups, *leaf.shape[1:])[:, 0], levels)


def by_chance(world: WorldSpec, levels: Level, number: int) -> Float[np.ndarray, " agent"]:
    """Mean returns of a random policy over so many episodes on each level."""
    policy = random_policy(world.world)

    def mean_return(key, level):
        return episode_returns(key, world.world, level, policy, number).mean()

    num_levels = len(jax.tree.leaves(levels)[0])
    keys = jax.random.split(jax.random.key(HELD_OUT_SEED + 2), num_levels)
    return np.asarray(jit(jax.vmap(mean_return))(keys, levels))


def by_planning(world: WorldSpec, levels: Level) -> Float[np.ndarray, "1"] | None:
    """The greatest return there can be, in the mean over levels; none where no solver knows it."""
    if world.optimal_return is None:
        return None
    optimal = jit(jax.vmap(world.optimal_return), program="once")(levels)
    return np.asarray(optimal).mean(keepdims=True)


OPTIMUM = (
    "The optimal return is found by dynamic programming, in the mean over agents' levels, where a "
    "solver knows it."
)


def _told(world: WorldSpec, levels: Level, config: BonusAgentsConfig, place: int) -> dict[str, Any]:
    """How many maps there are, and the spread S over them, in the mean over agents' levels."""
    found: dict[str, Any] = {"maps": config.contexts[place] if config.contexts else None}
    if isinstance(world.world, Rooms):
        rooms, cells = world.world, config.bonus.cells_in(world.world)
        number = min(found["maps"] or levels.maps.start.shape[1], SOLVED)
        kept = jax.tree.map(lambda leaf: jnp.asarray(leaf)[:, :number], levels.maps)
        spread = jit(lambda level: shared_structure(rooms, level, cells)[0])
        alone = [jax.tree.map(lambda leaf, n=n: leaf[n], kept) for n in range(config.num_agents)]
        limit = levels.max_steps_in_episode
        of_each = [
            float(spread(levels.replace(max_steps_in_episode=limit[n], maps=maps)))
            for n, maps in enumerate(alone)
        ]
        found["spread"] = float(np.mean(of_each))
    return found


SOLVED = 64
"""Maps of a level that count towards S, where it has more."""
