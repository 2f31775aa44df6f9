"""Figures of what learned objectives do. Each function draws one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from rlsuite.experiments.plot_style import INK, key_below, line_mark, save, style

COURSES = {
    "policy_entropy": "policy entropy (nats)",
    "policy_change": "policy change, KL (nats)",
    "prediction_change": "prediction change, L2",
}


class Surface(NamedTuple):
    """A drift and its slope in the ratio."""

    drift: Float[np.ndarray, "advantage ratio"]
    slope: Float[np.ndarray, "advantage ratio"]


def drift_maps(
    path: Path,
    surfaces: Mapping[str, Surface],
    ratios: Float[np.ndarray, " ratio"],
    advantages: Float[np.ndarray, " advantage"],
) -> None:
    """Drifts (above) and their slopes (below) as heat maps, in columns with common colours."""
    figure = Figure(figsize=(1.2 + 2.3 * len(surfaces), 4.9), layout="constrained")
    axes = figure.subplots(2, len(surfaces), squeeze=False, sharex=True, sharey=True)
    extent = (ratios[0], ratios[-1], advantages[0], advantages[-1])
    for row, (part, title, colours) in enumerate(
        (("drift", "f(r, A)", "magma_r"), ("slope", "∂f/∂r", "RdBu_r"))
    ):
        values = np.stack([getattr(surface, part) for surface in surfaces.values()])
        # A few steep corners would leave the rest without contrast.
        largest = max(float(np.quantile(np.abs(values), 0.98)), 1e-6)
        lowest = 0.0 if part == "drift" else -largest
        for axis, (name, image) in zip(axes[row], zip(surfaces, values, strict=True), strict=True):
            shown = axis.imshow(
                image,
                origin="lower",
                aspect="auto",
                extent=extent,
                cmap=colours,
                vmin=lowest,
                vmax=largest,
            )
            axis.axvline(1, color=INK, linewidth=0.6, linestyle=":")
            axis.tick_params(colors=INK, labelsize=8)
            if row == 0:
                axis.set_title(name, color=INK, fontsize=10)
        figure.colorbar(shown, ax=list(axes[row]), label=title, extend="both" if row else "max")
        axes[row][0].set_ylabel("advantage A", color=INK, fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("ratio r", color=INK, fontsize=9)
    unchanged = line_mark("r = 1: the policy has not changed", linewidth=0.8, linestyle=":")
    key_below(figure, [unchanged])
    save(figure, path)


def life_courses(path: Path, courses: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Metrics over the share of a life that is past, a line for each horizon.

    Args:
      path: the file to write.
      courses: by horizon and metric, values evenly spread over the life.
    """
    panels = [name for name in COURSES if name in next(iter(courses.values()))]
    figure = Figure(figsize=(3.9 * len(panels), 3.2), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    # Horizons have an order, and so have their colours.
    shades = matplotlib.colormaps["viridis_r"](np.linspace(0.15, 0.95, len(courses)))
    for axis, metric in zip(axes, panels, strict=True):
        for shade, metrics in zip(shades, courses.values(), strict=True):
            progress = np.linspace(0, 1, len(metrics[metric]))
            axis.plot(progress, metrics[metric], color=shade, linewidth=1.6)
        style(axis, COURSES[metric])
        axis.set_xlabel("share of the lifetime", color=INK, fontsize=9)
        if metric != "policy_entropy":
            axis.set_yscale("log")
    marks = [
        line_mark(f"lifetime of {horizon} updates, mean over agents", color=shade, linewidth=1.6)
        for shade, horizon in zip(shades, courses, strict=True)
    ]
    key_below(figure, marks)
    save(figure, path)
