"""Reports of searches: where what they keep ends, how old it is, and how emitters got there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.quality_diversity.domains import level_of
from rlsuite.experiments.plot_style import INK, plain, save
from rlsuite.experiments.specs import Drawing, Section, WorldSpec, required

_TEXT = (
    "Each dot is where an episode of a solution that is kept ended; its colour says after how many "
    "evaluations it was found, and red marks areas that pay. Lines join the solutions by which an "
    "emitter broke its record, in the order in which they were found, from its founder on."
)
_MOST_COLUMNS = 4


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """What the run keeps, and what those of its test keep."""
    world = required(finished.named_world)
    solutions, is_there = jax.tree.map(np.asarray, finished.learned)
    own = {
        name: getattr(solutions, name)[is_there]
        for name in ("position", "born", "founder", "reward")
    }
    panels = {finished.title: own}
    sections = [
        Section(
            "What is kept",
            [
                Drawing(
                    "kept.png",
                    "Final positions of what is kept, by age, with areas and traces of emitters",
                    lambda path: draw_kept(path, world, panels),
                )
            ],
            _TEXT,
        )
    ]
    if evaluation is not None and "kept" in evaluation.extras:
        others = {
            name: {part: np.asarray(values) for part, values in kept.items()}
            for name, kept in evaluation.extras["kept"].items()
        }
        sections.append(
            Section(
                "What searches keep",
                [
                    Drawing(
                        "kept_by_all.png",
                        "Final positions of what each search of the test keeps, by age",
                        lambda path: draw_kept(path, world, others),
                    )
                ],
                "The first seed of each search of the test, as above.",
            )
        )
    return sections


def draw_kept(path: Path, world: WorldSpec, panels: Mapping[str, Mapping[str, Any]]) -> None:
    """Draws a square for each search, with dots by age and the traces of emitters."""
    rows = -(-len(panels) // _MOST_COLUMNS)
    columns = -(-len(panels) // rows)
    figure = Figure(figsize=(3.0 * columns + 0.9, 3.15 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    latest = max(int(kept["born"].max(initial=1)) for kept in panels.values())
    for axis, (name, kept) in zip(axes, panels.items(), strict=False):
        dots = _draw(axis, world, kept, latest)
        axis.set_title(plain(name), color=INK, fontsize=9, loc="left")
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.colorbar(dots, ax=list(axes), label="found after evaluations", shrink=0.8)
    save(figure, path)


def _draw(axis: Axes, world: WorldSpec, kept: Mapping[str, Any], latest: int) -> PathCollection:
    low, high = world.world.position_range
    _draw_areas(axis, world)
    position, born = kept["position"].reshape(-1, 2), kept["born"]
    order = np.argsort(born, kind="stable")
    across, up = position[order].T
    dots = axis.scatter(
        across, up, c=born[order], s=4, linewidths=0, cmap="viridis", vmin=0, vmax=latest
    )
    for founder in np.unique(kept["founder"][kept["founder"] >= 0]):
        is_own = (kept["founder"] == founder) | (born == founder)
        own = order[is_own[order]]
        axis.plot(*position[own].T, color=INK, linewidth=0.6, alpha=0.7)
    margin = 0.02 * (high - low)  # So that dots at the edge are seen whole.
    axis.set_xlim(low - margin, high + margin)
    axis.set_ylim(low - margin, high + margin)
    axis.set_aspect("equal")
    axis.tick_params(colors=INK, labelsize=7)
    return dots


def _draw_areas(axis: Axes, world: WorldSpec) -> None:
    """What the world shows in red, in outline, from its own picture."""
    low, high = world.world.position_range
    level = level_of(world)
    size = 200
    _, start = world.world.reset_env(jax.random.key(0), level)
    image = np.asarray(world.world.image(start, level, size)).astype(int)
    is_red = (image[..., 0] > 128) & (image[..., 1] < 128) & (image[..., 2] < 128)
    is_black = image.sum(axis=-1) == 0
    shown = np.ones((size, size, 4))
    shown[..., 3] = 0.0
    shown[is_red] = (0.84, 0.15, 0.16, 0.55)
    shown[is_black] = (0.2, 0.2, 0.22, 1.0)
    axis.imshow(shown, extent=(low, high, low, high), zorder=3, interpolation="nearest")
