"""The figures of reports. Each function draws one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import median_filter

from rlsuite.experiments.evaluation import Curves
from rlsuite.experiments.statistics import Estimate

INK = "#30343b"
GRID = "#e3e5e8"
COLOURS = ("#3b6fb6", "#d9822b", "#8a8d93", "#4a9a63", "#a0529e", "#c44e52")


class Picture(NamedTuple):
    """A level to show, and the line above it."""

    image: UInt8[np.ndarray, "height width 3"]
    caption: str


def extremes(
    scores: Float[np.ndarray, " level"], most: int
) -> tuple[Int[np.ndarray, " highest"], Int[np.ndarray, " lowest"]]:
    """The indices of the highest and of the lowest scores, `most` each; none is in both."""
    order = np.argsort(scores, kind="stable")[::-1]
    shown = min(most, -(-len(order) // 2))
    return order[:shown], order[shown:][::-1][:most]


def learning_curves(
    path: Path,
    runs: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]],
    panels: Mapping[str, str],
) -> None:
    """Logged metrics over steps; runs of one name share a line and a band.

    Args:
      path: the file to write.
      runs: by name, the logged lines of each of the runs. Of several runs, the line is their mean
        and the band their range.
      panels: titles of the metrics to show; those that were never logged are left out.
    """
    logged = {name for lines in runs.values() for run in lines for line in run for name in line}
    shown = [name for name in panels if name in logged]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.9 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns))
    for axis, metric in zip(axes, shown, strict=False):
        for colour, (name, lines) in zip(COLOURS, runs.items(), strict=False):
            _curve(axis, metric, lines, colour, name)
        style(axis, panels[metric])
        axis.set_xlabel("step", color=INK, fontsize=9)
    if "gradient_norm" in shown:
        axes[shown.index("gradient_norm")].set_yscale("log")
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    if len(runs) > 1:
        axes[0].legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def _curve(
    axis: Axes, metric: str, runs: Sequence[Sequence[Mapping[str, Any]]], colour: str, name: str
) -> None:
    """Raw values faint, their running median strong; nothing for a metric never reported."""
    smooth_runs = []
    for run in runs:
        points = [(line["step"], line[metric]) for line in run if line.get(metric) is not None]
        if not points:
            continue
        steps, values = np.array(points).T
        if len(runs) == 1:
            axis.plot(steps, values, color=colour, alpha=0.25, linewidth=0.8)
        smooth_runs.append(
            (steps, median_filter(values, 1 + 2 * (len(values) // 20), mode="nearest"))
        )
    if not smooth_runs:
        return
    steps = smooth_runs[0][0]
    curves = np.stack([np.interp(steps, *run) for run in smooth_runs])
    axis.plot(steps, curves.mean(0), color=colour, linewidth=1.8, label=name)
    if len(runs) > 1:
        axis.fill_between(
            steps, curves.min(0), curves.max(0), color=colour, alpha=0.18, linewidth=0
        )


def gallery(path: Path, rows: Mapping[str, Sequence[Picture]]) -> None:
    """Levels in rows, each row with a title and each level with a caption."""
    columns = max(len(pictures) for pictures in rows.values())
    figure = Figure(figsize=(1.75 * columns, 2.35 * len(rows)), layout="constrained")
    for part, (title, pictures) in zip(
        figure.subfigures(len(rows), squeeze=False).ravel(), rows.items(), strict=True
    ):
        part.suptitle(title, color=INK, fontsize=10)
        for axis, picture in zip(
            part.subplots(1, columns, squeeze=False)[0], pictures, strict=False
        ):
            axis.imshow(picture.image, interpolation="nearest")
            axis.set_title(picture.caption, color=INK, fontsize=8)
        for axis in part.axes:
            axis.set_axis_off()
    figure.savefig(path, dpi=130)


def bars(path: Path, sets: Mapping[str, Mapping[str, Estimate]], unit: str) -> None:
    """Estimates of several contenders on several level sets, as bars with their intervals."""
    figure = Figure(figsize=(2.4 + 2.4 * len(sets), 3.4), layout="constrained")
    axis = figure.subplots()
    contenders = list(next(iter(sets.values())))
    width = 0.8 / len(contenders)
    places = np.arange(len(sets))
    for index, (colour, contender) in enumerate(zip(COLOURS, contenders, strict=False)):
        estimates = np.array([sets[name][contender] for name in sets])
        value, low, high = estimates.T
        axis.bar(
            places + (index - (len(contenders) - 1) / 2) * width,
            value,
            width * 0.92,
            yerr=(value - low, high - value),
            color=colour,
            error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2},
            label=contender,
        )
    axis.set_xticks(places, list(sets))
    axis.axhline(0, color=INK, linewidth=0.8)
    style(axis, f"{unit}, interquartile mean and 95 % interval")
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=130)


def bars_apart(path: Path, sets: Mapping[str, Mapping[str, Estimate]]) -> None:
    """Estimates of several contenders on sets of different scales, each in a panel of its own."""
    contenders = list(next(iter(sets.values())))
    height = 1.1 + 0.28 * len(contenders)
    figure = Figure(figsize=(2.0 + 2.3 * len(sets), height), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    places = np.arange(len(contenders))
    for axis, (name, estimates) in zip(panels, sets.items(), strict=True):
        value, low, high = np.array([estimates[contender] for contender in contenders]).T
        colours = [COLOURS[place % len(COLOURS)] for place in places]
        axis.errorbar(value, places, xerr=(value - low, high - value), fmt="none", ecolor=colours)
        axis.scatter(value, places, color=colours, s=28)
        style(axis, name)
        axis.margins(x=0.15)
        axis.grid(axis="x", color=GRID, linewidth=0.8)
    panels[0].set_yticks(places, contenders)
    panels[0].invert_yaxis()
    figure.supxlabel("return, interquartile mean and 95 % interval", color=INK, fontsize=9)
    figure.savefig(path, dpi=130)


def horizons(
    path: Path, sets: Mapping[int, Mapping[str, Estimate]], trained: tuple[int, int], unit: str
) -> None:
    """Estimates of several contenders over the horizon, as lines with their intervals as bands.

    Args:
      path: the file to write.
      sets: by horizon and contender.
      trained: the shortest and longest lifetime in training, shaded.
      unit: what the estimates are of.
    """
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    places = sorted(sets)
    axis.axvspan(*trained, color=GRID, alpha=0.6, linewidth=0, label="lifetimes in training")
    for colour, contender in zip(COLOURS, sets[places[0]], strict=False):
        value, low, high = np.array([sets[place][contender] for place in places]).T
        axis.plot(places, value, color=colour, linewidth=1.8, marker="o", ms=3.5, label=contender)
        axis.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xscale("log")
    axis.set_xticks(places, [str(place) for place in places])
    axis.minorticks_off()
    axis.set_xlabel("lifetime in agent updates", color=INK, fontsize=9)
    style(axis, f"{unit}, interquartile mean and 95 % interval")
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=130)


def curves(path: Path, shown: Curves) -> None:
    """Lines of several contenders with their intervals as bands."""
    figure = Figure(figsize=(6.6, 3.6), layout="constrained")
    axis = figure.subplots()
    for colour, (name, line) in zip(COLOURS, shown.lines.items(), strict=False):
        axis.plot(line.x, line.value, color=colour, linewidth=1.8, label=name)
        axis.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    axis.set_xlabel(shown.x_label, color=INK, fontsize=9)
    style(axis, f"{shown.y_label}, interquartile mean and 95 % interval")
    axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=130)


def style(axis: Axes, title: str) -> None:
    """A title to the left, quiet lines, and no box."""
    axis.set_title(title, color=INK, fontsize=10, loc="left")
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
