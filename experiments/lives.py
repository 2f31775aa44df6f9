"""The part of a report that shows how lives by what was learned go."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.plot_style import INK, key_below, line_mark, save, style
from rlsuite.experiments.specs import Drawing, Section

COURSES = {
    "policy_entropy": "policy entropy (nats)",
    "policy_change": "policy change, KL (nats)",
    "prediction_change": "prediction change, L2",
    "policy_target_size": "size of policy targets, RMS",
}


def life_sections(evaluation: Evaluation | None) -> list[Section]:
    """Entropy, changes and targets over lives, where a test watched some."""
    if evaluation is None or not evaluation.extras.get("courses"):
        return []
    courses = evaluation.extras["courses"]
    drawing = Drawing(
        "life_courses.png",
        "Entropy, changes and targets over a life",
        lambda path: life_courses(path, courses),
    )
    text = (
        "Means over fresh agents that learn by what was learned, for several horizons: the "
        "policy's entropy, the divergence of the policy from the one before each update, how far "
        "the agent's predictions moved and, for rules that have targets, how hard they push."
    )
    return [Section("How lives go", [drawing], text)]


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
            marker = "o" if progress.size == 1 else None
            axis.plot(progress, metrics[metric], color=shade, linewidth=1.6, marker=marker)
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
