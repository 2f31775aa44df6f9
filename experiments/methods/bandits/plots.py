"""Figures of players at bandits. Each function draws one file."""

from collections.abc import Mapping, Sequence
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
    key_below,
    line_look,
    line_mark,
    plain,
    save,
    style,
    with_colours,
)


def on_both_axes(path: Path, shown: Curves, *, colours: Mapping[str, str] | None = None) -> None:
    """Lines with their intervals as bands, on linear axes and on logarithmic ones.

    What is not above zero is left out on the latter.
    """
    figure = Figure(figsize=(8.6, 3.7), layout="constrained")
    panels = figure.subplots(1, 2)
    named = with_colours(shown.lines, colours)
    for axis, scale in zip(panels, ("linear", "log"), strict=True):
        for name, colour in named:
            draw_line(axis, shown, name, colour)
        axis.set_xscale(scale)
        axis.set_yscale(scale, nonpositive="mask") if scale == "log" else None
        axis.set_xlabel(shown.x_label, color=INK, fontsize=9)
        style(axis, f"{shown.y_label}, {scale}" + ("arithmic axes" if scale == "log" else " axes"))
    key_below(figure, [line_mark(plain(name), **line_look(colour)) for name, colour in named])
    figure.supylabel(INTERVAL, color=INK, fontsize=8)
    save(figure, path)


def draw_line(axis: Axes, shown: Curves, name: str, colour: str) -> None:
    """One line with its band."""
    line = shown.lines[name]
    axis.plot(line.x, line.value, **line_look(colour))
    axis.fill_between(line.x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)


def histograms(
    axis: Axes, edges: Sequence[float], counts: Mapping[str, tuple[Sequence[int], str]]
) -> None:
    """Counts as steps, one outline for each name with its colour."""
    for name, (heights, colour) in counts.items():
        axis.stairs(heights, edges, color=colour, fill=True, alpha=0.35, label=plain(name))
        axis.stairs(heights, edges, color=colour, linewidth=1.2)


def strip(axis: Axes, actions: Sequence[int], payoffs: Sequence[float], num_arms: int) -> Any:
    """Plays as an image, arms over rounds, coloured by what they paid; grey where none."""
    image = np.full((num_arms, len(actions)), np.nan)
    for now, (action, payoff) in enumerate(zip(actions, payoffs, strict=True)):
        if action < num_arms:
            image[action, now] = payoff
    axis.set_facecolor(GRID)
    shown = axis.imshow(image, aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="none")
    axis.set_yticks(range(num_arms), [str(arm + 1) for arm in range(num_arms)])
    axis.tick_params(colors=INK, labelsize=8)
    return shown


def payoff_key(figure: Any, image: Any, axes: Sequence[Axes]) -> None:
    """What the colours of strips mean, beside them."""
    key = figure.colorbar(image, ax=axes, shrink=0.8)
    key.set_label("mean payoff", color=INK, fontsize=9)
    key.ax.tick_params(colors=INK, labelsize=8)
