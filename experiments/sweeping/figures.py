"""Figures of a sweep's report, one column of a paper wide and legible without colours.

Each function returns a figure. What was learned has full markers and solid lines, a baseline hollow
ones and dashed lines; each contender has a marker of its own.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rlsuite.experiments.evaluation import Curve, Curves, Table
from rlsuite.experiments.plot_style import (
    GRID,
    INK,
    band_mark,
    line_mark,
    marked_look,
    plain,
    with_colours,
)
from rlsuite.experiments.plots import Runs, running_medians
from rlsuite.experiments.statistics import Estimate, Profile

WIDTH = 3.25
"""Of a column, in inches."""

FONT = 7.0
"""The size of the smallest text, in points."""

TITLE_WIDTH = 18
"""Of a panel beside another, in characters."""

MARKERS_SHOWN = 8
BAND = 0.15

Colours = Mapping[str, str]
Estimates = Mapping[str, Mapping[str, Estimate]]


def intervals(tables: Sequence[Table], estimates: Estimates, colours: Colours) -> Figure:
    """Interquartile means as markers and their intervals as lines, a panel for each table."""
    named = with_colours(_contenders(tables, estimates), colours)
    rows, columns = -(-len(tables) // 2), min(2, len(tables))
    lines = max(fill(table.name, TITLE_WIDTH).count("\n") for table in tables)
    height = 0.45 + 0.145 * len(named) + 0.13 * lines
    figure = Figure(figsize=(WIDTH, rows * height + 0.25), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axis, table in zip(panels.ravel(), tables, strict=False):
        for place, (name, colour) in enumerate(named):
            if name in estimates[table.name]:
                value, low, high = estimates[table.name][name]
                look = marked_look(colour)
                axis.plot((low, high), (place, place), color=colour, linewidth=1.2)
                axis.plot(value, place, **{**look, "linestyle": ""})
        _style(axis, fill(table.name, TITLE_WIDTH))
        axis.grid(axis="x", color=GRID, linewidth=0.6)
        axis.margins(x=0.12, y=0.12)
        axis.locator_params(axis="x", nbins=4)
    for axis in panels.ravel()[len(tables) :]:
        axis.set_visible(False)
    for axis in panels[:, 1:].ravel():
        axis.tick_params(axis="y", length=0)
    panels[0, 0].set_yticks(range(len(named)), [plain(name) for name, _ in named])
    panels[0, 0].invert_yaxis()
    units = list(dict.fromkeys(table.shown_unit for table in tables))
    figure.supxlabel(plain(units[0] if len(units) == 1 else "result"), color=INK, fontsize=FONT)
    return figure


def over_horizons(
    tables: Sequence[Table],
    estimates: Estimates,
    colours: Colours,
    trained: tuple[int, int] | None = None,
) -> Figure:
    """Interquartile means over the horizon as lines, their intervals as bands.

    Args:
      tables: with a horizon each.
      estimates: by table and contender.
      colours: by contender.
      trained: the shortest and the longest lifetime in training, shaded; a dotted line if equal.
    """
    figure, axis = _single()
    marks: list[Line2D | Patch] = []
    if trained is not None and trained[0] < trained[1]:
        axis.axvspan(*trained, color=GRID, alpha=0.7, linewidth=0)
        marks.append(Patch(facecolor=GRID, alpha=0.7, label="lifetimes in training"))
    elif trained is not None:
        dotted: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": ":"}
        axis.axvline(trained[0], **dotted)
        marks.append(line_mark("lifetime in training", **dotted))
    by_horizon = sorted(((table.horizon or 0, table) for table in tables), key=itemgetter(0))
    for name, colour in with_colours(_contenders(tables, estimates), colours):
        lived, value, low, high = np.array(
            [
                (horizon, *estimates[table.name][name])
                for horizon, table in by_horizon
                if name in estimates[table.name]
            ]
        ).T
        axis.plot(lived, value, **marked_look(colour))
        axis.fill_between(lived, low, high, color=colour, alpha=BAND, linewidth=0)
        marks.append(line_mark(name, **marked_look(colour)))
    axis.set_xscale("log")
    horizons = [horizon for horizon, _ in by_horizon]
    axis.set_xticks(horizons, list(map(str, horizons)))
    axis.minorticks_off()
    axis.set_xlabel("lifetime in agent updates", color=INK, fontsize=FONT)
    axis.set_ylabel(plain(tables[0].shown_unit), color=INK, fontsize=FONT)
    _key(figure, [*marks, _interval_mark()])
    return figure


def over_lives(shown: Curves, lines: Mapping[str, Sequence[Curve]], colours: Colours) -> Figure:
    """Curves of tests: means over runs as lines, from the lowest to the highest end as bands.

    Args:
      shown: says what the curves are.
      lines: by contender, the curve of each of its runs.
      colours: by contender.
    """
    figure, axis = _single()
    named = with_colours(lines, colours)
    marks: list[Line2D | Patch] = []
    for place, (name, colour) in enumerate(named):
        first = max(line.x[0] for line in lines[name])
        last = min(line.x[-1] for line in lines[name])
        x = np.array([each for each in lines[name][0].x if first <= each <= last])
        value, low, high = (
            np.stack([np.interp(x, line.x, getattr(line, part)) for line in lines[name]])
            for part in ("value", "low", "high")
        )
        look = marked_look(colour)
        apart = _markers_apart(len(x), place / len(named))
        axis.plot(x, value.mean(0), **look, markevery=apart)
        axis.fill_between(x, low.min(0), high.max(0), color=colour, alpha=BAND, linewidth=0)
        marks.append(line_mark(name, **look))
    axis.set_xlabel(plain(shown.x_label), color=INK, fontsize=FONT)
    axis.set_ylabel(plain(shown.y_label), color=INK, fontsize=FONT)
    _key(figure, [*marks, _interval_mark()])
    return figure


def profiles(
    thresholds: Float[np.ndarray, " threshold"], found: Mapping[str, Profile], colours: Colours
) -> Figure:
    """Shares of results above each threshold as lines, their pointwise intervals as bands."""
    figure, axis = _single()
    marks: list[Line2D | Patch] = []
    named = with_colours(found, colours)
    for place, (name, colour) in enumerate(named):
        profile, look = found[name], marked_look(colour)
        apart = _markers_apart(len(thresholds), place / len(named))
        axis.plot(thresholds, profile.value, **look, markevery=apart)
        axis.fill_between(
            thresholds, profile.low, profile.high, color=colour, alpha=BAND, linewidth=0
        )
        marks.append(line_mark(name, **look))
    axis.set_xlabel("normalised score τ", color=INK, fontsize=FONT)
    axis.set_ylabel("share of results above τ", color=INK, fontsize=FONT)
    axis.set_ylim(0, 1)
    _key(figure, [*marks, _interval_mark()])
    return figure


def learning_curves(
    runs: Mapping[str, Runs], panels: Mapping[str, str], colours: Colours
) -> Figure:
    """Logged metrics over steps, mean and range of the runs' running medians, in panels."""
    figure = Figure(figsize=(WIDTH, 1.35 * len(panels) + 0.1), layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    named = with_colours(runs, colours)
    for axis, (metric, title) in zip(axes, panels.items(), strict=True):
        for place, (name, colour) in enumerate(named):
            _curve(axis, metric, runs[name], colour, place / len(named))
        _style(axis, title)
    axes[-1].set_xlabel("step", color=INK, fontsize=FONT)
    marks: list[Line2D | Patch] = [line_mark(name, **marked_look(colour)) for name, colour in named]
    if any(len(found) > 1 for found in runs.values()):
        marks.append(band_mark("range over seeds", alpha=BAND))
    _key(figure, marks)
    return figure


def _curve(axis: Axes, metric: str, runs: Runs, colour: str, shift: float) -> None:
    medians = running_medians(metric, runs)
    if medians is None:
        return
    steps, curves = medians
    look = marked_look(colour)
    axis.plot(steps, curves.mean(0), **look, markevery=_markers_apart(len(steps), shift))
    axis.fill_between(steps, curves.min(0), curves.max(0), color=colour, alpha=BAND, linewidth=0)


def _markers_apart(num_points: int, shift: float) -> tuple[int, int]:
    """The first of the points at which a line has markers, and how far apart these are.

    Lines that lie on each other have them at different shares of that distance.
    """
    every = max(1, num_points // MARKERS_SHOWN)
    return int(shift * every), every


def _contenders(tables: Sequence[Table], estimates: Estimates) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in estimates[table.name]))


def _single() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 2.0), layout="constrained")
    axis = figure.subplots()
    _style(axis)
    return figure, axis


def _style(axis: Axes, title: str = "") -> None:
    if title:
        axis.set_title(plain(title), color=INK, fontsize=FONT + 0.5, loc="left")
    axis.grid(axis="y", color=GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelsize=FONT)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _interval_mark() -> Patch:
    return band_mark("95 % interval", alpha=BAND)


def _key(figure: Figure, marks: Sequence[Line2D | Patch]) -> None:
    """A key under a figure, which grows by what it needs."""
    longest = max(len(str(mark.get_label())) for mark in marks)
    columns = max(1, min(len(marks), int(WIDTH / (0.42 + 0.056 * longest))))
    rows = -(-len(marks) // columns)
    figure.set_size_inches(WIDTH, figure.get_figheight() + 0.15 * rows + 0.1)
    figure.legend(
        handles=list(marks),
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=FONT,
        labelcolor=INK,
        handlelength=2.6,
        columnspacing=1.0,
    )
