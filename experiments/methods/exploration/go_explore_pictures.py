"""Reports of Go-Explore: the map of a level, by how far away each place was found to be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from rlsuite.archive import CellArchive
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.plot_style import INK, save
from rlsuite.experiments.specs import Drawing, Section


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """A map for each set of keys and doors, where the world is drawn."""
    del evaluation
    world = finished.named_world.world
    if not isinstance(world, KeyDoors) or finished.run.method.cells not in (None, "situation"):
        return []
    archive = finished.learned
    drawing = Drawing(
        "map.png",
        "Steps of the shortest way to each place, by keys held and doors opened",
        lambda path: maps(path, world, archive),
    )
    text = (
        "Numbers on the colour scale are steps of the shortest way that was found among those of "
        "the highest score. White places were not entered, grey ones are walls; letters are what "
        "the level has there (lower case keys, upper case their doors in the same order)."
    )
    return [Section("What was entered", [drawing], text)]


def maps(path: Path, world: KeyDoors, archive: CellArchive) -> None:
    """Draws a map of each set of keys and doors that was entered, the earliest first."""
    lengths = by_situation(world, archive)
    shown = sorted(
        (which for which in range(lengths.shape[-1]) if np.isfinite(lengths[..., which]).any()),
        key=lambda which: np.nanmin(lengths[..., which]),
    )
    figure = Figure(figsize=(2.6 * len(shown) + 0.8, 3.0), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    highest = np.nanmax(lengths)
    for axis, which in zip(axes, shown, strict=True):
        axis.imshow(world.is_wall, cmap="Greys", vmin=0, vmax=2.5)
        image = axis.imshow(lengths[..., which], cmap="viridis_r", vmin=0, vmax=highest)
        axis.set_title(world.situation_name(which), color=INK, fontsize=9, loc="left")
        axis.set_xticks([])
        axis.set_yticks([])
        for (row, column), sign in world.signs.items():
            axis.text(column, row, sign, ha="center", va="center", fontsize=7, color=INK)
    figure.colorbar(image, ax=axes, label="steps", shrink=0.8)
    save(figure, path)


def by_situation(
    world: KeyDoors, archive: CellArchive
) -> Float[np.ndarray, "row column situation"]:
    """Lengths of the ways, NaN where nothing was entered."""
    lengths = np.asarray(archive.length[:-1], np.float64)
    lengths = np.where(lengths < 0, np.nan, lengths)
    return lengths.reshape(world.num_rows, world.num_columns, -1)
