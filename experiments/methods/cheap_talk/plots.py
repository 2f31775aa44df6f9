"""Figures of adversarial cheap talk. Each function draws one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rlsuite.experiments.plot_style import COLOURS, INK, key_below, line_mark, save, style


def message_slices(path: Path, slices: Sequence[Mapping[str, Any]]) -> None:
    """What a channel says as one input at a time varies: a panel for each, a line a number."""
    columns = min(4, len(slices))
    rows = -(-len(slices) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.8, 2.5 * rows + 0.3), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, sharey=True))
    for axis, one in zip(axes, slices, strict=False):
        for index, said in enumerate(one["messages"]):
            colour = COLOURS[index % len(COLOURS)]
            axis.plot(one["values"], said, color=colour, linewidth=1.6)
        style(axis, f"input {one['input']}")
        axis.set_xlabel("value of the input", color=INK, fontsize=9)
    for axis in axes[len(slices) :]:
        axis.set_visible(False)
    figure.supylabel("message", color=INK, fontsize=9)
    numbers = range(len(slices[0]["messages"]))
    key_below(
        figure,
        [
            line_mark(f"number {index} of the message", color=COLOURS[index % len(COLOURS)])
            for index in numbers
        ],
    )
    save(figure, path)


def goals_reached(path: Path, goals: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> None:
    """Goals reached over goals asked for, an episode a point, a panel for each shaper."""
    figure = Figure(figsize=(3.4 * len(goals) + 0.6, 3.3), layout="constrained")
    axes = figure.subplots(1, len(goals), squeeze=False, sharex=True, sharey=True)[0]
    for axis, (name, episodes) in zip(axes, goals.items(), strict=True):
        asked, reached = np.array(episodes["goal"]), np.array(episodes["reached"])
        for index in range(asked.shape[1]):
            colour = COLOURS[index % len(COLOURS)]
            axis.scatter(asked[:, index], reached[:, index], s=7, alpha=0.5, color=colour)
        bounds = (asked.min(), asked.max())
        axis.plot(bounds, bounds, color=INK, linewidth=0.8, linestyle=":")
        style(axis, name)
        axis.set_xlabel("goal asked for", color=INK, fontsize=9)
    axes[0].set_ylabel("reached at the end", color=INK, fontsize=9)
    point = {"linestyle": "", "marker": "o", "markersize": 4}
    marks = [
        line_mark(f"number {index} of the goal, an episode", color=COLOURS[index], **point)
        for index in range(asked.shape[1])
    ]
    exact = line_mark("reached what was asked for", linewidth=0.8, linestyle=":")
    key_below(figure, [*marks, exact])
    save(figure, path)
