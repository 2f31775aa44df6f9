"""A figure of scores on many worlds."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from rlsuite.experiments.plot_style import (
    GRID,
    INK,
    INTERVAL,
    key_below,
    line_look,
    line_mark,
    plain,
    point_look,
    save,
    style,
)
from rlsuite.experiments.statistics import Estimate


def scores(
    path: Path, sets: Mapping[str, Mapping[str, Estimate]], *, colours: Mapping[str, str]
) -> None:
    """Scores of contenders, a row for each world: points with their intervals.

    Args:
      path: the file to write.
      sets: estimates by world and contender.
      colours: by contender, in the order of the key.
    """
    height = 1.4 + (0.12 + 0.13 * len(colours)) * len(sets)
    figure = Figure(figsize=(7.2, height), layout="constrained")
    axis = figure.subplots()
    for row, estimates in enumerate(sets.values()):
        for place, (contender, colour) in enumerate(colours.items()):
            value, low, high = estimates[contender]
            level = row + 0.7 * ((place + 0.5) / len(colours) - 0.5)
            axis.plot((low, high), (level, level), **line_look(colour))
            axis.scatter(value, level, s=16, zorder=3, **point_look(colour))
    for score, name in ((0, "random policy"), (1, "reference")):
        axis.axvline(score, color=INK, linewidth=0.8, linestyle=":")
        axis.annotate(
            name,
            (score, 1),
            (2, 2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axis.set_yticks(range(len(sets)), list(map(plain, sets)))
    axis.invert_yaxis()
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    style(axis, "")
    axis.set_xlabel(f"score: {INTERVAL}", color=INK, fontsize=9)
    marks = [line_mark(plain(name), **line_look(colour)) for name, colour in colours.items()]
    key_below(figure, marks)
    save(figure, path)
