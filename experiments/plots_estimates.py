"""Figures of estimates with their intervals. Each function draws one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Curves
from rlsuite.experiments.plot_style import (
    GRID,
    INK,
    INTERVAL,
    bar_look,
    line_look,
    plain,
    point_look,
    save,
    style,
    with_colours,
)
from rlsuite.experiments.statistics import Estimate


def bars(
    path: Path,
    sets: Mapping[str, Mapping[str, Estimate]],
    unit: str,
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Estimates of several contenders on several level sets, as bars with their intervals."""
    figure = Figure(figsize=(3.2 + 2.4 * len(sets), 3.4), layout="constrained")
    axis = figure.subplots()
    contenders = with_colours(_contenders(sets), colours)
    width = 0.8 / len(contenders)
    for index, (contender, colour) in enumerate(contenders):
        places, value, low, high = _series(dict(enumerate(sets.values())), contender)
        axis.bar(
            places + (index - (len(contenders) - 1) / 2) * width,
            value,
            width * 0.92,
            yerr=(value - low, high - value),
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
            label=plain(contender),
            **bar_look(colour),
        )
    axis.set_xticks(range(len(sets)), list(map(plain, sets)))
    axis.axhline(0, color=INK, linewidth=0.8)
    style(axis, f"{unit}:\n{INTERVAL}")
    _key_beside(axis)
    save(figure, path)


def bars_apart(
    path: Path,
    sets: Mapping[str, Mapping[str, Estimate]],
    unit: str = "return",
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Estimates of several contenders on sets of different scales, each in a panel of its own."""
    contenders = with_colours(_contenders(sets), colours)
    height = 1.1 + 0.28 * len(contenders)
    figure = Figure(figsize=(2.0 + 2.3 * len(sets), height), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for axis, (name, estimates) in zip(panels, sets.items(), strict=True):
        for place, (contender, colour) in enumerate(contenders):
            if contender not in estimates:
                continue
            value, low, high = estimates[contender]
            axis.plot((low, high), (place, place), **line_look(colour))
            axis.scatter(value, place, s=30, zorder=3, **point_look(colour))
        style(axis, name)
        axis.margins(x=0.15)
        axis.grid(axis="x", color=GRID, linewidth=0.8)
    names = [plain(contender) for contender, _ in contenders]
    panels[0].set_yticks(range(len(contenders)), names)
    panels[0].invert_yaxis()
    figure.supxlabel(f"{unit}: {INTERVAL}", color=INK, fontsize=9)
    save(figure, path)


def horizons(
    path: Path,
    sets: Mapping[int, Mapping[str, Estimate]],
    trained: tuple[int, int],
    unit: str,
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Estimates of several contenders over the horizon, as lines with their intervals as bands.

    Args:
      path: the file to write.
      sets: by horizon and contender.
      trained: the shortest and longest lifetime in training, shaded.
      unit: what the estimates are of.
      colours: by contender.
    """
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    axis = figure.subplots()
    places = sorted(sets)
    axis.axvspan(*trained, color=GRID, alpha=0.6, linewidth=0, label="lifetimes in training")
    for contender, colour in with_colours(_contenders(sets), colours):
        lived, value, low, high = _series(sets, contender)
        axis.plot(lived, value, marker="o", ms=3.5, label=plain(contender), **line_look(colour))
        axis.fill_between(lived, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xscale("log")
    axis.set_xticks(places, [str(place) for place in places])
    axis.minorticks_off()
    axis.set_xlabel("lifetime in agent updates", color=INK, fontsize=9)
    style(axis, f"{unit}:\n{INTERVAL} (line and band)")
    _key_beside(axis)
    save(figure, path)


def curves(path: Path, shown: Curves, *, colours: Mapping[str, str] | None = None) -> None:
    """Lines of several contenders with their intervals as bands."""
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axis = figure.subplots()
    for name, colour in with_colours(shown.lines, colours):
        line = shown.lines[name]
        axis.plot(line.x, line.value, label=plain(name), **line_look(colour))
        axis.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xlabel(shown.x_label, color=INK, fontsize=9)
    style(axis, f"{shown.y_label}:\n{shown.statistic} and 95 % interval (line and band)")
    _key_beside(axis)
    save(figure, path)


def _key_beside(axis: Axes) -> None:
    axis.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper left", bbox_to_anchor=(1, 1))


def _contenders(sets: Mapping[Any, Mapping[str, Estimate]]) -> list[str]:
    """Those of all sets; not everything is tested on each."""
    return list(dict.fromkeys(name for estimates in sets.values() for name in estimates))


def _series(sets: Mapping[int, Mapping[str, Estimate]], contender: str) -> np.ndarray:
    """Where a contender was tested, and its values and the ends of their intervals there."""
    tested = sorted(place for place in sets if contender in sets[place])
    return np.array([(place, *sets[place][contender]) for place in tested]).T
