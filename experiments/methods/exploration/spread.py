"""Success of bonuses against the spread over maps of the best value of what they count, S."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.methods.exploration.side_by_side import CHANCE
from rlsuite.experiments.plot_style import (
    INK,
    key_below,
    line_mark,
    marked_look,
    save,
    style,
    with_colours,
)
from rlsuite.experiments.statistics import (
    NUM_RESAMPLES,
    Estimate,
    Resampled,
    mean_of,
    rank_correlation,
)


class Point(NamedTuple):
    """Agents with one bonus, where levels have so many maps.

    Attributes:
      where: the world, and what is counted there.
      bonus: its name.
      spread: S, in the mean over agents' levels.
      returns: of each agent, without its bonus.
    """

    where: str
    bonus: str
    spread: float
    returns: Float[np.ndarray, " agent"]


def points(evaluations: Iterable[Evaluation]) -> list[Point]:
    """All that tests of bonuses side by side have found where S is known, but for chance."""
    return [
        Point(told["where"], bonus, told["spread"], results[0])
        for evaluation in evaluations
        for table in evaluation.tables
        for told in [evaluation.extras.get("contexts", {}).get(table.name, {})]
        for bonus, results in table.results.items()
        if {"where", "spread"} <= told.keys() and bonus != CHANCE
    ]


def correlation_with_spread(found: Sequence[Point]) -> Estimate:
    """Spearman's rank correlation of mean returns with S.

    Args:
      found: points of one bonus, at least two.

    Returns:
      With its 95 % bootstrap interval, for which points are resampled, and of each its agents.

    Raises:
      ValueError: if there are fewer points.
    """
    random, number = np.random.default_rng(0), len(found)
    if number < 2:
        raise ValueError(f"found: {number} is not allowed; there must be at least 2 points")
    spread = np.array([point.spread for point in found])

    drawn = random.integers(number, size=(NUM_RESAMPLES, number))
    of_each = np.stack(
        [
            random.choice(one.returns, (*drawn.shape, one.returns.size)).mean(axis=-1)
            for one in found
        ],
        axis=-1,
    )
    means = np.take_along_axis(of_each, drawn[..., None], axis=-1)[..., 0]
    value = rank_correlation(spread, np.array([point.returns.mean() for point in found]))
    return Resampled(float(value), rank_correlation(spread[drawn], means)).estimate


def draw(path: Path, found: Sequence[Point]) -> None:
    """Draws a panel for each bonus, in which each world has a mark of its own."""
    bonuses = list(dict.fromkeys(point.bonus for point in found))
    looks = {
        where: {**marked_look(colour), "linestyle": "none"}
        for where, colour in with_colours(dict.fromkeys(point.where for point in found))
    }
    figure = Figure(figsize=(2.6 * len(bonuses), 3.2), layout="constrained")
    panels = figure.subplots(1, len(bonuses), sharey=True, squeeze=False)[0]
    for axis, bonus in zip(panels, bonuses, strict=True):
        own = [point for point in found if point.bonus == bonus]
        for point in own:
            look, estimate = looks[point.where], mean_of(point.returns)
            axis.vlines(point.spread, *estimate[1:], color=look["color"], linewidth=1.0)
            axis.plot(point.spread, estimate.value, **look)
        axis.set_xlabel("spread of best values, S", color=INK, fontsize=9)
        axis.locator_params(axis="x", nbins=3)
        style(axis, f"{bonus}: {correlation_with_spread(own)}")
    panels[0].set_ylabel("return, without the bonus", color=INK, fontsize=9)
    key_below(figure, [line_mark(where, **look) for where, look in looks.items()])
    save(figure, path)
