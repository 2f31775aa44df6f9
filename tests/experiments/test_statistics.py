import numpy as np
import pytest

from rlsuite.experiments.statistics import Estimate, bootstrap, interquartile_mean


def test_interquartile_mean_is_the_mean_of_the_middle_half():
    assert interquartile_mean(np.array([-100.0, 1, 2, 3, 4, 5, 6, 900])) == pytest.approx(3.5)


def test_interval_is_a_point_where_nothing_varies():
    estimate = bootstrap(np.full((3, 4, 2), 0.7), np.zeros(4, int))
    assert estimate == pytest.approx((0.7, 0.7, 0.7))


def test_strata_keep_their_weight():
    # Were levels resampled across strata, the share of zeros and ones would vary.
    values = np.repeat([0.0, 1.0], 8)[None, :, None]
    strata = np.repeat([0, 1], 8)
    assert bootstrap(values, strata) == pytest.approx((0.5, 0.5, 0.5))
    mixed = bootstrap(values, np.zeros(16, int))
    assert mixed.low < 0.4 and mixed.high > 0.6


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(100):
        levels = random.normal(size=(1, 40, 1)) + 0.1 * random.normal(size=(1, 40, 4))
        estimate = bootstrap(levels, np.zeros(40, int), num_resamples=200, seed=trial)
        covered += estimate.low <= 0 <= estimate.high
    assert 85 <= covered <= 100


def test_runs_are_resampled():
    values = np.broadcast_to(np.array([0.0, 1.0, 2.0, 3.0])[:, None, None], (4, 5, 2))
    estimate = bootstrap(values, np.zeros(5, int))
    assert estimate.low < 1.0 and estimate.high > 2.0


def test_text_form():
    assert str(Estimate(0.618, 0.58, 0.661)) == "0.62 [0.58, 0.66]"
