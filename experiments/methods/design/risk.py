"""Results on many levels: of groups of attempts, on the worst, and over what a level is like."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from rlsuite.experiments.evaluation import Curve
from rlsuite.experiments.statistics import bootstrap

SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_NUM_RESAMPLES = 500
NOTHING = Curve([], [], [], [])


def rates_of_groups(
    solved: Bool[np.ndarray, "level attempt"], most: int
) -> Float[np.ndarray, "level group"]:
    """Shares of attempts that solved a level, in groups of equally many: all attempts are in one.

    Args:
      solved: by each attempt.
      most: groups there may be; they are as many of these as divide the attempts.
    """
    number = solved.shape[1]
    groups = max(groups for groups in range(1, most + 1) if number % groups == 0)
    return solved.reshape(len(solved), groups, -1).mean(axis=-1)


def conditional_value_at_risk(
    chosen_by: Float[np.ndarray, " level"], measured: Float[np.ndarray, " level"], share: float
) -> float:
    """The mean result on the worst levels (Rutherford et al., arXiv 2408.15099, section 5).

    Which these are is said by other results than those that are averaged: else bad luck would be
    counted as bad levels, and the mean would be too low.

    Args:
      chosen_by: results of one set of attempts, by which the worst are chosen.
      measured: results of another one.
      share: of the levels, above 0; at least one is taken.
    """
    number = max(1, round(share * len(measured)))
    worst = np.argsort(chosen_by, kind="stable")[:number]
    return float(measured[worst].mean())


def risk_curve(
    chosen_by: Float[np.ndarray, " level"], measured: Float[np.ndarray, " level"]
) -> Curve:
    """It over the share of levels in percent, with intervals over levels that were not drawn."""
    shares = [share for share in SHARES if share * len(measured) >= 1]
    values = [conditional_value_at_risk(chosen_by, measured, share) for share in shares]
    random = np.random.default_rng(0)
    resamples = []
    for _ in range(_NUM_RESAMPLES):
        drawn = random.integers(len(measured), size=len(measured))
        by, of = chosen_by[drawn], measured[drawn]
        resamples.append([conditional_value_at_risk(by, of, share) for share in shares])
    low, high = np.quantile(resamples, [0.025, 0.975], axis=0)
    return Curve([100 * share for share in shares], values, low.tolist(), high.tolist())


def curve_over(
    measure: Float[np.ndarray, " level"],
    results: Float[np.ndarray, " level"],
    edges: Sequence[float],
) -> Curve:
    """Mean results of levels whose measure lies between two edges, with intervals over levels.

    Levels that the measure has no number for are left out; the line is empty if it has none at all.
    """
    points, is_known = [], np.isfinite(measure)
    for low, high in pairwise(edges):
        inside = is_known & (measure >= low) & (measure < high)
        if inside.any():
            found = results[inside][None, :, None]
            strata = np.zeros(found.shape[1], int)
            estimate = bootstrap(found, strata, statistic=np.mean, num_resamples=_NUM_RESAMPLES)
            points.append((float(measure[inside].mean()), *estimate))
    return Curve(*(list(line) for line in zip(*points, strict=True))) if points else NOTHING


def even_edges(measure: Float[np.ndarray, " level"], most: int = 8) -> list[float]:
    """Edges between which there are about as many levels each, at most so many times.

    Levels that the measure has no number for are not among them.
    """
    measure = measure[np.isfinite(measure)]
    if not measure.size:
        return [-np.inf, np.inf]
    inner = np.unique(np.quantile(measure, np.linspace(0, 1, most + 1)[1:-1]))
    return [-np.inf, *inner[inner > measure.min()].tolist(), np.inf]
