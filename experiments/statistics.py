"""How results over levels and seeds are summed up (after Agarwal et al., arXiv 2108.13264).

Results are `[run, level, seed]`. All intervals here are of one stratified bootstrap: runs are
resampled with replacement, within each stratum (a named level, or a distribution) the drawn levels
are, and for each of them its seeds. So an interval speaks of runs not made, levels not drawn and
seeds not tried, while each stratum keeps its weight. A single run is not resampled: its interval
says nothing of other runs. Resamples of one seed are of the same runs and, on the same levels, of
the same levels, so that those of several tables can be put together.
"""

from collections.abc import Callable, Sequence
from math import comb, log
from typing import NamedTuple

import numpy as np
import scipy  # Whose sub-packages are imported when they are first used, which takes a while.
from jaxtyping import Bool, Float, Int

from rlsuite.averages import interquartile_mean

Results = Float[np.ndarray, "run level seed"]
Strata = Int[np.ndarray, " level"]

NUM_RESAMPLES = 2000


class Estimate(NamedTuple):
    """A point estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As in `0.62 [0.58, 0.66]`."""
        return format(self, ".2f")

    def __format__(self, spec: str) -> str:
        """All three numbers by one format, as in `f"{found:.0%}"`."""
        value, low, high = (format(number, spec or ".2f") for number in self)
        return f"{value} [{low}, {high}]"


def mean_of(values: Float[np.ndarray, " case"]) -> Estimate:
    """The mean of independent cases with its bootstrap interval."""
    return bootstrap(values.reshape(1, 1, -1), np.zeros(1, int), statistic=np.mean)


def share(cases: Bool[np.ndarray, " case"]) -> Estimate:
    """The share of independent cases in which something holds, with Wilson's interval."""
    found = scipy.stats.binomtest(int(cases.sum()), cases.size)
    interval = found.proportion_ci(method="wilson")
    return Estimate(found.statistic, interval.low, interval.high)


def rank_correlation(
    first: Float[np.ndarray, "*batch case"], second: Float[np.ndarray, "*batch case"]
) -> Float[np.ndarray, "*batch"]:
    """Spearman's; 0 where one of them is the same for all cases, and has no ranks.

    NaN where a value is.
    """
    ranks = [scipy.stats.rankdata(values, axis=-1) for values in (first, second)]
    above, other = (rank - rank.mean(axis=-1, keepdims=True) for rank in ranks)
    size = np.sqrt((above**2).sum(axis=-1) * (other**2).sum(axis=-1))
    product = np.asarray((above * other).sum(axis=-1))
    return np.divide(product, size, out=np.zeros_like(product), where=size != 0)


class Resampled(NamedTuple):
    """A statistic of some results, and of each of their resamples."""

    value: float
    resamples: Float[np.ndarray, " resample"]

    @property
    def estimate(self) -> Estimate:
        """With the 95 % percentile interval."""
        low, high = np.quantile(self.resamples, [0.025, 0.975])
        return Estimate(self.value, float(low), float(high))


class Profile(NamedTuple):
    """Shares of results above some thresholds, each with its 95 % interval."""

    value: Float[np.ndarray, " threshold"]
    low: Float[np.ndarray, " threshold"]
    high: Float[np.ndarray, " threshold"]


def optimality_gap(
    values: Float[np.ndarray, "*shape"], axis: int | None = None
) -> np.ndarray | np.floating:
    """Mean of what normalised scores lack to 1; what is above that makes up for nothing."""
    return np.maximum(1.0 - values, 0.0).mean(axis=axis)


def bootstrap(
    values: Results,
    strata: Strata,
    *,
    statistic: Callable[..., np.ndarray | np.floating] = interquartile_mean,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """A statistic of results with its 95 % interval.

    Args:
      values: one result for each run, level and seed.
      strata: which stratum a level belongs to.
      statistic: of an array or, with `axis`, of each of its rows.
      num_resamples: bootstrap samples.
      seed: of the resampling.
    """
    resampled = _resampled(values, strata, num_resamples, seed)
    resamples = np.asarray(statistic(resampled, axis=1))
    return Resampled(float(statistic(values)), resamples).estimate


def performance_profile(
    values: Results,
    strata: Strata,
    thresholds: Float[np.ndarray, " threshold"],
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Profile:
    r"""Run-score distribution: the share of results above each threshold, with pointwise intervals.

    .. math:: F(\tau) = \frac{1}{N} \sum_i [x_i > \tau]

    What is no number is above none of them.
    """

    def above(ordered):
        known = ordered.size - np.isnan(ordered).sum()
        return (known - np.searchsorted(ordered[:known], thresholds, side="right")) / ordered.size

    resampled = np.sort(_resampled(values, strata, num_resamples, seed), axis=1)
    low, high = np.quantile(np.stack(list(map(above, resampled))), [0.025, 0.975], axis=0)
    return Profile(above(np.sort(values, axis=None)), low, high)


def improvement(
    first: Results,
    second: Float[np.ndarray, "other_run level other_seed"],
    strata: Strata,
    *,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Resampled:
    r"""Probability that a result of the first is above one of the second on the same level.

    .. math:: P = \frac{1}{L} \sum_l \frac{1}{n m} \sum_{i, j} [x_{li} > y_{lj}]
       + \tfrac{1}{2} [x_{li} = y_{lj}]

    Mann and Whitney's U of each level over the number of its pairs, averaged over levels. The two
    are resampled each with its own runs and seeds, on common levels.

    Args:
      first: results; higher ones are better.
      second: likewise, on the same levels; as many runs and seeds as there are.
      strata: which stratum a level belongs to.
      num_resamples: bootstrap samples.
      seed: of the resampling.
    """
    streams = _streams(seed)
    levels = _drawn_levels(streams[0], strata, num_resamples)
    runs, seeds = _drawn_runs_and_seeds(streams[1:3], first.shape, num_resamples)
    other_runs, other_seeds = _drawn_runs_and_seeds(streams[3:5], second.shape, num_resamples)
    total = np.zeros(num_resamples)
    of_each = np.zeros(strata.size)
    for level in range(strata.size):
        ours, theirs = first[:, level].ravel()[:, None], second[:, level].ravel()
        # What is no number is neither better nor worse, and leaves none.
        wins = np.where(
            np.isnan(ours) | np.isnan(theirs), np.nan, (ours > theirs) + 0.5 * (ours == theirs)
        )
        of_each[level] = wins.mean()
        resample, place = np.nonzero(levels == level)
        weights = _shares(runs[resample], seeds[resample, :, place], first.shape)
        other_weights = _shares(other_runs[resample], other_seeds[resample, :, place], second.shape)
        found = np.sum((weights @ wins) * other_weights, axis=1)
        total += np.bincount(resample, found, num_resamples)
    return Resampled(float(of_each.mean()), total / strata.size)


def can_tell(first_shape: tuple[int, int, int], second_shape: tuple[int, int, int]) -> bool:
    r"""Whether there are results enough that one of two could be shown to be better at all.

    If all results of the first are above all of the second on each level, the exact test of ranks
    has the two-sided p-value :math:`2 / \binom{n + m}{n}^L`. If even that is above 0.05, intervals
    from resampling, which then have no width, say more than is known.

    Args:
      first_shape: of `[run, level, seed]`.
      second_shape: likewise, with as many levels.
    """
    (num_runs, num_levels, num_seeds), (other_runs, _, other_seeds) = first_shape, second_shape
    num, other = num_runs * num_seeds, other_runs * other_seeds
    return num_levels * log(comb(num + other, num)) >= log(2 / 0.05)


def can_tell_of_other_runs(num_runs: int, other_runs: int) -> bool:
    r"""Whether there are runs enough to speak of runs that were not made.

    Runs differ as wholes, on however many levels each is tested. If all runs of the one are better
    than all of the other, the exact test of ranks has the two-sided p-value
    :math:`2 / \binom{n + m}{n}` or, beside something that no run has made, :math:`2^{1 - n}`, that
    of signs. If even that is above 0.05, intervals from resampling are of these runs.

    Args:
      num_runs: of the one; none if no run has made it.
      other_runs: of the other.
    """
    arrangements = comb(num_runs + other_runs, num_runs)
    if 0 in (num_runs, other_runs):
        arrangements = 2 ** (num_runs + other_runs)
    return 2 / arrangements <= 0.05


def probability_of_improvement(
    tables: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Estimate:
    """`improvement` averaged over tables, which are resampled together.

    Args:
      tables: of each, the results of the first and of the second, and the strata of its levels, as
        `improvement` takes them; either of the two has the same runs in all tables.
    """
    found = [improvement(first, second, strata) for first, second, strata in tables]
    value = float(np.mean([one.value for one in found]))
    return Resampled(value, np.mean([one.resamples for one in found], axis=0)).estimate


def _streams(seed: int) -> list[np.random.Generator]:
    """Of levels and, for each of two groups, of runs and of seeds."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)]


def _drawn_levels(
    random: np.random.Generator, strata: Strata, num_resamples: int
) -> Int[np.ndarray, "resample level"]:
    levels = np.empty((num_resamples, strata.size), int)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        levels[:, members] = random.choice(members, (num_resamples, members.size))
    return levels


def _drawn_runs_and_seeds(
    random: Sequence[np.random.Generator], shape: tuple[int, ...], num_resamples: int
) -> tuple[Int[np.ndarray, "resample run"], Int[np.ndarray, "resample run level seed"]]:
    num_runs, _, num_seeds = shape
    runs = random[0].integers(num_runs, size=(num_resamples, num_runs))
    return runs, random[1].integers(num_seeds, size=(num_resamples, *shape))


def _resampled(
    values: Results, strata: Strata, num_resamples: int, seed: int
) -> Float[np.ndarray, "resample result"]:
    streams = _streams(seed)
    levels = _drawn_levels(streams[0], strata, num_resamples)
    runs, seeds = _drawn_runs_and_seeds(streams[1:3], values.shape, num_resamples)
    resampled = values[runs[:, :, None, None], levels[:, None, :, None], seeds]
    return resampled.reshape(num_resamples, -1)


def _shares(
    runs: Int[np.ndarray, "resample run"],
    seeds: Int[np.ndarray, "resample run seed"],
    shape: tuple[int, ...],
) -> Float[np.ndarray, "resample result"]:
    """How much of each resample is which result of a level."""
    num_runs, _, num_seeds = shape
    size, num_resamples = num_runs * num_seeds, len(runs)
    drawn = (runs[:, :, None] * num_seeds + seeds).reshape(num_resamples, size)
    places = (np.arange(num_resamples)[:, None] * size + drawn).ravel()
    counts = np.bincount(places, minlength=num_resamples * size)
    return counts.reshape(num_resamples, size) / size
