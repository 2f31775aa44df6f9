"""Reports of bonuses in rooms: where training was, where episodes go, and what places are worth."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsuite.compiling import jit
from rlsuite.envs.cells import CellWorld
from rlsuite.envs.rooms.world import DOOR, GOAL, KEY, LAVA, WALL, Map, Rooms
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.exploration import side_by_side
from rlsuite.experiments.plot_style import INK, save
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.exploration import shared_structure
from rlsuite.exploration.bonuses import BonusState
from rlsuite.lifetime import Agent
from rlsuite.rollout import Levels, reset_worlds, rollout

NUM_MAPS, EPISODES_PER_MAP = 4, 16
_SIGNS = {GOAL: "G", KEY: "K", DOOR: "D"}


class Places(NamedTuple):
    """What is drawn of the first agent, where there are several numbers of maps of the last.

    Attributes:
      maps: four of its level's, or as many as there are.
      visits: mean visits of a place within an episode on each map.
      counts: visits over all of training, where its bonus counts positions.
      spread: variance over maps of the best value of a position.
      total: its mean over positions, S.
    """

    maps: Map
    visits: Float[np.ndarray, "map cell"]
    counts: Int[np.ndarray, " cell"] | None
    spread: Float[np.ndarray, " cell"]
    total: float


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """What was trained side by side, and heat maps, where the world is a grid of rooms."""
    world, sections = finished.named_world.world, side_by_side.pictures(evaluation)
    if not isinstance(world, Rooms):
        return sections
    places = _places(finished, world)
    drawing = Drawing(
        "visits.png",
        "Where an episode goes on each of some maps, where training went, and how much the value "
        "of a position differs between maps",
        lambda path: draw(path, world, places),
    )
    counted = "" if places.counts is None else "then visits over all of training, N; "
    text = (
        f"Of the first agent{_of_last(finished)}. First, on each of {len(places.visits)} of its "
        f"maps, the mean visits of a position within an episode, N_e, over {EPISODES_PER_MAP} "
        "episodes of the trained policy "
        f"(S start, G goal, K key, D door; grey is wall or lava); {counted}last, the "
        "variance over maps of the best value of a position, by value iteration on each map. Its "
        f"mean over positions is S = {places.total:.4f}."
    )
    return [*sections, Section("Where it goes", [drawing], text)]


def _of_last(finished: Finished) -> str:
    contexts = finished.run.method.contexts
    return f" with {contexts[-1]:,} maps" if contexts else ""


def _places(finished: Finished, world: Rooms) -> Places:
    num_contexts, *of_each = finished.run.method.groups
    first = (num_contexts - 1) * prod(of_each)
    agent = jax.tree.map(lambda leaf: leaf[first], finished.state.slots.agent)
    level, cells = agent.task.level, world.cells["position"]
    visits = _visits(finished, world, agent)
    structure = jit(lambda level: shared_structure(world, level, cells))
    total, spread = structure(level)
    return Places(
        maps=jax.tree.map(lambda leaf: np.asarray(leaf[: len(visits)]), level.maps),
        visits=visits,
        counts=_counts(agent.learner.bonus, cells.number),
        spread=np.asarray(spread),
        total=float(total),
    )


def _visits(finished: Finished, world: Rooms, agent: Agent) -> Float[np.ndarray, "map cell"]:
    """Mean visits of each position within an episode of the trained policy, the start included."""
    level, objective = agent.task.level, finished.run.method.life_in(world).objective
    number, length = (
        min(NUM_MAPS, level.num_maps),
        int(level.max_steps_in_episode),
    )
    # Each worker has a level of its own, which has one map.
    which = np.repeat(np.arange(number), EPISODES_PER_MAP)
    alone = level.replace(maps=jax.tree.map(lambda leaf: leaf[which][:, None], level.maps))
    axes = alone.replace(max_steps_in_episode=None, maps=0)
    levels, telling = Levels(alone, axes), CellWorld(world, world.cells["position"])

    def run(learner, key):
        policy = objective.behaviour(learner)
        reset_key, act_key = jax.random.split(key)
        start = reset_worlds(reset_key, telling, levels, len(which))
        memory = policy.init_memory(len(which))
        _, _, (steps, _) = rollout(act_key, telling, levels, policy, start, memory, length)
        return start.state.cell, steps.extra.entered, steps.ended

    program = jit(run, program="once")
    first, entered, ended = map(np.asarray, program(agent.learner, role_key("paths")))
    before_end = np.cumsum(ended, axis=0) - ended == 0
    visits = np.zeros((len(which), world.side**2))
    np.add.at(visits, (np.arange(len(which)), first), 1)
    for cells, counted in zip(entered, before_end, strict=True):
        np.add.at(visits, (np.flatnonzero(counted), cells[counted]), 1)
    return visits.reshape(number, EPISODES_PER_MAP, -1).mean(axis=1)


def _counts(bonus: BonusState, num_cells: int) -> Int[np.ndarray, " cell"] | None:
    """The counts of a global bonus among what a bonus knows, if it counts so many cells."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(bonus)]
    counts = [leaf for leaf in leaves if leaf.shape == (num_cells,) and leaf.dtype.kind == "i"]
    return counts[0] if counts else None


def draw(path: Path, world: Rooms, places: Places) -> None:
    """Draws the panels in a row."""
    panels = [
        *((f"N_e, map {number + 1}", values) for number, values in enumerate(places.visits)),
        *([("N", places.counts)] if places.counts is not None else []),
        ("variance of V*", places.spread),
    ]
    figure = Figure(figsize=(2.3 * len(panels), 2.5), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for number, (axis, (title, values)) in enumerate(zip(axes, panels, strict=True)):
        shape = (world.side, world.side)
        shown = np.where(values > 0, values, np.nan).reshape(shape)
        if number < len(places.visits):
            _draw_map(axis, places.maps.cells[number], int(places.maps.start[number]), world.side)
        image = axis.imshow(shown, cmap="viridis_r", vmin=0)
        figure.colorbar(image, ax=axis, shrink=0.7)
        axis.set_title(title, color=INK, fontsize=9, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
    save(figure, path)


def _draw_map(axis: Axes, cells: ArrayLike, start: int, side: int) -> None:
    cells = np.asarray(cells)
    grid = cells.reshape(side, side)
    axis.imshow((grid == WALL) | (grid == LAVA), cmap="Greys", vmin=0, vmax=2.5)
    signs = {start: "S"} | {
        int(place): _SIGNS[int(code)] for place, code in enumerate(cells) if int(code) in _SIGNS
    }
    for place, sign in signs.items():
        row, column = divmod(place, side)
        axis.text(column, row, sign, ha="center", va="center", fontsize=7, color=INK)
