"""How results over levels and seeds are summed up (after Agarwal et al., arXiv 2108.13264)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import trim_mean


class Estimate(NamedTuple):
    """A point estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As in `0.62 [0.58, 0.66]`."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def interquartile_mean(
    values: Float[np.ndarray, "*shape"], axis: int | None = None
) -> np.ndarray | np.floating:
    """Mean of the middle half of the values, robust to a few extreme levels."""
    return trim_mean(values, 0.25, axis=axis)


def bootstrap(
    values: Float[np.ndarray, "run level seed"],
    strata: Int[np.ndarray, " level"],
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Interquartile mean with a 95 % stratified percentile-bootstrap interval.

    Runs are resampled with replacement; within each stratum (a named level, or a distribution) the
    drawn levels are, and for each of them its seeds. So the interval speaks of runs not made,
    levels not drawn and seeds not tried, while each stratum keeps its weight. A single run is
    not resampled: its interval says nothing of other runs.

    Args:
      values: one result for each run, level and seed.
      strata: which stratum a level belongs to.
      num_resamples: bootstrap samples.
      seed: of the resampling.
    """
    random = np.random.default_rng(seed)
    num_runs, num_levels, num_seeds = values.shape
    levels = np.empty((num_resamples, num_levels), int)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        levels[:, members] = random.choice(members, (num_resamples, members.size))
    runs = random.integers(num_runs, size=(num_resamples, num_runs))
    seeds = random.integers(num_seeds, size=(num_resamples, num_runs, num_levels, num_seeds))
    resampled = values[runs[:, :, None, None], levels[:, None, :, None], seeds]
    resampled = resampled.reshape(num_resamples, -1)
    low, high = np.quantile(interquartile_mean(resampled, axis=1), [0.025, 0.975])
    return Estimate(float(interquartile_mean(values)), float(low), float(high))
