"""Reports of weighted tallying bandits: losses, plays, and regret by rounds and by burn-in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Curves, Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.bandits.plots import draw_line, on_both_axes, payoff_key, strip
from rlsuite.experiments.plot_style import COLOURS, INK, contender_colours, save, style
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.words import table_in_markdown


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """The bandit and elimination at it; and regrets."""
    if evaluation is None:
        return []
    colours = contender_colours(evaluation.of_role("own", "rival"), evaluation.of_role("baseline"))
    extras = evaluation.extras
    regrets, burn_ins, memories, horizons = evaluation.curves
    bandit = Drawing(
        "elimination.png",
        "Losses over the tally, plays of elimination, and regret over burn-in, memory and horizon",
        lambda path: elimination(path, extras, [burn_ins, memories, horizons]),
    )
    regret = Drawing(
        "regret.png",
        "Regret over rounds on linear and logarithmic axes",
        lambda path: on_both_axes(path, regrets, colours=colours),
    )
    text = (
        "Above: what each action of the run's first bandit costs by its tally, and what "
        "elimination plays there in its first rounds, coloured by what it pays; burn-in is dark. "
        "Below: its regret over burn-in and memory at the decoy's bandit with flat weights, beside "
        "a line that rises as predicted (dotted), and over the horizon at the worst gap, beside "
        "the worst of who plays all actions as often (dotted)."
    )
    header = ["", "regret", "least … most", "a round in the last fifth", "regret without memory"]
    players = (
        f"Against the {_measured_by(regrets)}; means with 95 % intervals over games. Regret and "
        "its extremes are of the games that runs have played themselves, and of fresh games at the "
        "same bandits for all others; the last two columns are of fresh games for everyone who "
        "has played any.\n\n" + table_in_markdown(header, extras["regrets"])
    )
    gaps = (
        "Regret in units of √(K T ln(2 K T)) where one of five actions is better by a gap of "
        "c √(K ln(2 K T) / T), mean and 95 % interval.\n\n"
        + table_in_markdown(["", *(f"c = {width:g}" for width in extras["widths"])], extras["gaps"])
    )
    weights = "Regret by losses and weights, mean and 95 % interval.\n\n" + table_in_markdown(
        ["", evaluation.own, "UCB1", "EXP3"], extras["weights"]
    )
    return [
        Section("Elimination with burn-in", [bandit], text),
        Section("Regret", [regret], players),
        Section("Small gaps", [], gaps),
        Section("Other losses and weights", [], weights),
    ]


def _measured_by(regrets: Curves) -> str:
    return regrets.name.removeprefix("Regret against the ")


def elimination(path: Path, extras: Mapping[str, Any], shown: Sequence[Curves]) -> None:
    """Losses and plays above three curves."""
    figure = Figure(figsize=(9.6, 5.8), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    left, right = above.subplots(1, 2, width_ratios=(1, 1.7))
    _losses(left, extras["losses"])
    plays = extras["strip"]
    image = strip(right, plays["actions"], plays["payoffs"], len(extras["losses"]))
    _shade(right, plays["actions"], plays["is_burn_in"], len(extras["losses"]))
    right.set_ylabel("action", color=INK, fontsize=9)
    right.set_xlabel("round", color=INK, fontsize=9)
    right.set_title(
        f"plays of elimination, burn-in {plays['burn_in']}", color=INK, fontsize=10, loc="left"
    )
    payoff_key(above, image, [right])
    for axis, curves in zip(below.subplots(1, 3), shown, strict=True):
        _over_a_number(axis, curves)
    save(figure, path)


def _over_a_number(axis: Axes, curves: Curves) -> None:
    """Regret as points with a band, and what it is held against as a dotted line."""
    (own, beside) = curves.lines
    draw_line(axis, curves, own, COLOURS[0])
    line, other = curves.lines[own], curves.lines[beside]
    axis.plot(line.x, line.value, "o", color=COLOURS[0], markersize=3)
    axis.plot(other.x, other.value, color=INK, linewidth=1, linestyle=":", label=beside)
    axis.legend(frameon=False, fontsize=8, labelcolor=INK)
    axis.set_xlabel(curves.x_label, color=INK, fontsize=9)
    if curves.x_label == "horizon T":
        axis.set_xscale("log")
        axis.set_yscale("log", nonpositive="mask")
        axis.tick_params(which="minor", colors=INK, labelsize=8)
    else:
        axis.set_ylim(0, 1.08 * max(*line.high, *other.high))
    style(axis, f"regret over {curves.x_label}")


def _shade(axis: Axes, actions: Sequence[int], is_burn_in: Sequence[bool], number: int) -> None:
    """Plays that are burn-in, darker."""
    shade = np.zeros((number, len(actions), 4))
    places = np.flatnonzero(is_burn_in)
    shade[np.array(actions)[places], places, 3] = 0.6
    axis.imshow(shade, aspect="auto", interpolation="none")


def _losses(axis: Axes, losses: Sequence[Sequence[float]]) -> None:
    for action, row in enumerate(losses):
        share = np.arange(1, len(row) + 1) / len(row)
        axis.plot(share, row, color=COLOURS[action % len(COLOURS)], label=str(action + 1))
    axis.set_xlabel("share of the full tally; by action:", color=INK, fontsize=9)
    key = {"frameon": False, "fontsize": 8, "labelcolor": INK, "handlelength": 1.2}
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=len(losses), **key)
    style(axis, "mean loss h")
