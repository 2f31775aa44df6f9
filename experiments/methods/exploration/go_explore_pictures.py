"""Reports of Go-Explore: maps of a level, by how far away each place is and when it was found."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from rlsuite.archive import CellArchive
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.plot_style import INK, save
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.methods.go_explore import NEVER

NUM_MOMENTS = 4


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """Maps for each set of keys and doors, where the world is drawn."""
    del evaluation
    world = finished.named_world.world
    if not isinstance(world, KeyDoors):
        return []
    return [
        _first_visits(world, finished.state.first_met),
        *([_ways(world, finished.learned)] if finished.run.method.cells in OWN_CELLS else []),
    ]


OWN_CELLS = (None, "situation")
"""By which the archive itself has a row for each situation."""


def _ways(world: KeyDoors, archive: CellArchive) -> Section:
    lengths = np.asarray(archive.length[:-1], np.float64)
    shown = by_situation(world, np.where(lengths < 0, np.nan, lengths))
    drawing = Drawing(
        "map.png",
        "Steps of the shortest way to each place, by keys held and doors opened",
        lambda path: maps(path, world, [shown], "steps of the way", [""]),
    )
    text = (
        "Numbers on the colour scale are steps of the shortest way that was found among those of "
        "the highest score. White places were not entered, grey ones are walls; letters are what "
        "the level has there (lower case keys, upper case their doors in the same order)."
    )
    return Section("What was entered", [drawing], text)


def _first_visits(world: KeyDoors, first_met: ArrayLike) -> Section:
    """Four moments in equal shares of what there was to be entered, the last one the end."""
    when = np.asarray(first_met, np.float64)
    when[when == NEVER] = np.nan
    moments = np.nanquantile(when, np.arange(1, NUM_MOMENTS + 1) / NUM_MOMENTS, method="lower")
    shown = [by_situation(world, np.where(when <= moment, when, np.nan)) for moment in moments]
    titles = [f"after {moment:,.0f} steps of the world" for moment in moments]
    drawing = Drawing(
        "first_visits.png",
        "When each place was entered first, at four moments, by keys held and doors opened",
        lambda path: maps(path, world, shown, "steps of the world", titles),
    )
    text = (
        "A row for each of four moments: when a quarter of what was ever entered had been entered, "
        "a half, three quarters and all. Numbers on the colour scale are steps of the world, of "
        "the whole batch that came there first."
    )
    return Section("When it was entered", [drawing], text)


def maps(
    path: Path,
    world: KeyDoors,
    rows: Sequence[Float[np.ndarray, "row column situation"]],
    label: str,
    titles: Sequence[str],
) -> None:
    """Draws a map of each set of keys and doors that was entered, the earliest first.

    Args:
      path: of the figure.
      world: whose maps they are.
      rows: of maps, all on one scale; NaN is left white.
      label: of the scale.
      titles: of the rows.
    """
    last = rows[-1]
    shown = sorted(
        (which for which in range(last.shape[-1]) if np.isfinite(last[..., which]).any()),
        key=lambda which: np.nanmin(last[..., which]),
    )
    size = (2.6 * len(shown) + 0.8, 2.7 * len(rows) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(shown), squeeze=False)
    for row, values, title in zip(axes, rows, titles, strict=True):
        row[0].set_ylabel(title, color=INK, fontsize=9)
        for axis, which in zip(row, shown, strict=True):
            image = _map(axis, world, values[..., which], np.nanmax(last))
            axis.set_title(world.situation_name(which), color=INK, fontsize=9, loc="left")
    figure.colorbar(image, ax=axes, label=label, shrink=0.8)
    save(figure, path)


def _map(
    axis: Axes, world: KeyDoors, values: Float[np.ndarray, "row column"], highest: float
) -> AxesImage:
    axis.imshow(world.is_wall, cmap="Greys", vmin=0, vmax=2.5)
    image = axis.imshow(values, cmap="viridis_r", vmin=0, vmax=highest)
    axis.set_xticks([])
    axis.set_yticks([])
    for (row, column), sign in world.signs.items():
        axis.text(column, row, sign, ha="center", va="center", fontsize=7, color=INK)
    return image


def by_situation(
    world: KeyDoors, values: Float[np.ndarray, " situation"]
) -> Float[np.ndarray, "row column set"]:
    """Numbers of situations as maps, one for each set of keys and doors."""
    return values.reshape(world.num_rows, world.num_columns, -1)
