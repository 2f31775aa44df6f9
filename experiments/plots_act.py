"""Figures of adversarial cheap talk. Each function draws one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rlsuite.experiments.plots import COLOURS, INK, style


def message_slices(path: Path, slices: Sequence[Mapping[str, Any]]) -> None:
    """What a channel says as one input at a time varies: a panel for each, a line a number."""
    columns = min(4, len(slices))
    rows = -(-len(slices) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.8, 2.3 * rows), layout="constrained")
    axes = np.ravel(figure.subplots(rows, columns, sharey=True))
    for axis, one in zip(axes, slices, strict=False):
        for index, said in enumerate(one["messages"]):
            colour = COLOURS[index % len(COLOURS)]
            axis.plot(one["values"], said, color=colour, linewidth=1.6, label=f"number {index}")
        style(axis, f"input {one['input']}")
    for axis in axes[len(slices) :]:
        axis.set_visible(False)
    axes[len(slices) - 1].legend(
        frameon=False, fontsize=8, title="message", loc="upper left", bbox_to_anchor=(1, 1)
    )
    figure.savefig(path, dpi=130)


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
    figure.savefig(path, dpi=130)
