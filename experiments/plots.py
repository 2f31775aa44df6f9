"""The figures of reports. Each function draws one file.

Where several contenders stand in a figure, `colours` says which has which, so that it keeps it in
all figures of a report: see `contender_colours`, which also sets baselines apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.ndimage import median_filter

from rlsuite.experiments.plot_style import (
    INK,
    band_mark,
    contender_colours,
    key_below,
    line_look,
    line_mark,
    save,
    style,
    with_colours,
)
from rlsuite.experiments.plots_estimates import bars, bars_apart, curves, horizons

__all__ = [
    "Picture",
    "bars",
    "bars_apart",
    "contender_colours",
    "curves",
    "extremes",
    "gallery",
    "horizons",
    "learning_curves",
]

NOT_METRICS = ("step", "seconds", "agent_updates_per_second", "world_steps_per_second")
LOGARITHMIC = ("gradient_norm", "gradient_noise_scale")

Image = UInt8[np.ndarray, "height width 3"]
Runs = Sequence[Sequence[Mapping[str, Any]]]
"""Of each run, its logged lines."""


class Picture(NamedTuple):
    """A level to show, and the line above it."""

    image: Image
    caption: str


def extremes(
    scores: Float[np.ndarray, " level"], most: int
) -> tuple[Int[np.ndarray, " highest"], Int[np.ndarray, " lowest"]]:
    """The indices of the highest and of the lowest scores, at most `most` each; none is in both.

    Of fewer than twice `most`, half are shown as the highest, and the one in the middle too.

    Args:
      scores: of each level; those that are NaN are not shown.
      most: how many to show of each kind.

    Returns:
      The highest, from the top down, and the lowest, from the bottom up.
    """
    order = np.argsort(scores, kind="stable")[::-1]
    order = order[~np.isnan(scores[order])]
    num_highest = min(most, -(-len(order) // 2))
    return order[:num_highest], order[num_highest:][::-1][:most]


def logged_metrics(runs: Iterable[Sequence[Mapping[str, Any]]]) -> list[str]:
    """The metrics that were ever logged in some runs, each as often as it was."""
    return [
        name
        for run in runs
        for line in run
        for name, value in line.items()
        if value is not None and name not in NOT_METRICS
    ]


def learning_curves(
    path: Path,
    runs: Mapping[str, Runs],
    panels: Mapping[str, str],
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Logged metrics over steps; runs of one name share a line and a band.

    Of one run, the line is the running median of what was logged, which is drawn faintly. Of
    several, it is the mean of their running medians, and the band the range of these, where all of
    them have reported.

    Args:
      path: the file to write.
      runs: by name, the logged lines of each of the runs; there is at least one metric in them.
      panels: titles of the metrics to show, in order; those that were never logged are left out.
        Without any, all metrics are shown by their names.
      colours: by name.
    """
    logged = logged_metrics(run for lines in runs.values() for run in lines)
    shown = {name: title for name, title in panels.items() if name in logged}
    shown = shown or {name: name.replace("_", " ") for name in logged}
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.5), 2.9 * rows + 0.4), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns))
    named = with_colours(runs, colours)
    for axis, (metric, title) in zip(axes, shown.items(), strict=False):
        for name, colour in named:
            _curve(axis, metric, runs[name], colour)
        style(axis, title)
        axis.set_xlabel("step", color=INK, fontsize=9)
        if metric in LOGARITHMIC:
            axis.set_yscale("log")
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    names = [line_mark(name, **line_look(colour)) for name, colour in named]
    key_below(figure, [*names, *_curve_marks(runs)])
    save(figure, path)


def _curve(axis: Axes, metric: str, runs: Runs, colour: str) -> None:
    """Nothing for a metric that was never reported."""
    medians = running_medians(metric, runs)
    if medians is None:
        return
    steps, curves = medians
    if len(runs) == 1:
        axis.plot(*_points(metric, runs[0]), color=colour, alpha=0.35, linewidth=0.8)
    # A single report would be a line of no length.
    axis.plot(steps, curves.mean(0), marker="o" if len(steps) == 1 else None, **line_look(colour))
    if len(runs) > 1:
        axis.fill_between(
            steps, curves.min(0), curves.max(0), color=colour, alpha=0.18, linewidth=0
        )


def running_medians(
    metric: str, runs: Runs
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, "run step"]] | None:
    """Steps at which all runs have reported a metric, and the running median of each there.

    None where none has ever reported it; those that have not are left out.
    """
    reported = [_points(metric, run) for run in runs]
    medians = [
        (steps, median_filter(values, 1 + 2 * (len(values) // 20), mode="nearest"))
        for steps, values in reported
        if len(steps)
    ]
    if not medians:
        return None
    first = max(steps[0] for steps, _ in medians)
    last = min(steps[-1] for steps, _ in medians)
    steps = np.unique(np.concatenate([steps for steps, _ in medians]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, *median) for median in medians])


def _points(metric: str, run: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which a metric was reported, and its values."""
    points = [(line["step"], line[metric]) for line in run if line.get(metric) is not None]
    steps, values = np.array(points, float).reshape(-1, 2).T
    return steps, values


def _curve_marks(runs: Mapping[str, Runs]) -> list[Line2D | Patch]:
    """What the lines and bands of learning curves mean, as far as there are such."""
    numbers = {len(lines) for lines in runs.values()}
    marks: list[Line2D | Patch] = []
    if 1 in numbers:
        marks += [
            line_mark("as logged", alpha=0.35, linewidth=0.8),
            line_mark("running median", linewidth=1.8),
        ]
    if numbers - {1}:
        marks += [
            line_mark("mean of the runs' running medians", linewidth=1.8),
            band_mark("their range over the runs"),
        ]
    return marks


def gallery(
    path: Path, rows: Mapping[str, Sequence[Picture]], key: Mapping[str, Image] | None = None
) -> None:
    """Levels in rows, each row with a title and each level with a caption.

    Args:
      path: the file to write.
      rows: by title; rows without a picture are left out.
      key: by meaning, what is found in the pictures, shown under them.
    """
    rows = {title: pictures for title, pictures in rows.items() if pictures}
    columns = max(4, *(len(pictures) for pictures in rows.values()))
    key_rows = -(-len(key or ()) // columns)
    heights = [2.35] * len(rows) + [0.34 * key_rows + 0.1] * bool(key)
    figure = Figure(figsize=(1.75 * columns, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), squeeze=False, height_ratios=heights).ravel()
    for part, (title, pictures) in zip(parts, rows.items(), strict=False):
        part.suptitle(title, color=INK, fontsize=10)
        for axis, picture in zip(
            part.subplots(1, columns, squeeze=False)[0], pictures, strict=False
        ):
            axis.imshow(picture.image, interpolation="nearest")
            axis.set_title(picture.caption, color=INK, fontsize=8)
        for axis in part.axes:
            axis.set_axis_off()
    if key:
        axes = parts[-1].subplots(key_rows, columns, squeeze=False).ravel()
        for axis, (meaning, image) in zip(axes, key.items(), strict=False):
            axis.imshow(image, interpolation="nearest")
            axis.set_anchor("W")
            axis.annotate(
                meaning,
                (1, 0.5),
                xytext=(4, 0),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=8,
            ).set_in_layout(False)
        for axis in axes:
            axis.set_axis_off()
    save(figure, path)
