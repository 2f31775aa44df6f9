"""Reports of last-switch-dependent bandits: what is played, the floor, and what learning costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Curves, Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.bandits.plots import (
    draw_line,
    histograms,
    on_both_axes,
    payoff_key,
    strip,
)
from rlsuite.experiments.plot_style import COLOURS, INK, contender_colours, save, style
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.words import table_in_markdown


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """Plays at the trio, shares of the relaxation, and losses over horizons; and regrets."""
    if evaluation is None:
        return []
    colours = contender_colours(evaluation.of_role("own", "rival"), evaluation.of_role("baseline"))
    regrets, _, losses = evaluation.curves
    planner = Drawing(
        "planner.png",
        "Plays at the trio, the planner's shares of the relaxation, and losses over horizons",
        lambda path: planner_and_learners(path, evaluation.extras, losses),
    )
    text = (
        "Above: what is played at the satiating trio, coloured by what it pays; grey where no arm "
        "is. Below left: the planner's share of the relaxation in the mean over its draws, at "
        "bandits whose payoffs are monotone and at the same shuffled; where one arm played for "
        "ever is best, which shuffled payoffs allow, it is all of it. Below right: what learners "
        "lose per round against the planner who knows."
    )
    header, *rows = evaluation.extras["named"]
    named = (
        "Payoffs per round at bandits with names, with 95 % intervals over draws or games where "
        "these differ.\n\n" + table_in_markdown(header, rows)
    )
    regret = Drawing(
        "regret.png",
        "Regret over rounds on linear and logarithmic axes",
        lambda path: on_both_axes(path, regrets, colours=colours),
    )
    return [
        Section("The planner and those who learn", [planner], text),
        Section("Bandits with names", [], named),
        Section("Regret", [regret], "Against the relaxation, which bounds every player."),
    ]


def planner_and_learners(path: Path, extras: Mapping[str, Any], losses: Curves) -> None:
    """Three strips of plays above a histogram and a curve."""
    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1), squeeze=False)[:, 0]
    axes = above.subplots(len(extras["strips"]), 1, sharex=True)
    for axis, (name, plays) in zip(axes, extras["strips"].items(), strict=True):
        image = strip(axis, plays["actions"], plays["payoffs"], 3)
        mean = np.mean(plays["payoffs"])
        axis.set_title(f"{name}: {mean:.2f} a round", color=INK, fontsize=10, loc="left")
        axis.set_ylabel("arm", color=INK, fontsize=9)
    axes[-1].set_xlabel("round", color=INK, fontsize=9)
    payoff_key(above, image, list(axes))
    left, right = below.subplots(1, 2)
    _floor(left, extras["floor"])
    _losses(right, losses)
    save(figure, path)


def _floor(axis: Axes, floor: Mapping[str, Any]) -> None:
    names = {
        name: (floor[name], COLOURS[place]) for place, name in enumerate(("monotone", "shuffled"))
    }
    histograms(axis, floor["edges"], names)
    axis.axvline(floor["floor"], color=INK, linewidth=1, linestyle="--")
    axis.annotate(
        "1 − 1/e",
        (floor["floor"], 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-4, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
        fontsize=8,
    )
    axis.legend(frameon=False, fontsize=8, labelcolor=INK, title="payoffs", title_fontsize=8)
    axis.set_xlabel("share of the relaxation", color=INK, fontsize=9)
    style(axis, "bandits by the planner's share")


def _losses(axis: Axes, losses: Curves) -> None:
    (name,) = losses.lines
    line = losses.lines[name]
    draw_line(axis, losses, name, COLOURS[0])
    horizons, values = np.array(line.x, float), np.array(line.value, float)
    guide = values[0] * (horizons / horizons[0]) ** (-1 / 3)
    axis.plot(horizons, guide, color=INK, linewidth=1, linestyle=":", label="T to the power −1/3")
    axis.set_xscale("log")
    axis.set_yscale("log", nonpositive="mask")
    axis.tick_params(which="minor", colors=INK, labelsize=8)
    axis.legend(frameon=False, fontsize=8, labelcolor=INK)
    axis.set_xlabel("horizon T", color=INK, fontsize=9)
    style(axis, f"loss per round of {name}")
