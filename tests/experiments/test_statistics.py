from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu, spearmanr, wilcoxon

from rlsuite.experiments import statistics
from rlsuite.experiments.statistics import (
    Estimate,
    bootstrap,
    can_tell,
    can_tell_of_other_runs,
    improvement,
    optimality_gap,
    performance_profile,
    probability_of_improvement,
    rank_correlation,
)

ONE_STRATUM = np.zeros(4, int)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_optimality_gap_is_what_lacks_to_the_optimum():
    assert optimality_gap(np.array([1.5, 1.0, 0.5, -0.5])) == pytest.approx(0.5)
    gap = bootstrap(np.full((2, 4, 2), 0.75), ONE_STRATUM, statistic=optimality_gap)
    assert gap == pytest.approx((0.25, 0.25, 0.25))


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


def test_resamples_are_drawn_by_run_then_level_then_seed():
    """Against loops over the same draws: a resample holds results of its runs and levels alone."""
    values, strata = normal(3, 4, 2), np.array([0, 0, 1, 1])
    streams = statistics._streams(7)
    levels = statistics._drawn_levels(streams[0], strata, 5)
    runs, seeds = statistics._drawn_runs_and_seeds(streams[1:3], values.shape, 5)
    for resample, found in enumerate(statistics._resampled(values, strata, 5, 7)):
        expected = [
            values[runs[resample, run], levels[resample, level], seeds[resample, run, level, seed]]
            for run in range(3)
            for level in range(4)
            for seed in range(2)
        ]
        np.testing.assert_array_equal(found, expected)
        assert (strata[levels[resample]] == strata).all()


def test_probability_of_improvement_is_the_share_of_pairs_that_are_won():
    first, second = np.round(normal(2, 3, 4)), np.round(normal(3, 3, 2, seed=1))
    won = [
        (x > y) + 0.5 * (x == y)
        for level in range(3)
        for x in first[:, level].ravel()
        for y in second[:, level].ravel()
    ]
    found = improvement(first, second, np.zeros(3, int), num_resamples=10).value
    assert found == pytest.approx(np.mean(won))
    u = mannwhitneyu(first[:, 0].ravel(), second[:, 0].ravel()).statistic
    single = improvement(first[:, :1], second[:, :1], np.zeros(1, int), num_resamples=10).value
    assert single == pytest.approx(u / (8 * 6))


def test_resamples_of_an_improvement_are_those_of_its_draws():
    first, second = np.round(normal(2, 3, 2)), np.round(normal(3, 3, 2, seed=1))
    strata, num = np.array([0, 0, 1]), 20
    streams = statistics._streams(3)
    levels = statistics._drawn_levels(streams[0], strata, num)
    ours = statistics._drawn_runs_and_seeds(streams[1:3], first.shape, num)
    theirs = statistics._drawn_runs_and_seeds(streams[3:5], second.shape, num)

    def drawn(values, runs_and_seeds, resample, place):
        runs, seeds = runs_and_seeds
        return [
            values[run, levels[resample, place], seed]
            for row, run in enumerate(runs[resample])
            for seed in seeds[resample, row, place]
        ]

    def won(resample, place):
        pairs = [
            (x > y) + 0.5 * (x == y)
            for x in drawn(first, ours, resample, place)
            for y in drawn(second, theirs, resample, place)
        ]
        return np.mean(pairs)

    expected = [np.mean([won(resample, place) for place in range(3)]) for resample in range(num)]
    found = improvement(first, second, strata, num_resamples=num, seed=3).resamples
    np.testing.assert_allclose(found, expected)


RESULTS = arrays(float, (2, 3, 2), elements=st.integers(-3, 3).map(float))


@given(RESULTS, RESULTS)
def test_one_of_two_improves_on_the_other_or_they_share(first, second):
    strata = np.zeros(3, int)
    there = improvement(first, second, strata, num_resamples=5).value
    back = improvement(second, first, strata, num_resamples=5).value
    assert there + back == pytest.approx(1.0)
    assert improvement(first, first, strata, num_resamples=5).value == pytest.approx(0.5)


def test_who_always_wins_does_so_in_every_resample():
    second = normal(3, 4, 5)
    first = second.max() + 1 + np.abs(normal(2, 4, 3, seed=1))
    assert improvement(first, second, ONE_STRATUM).estimate == pytest.approx((1, 1, 1))
    assert improvement(second, first, ONE_STRATUM).estimate == pytest.approx((0, 0, 0))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((1, 1, 2), (1, 1, 2), False),  # 2 / 6
        ((1, 1, 4), (1, 1, 4), True),  # 2 / 70
        ((2, 1, 2), (1, 1, 2), False),  # 2 / 15
        ((1, 3, 2), (1, 3, 2), True),  # 2 / 216
        ((3, 1, 128), (1, 1, 128), True),
    ],
)
def test_few_results_tell_nothing(first, second, expected):
    assert can_tell(first, second) is expected
    if first[1] == 1:
        low, high = np.zeros(second[0] * second[2]), np.ones(first[0] * first[2])
        p = mannwhitneyu(high + np.arange(high.size), low - np.arange(low.size)).pvalue
        assert bool(p <= 0.05) is expected


@pytest.mark.parametrize(("num", "other"), list(product(range(1, 8), range(8))))
def test_runs_tell_of_others_if_an_exact_test_could(num, other):
    ours, theirs = np.arange(1.0, num + 1), -np.arange(1.0, other + 1)
    if other:
        p = mannwhitneyu(ours, theirs, method="exact").pvalue
    else:
        p = wilcoxon(ours, method="exact").pvalue
    assert can_tell_of_other_runs(num, other) is can_tell_of_other_runs(other, num)
    assert can_tell_of_other_runs(num, other) is bool(p <= 0.05)


def test_tables_are_resampled_together():
    """A run that is lucky on one table is so on the others: a mean over them is no surer of it."""
    lucky = np.array([-1.0, 1.0])[:, None, None]
    first, second = np.broadcast_to(lucky, (2, 4, 3)), np.zeros((1, 4, 3))
    table = first, second, ONE_STRATUM
    one, several = probability_of_improvement([table]), probability_of_improvement([table] * 9)
    assert several == pytest.approx(one)
    assert (one.low, one.value, one.high) == (0.0, 0.5, 1.0)


def test_a_profile_is_the_share_above_each_threshold():
    values, thresholds = normal(2, 4, 3), np.array([-9.0, 0.0, 0.5, 9.0])
    profile = performance_profile(values, ONE_STRATUM, thresholds, num_resamples=200)
    np.testing.assert_allclose(profile.value, [(values > each).mean() for each in thresholds])
    assert (profile.low <= profile.value).all() and (profile.value <= profile.high).all()
    resampled = statistics._resampled(values, ONE_STRATUM, 200, 0)
    shares = (resampled[:, :, None] > thresholds).mean(1)
    np.testing.assert_allclose(
        [profile.low, profile.high], np.quantile(shares, [0.025, 0.975], axis=0)
    )


def test_what_is_no_number_is_above_no_threshold():
    values = np.array([[[1.0, np.nan], [np.nan, 3.0]]])
    profile = performance_profile(values, np.zeros(2, int), np.array([0.0, 2.0, 9.0]))
    np.testing.assert_array_equal(profile.value, [0.5, 0.25, 0.0])
    assert profile.high[2] == 0.0


def test_a_threshold_that_is_met_is_not_passed():
    profile = performance_profile(np.full((1, 2, 2), 0.5), np.zeros(2, int), np.array([0.5]))
    assert profile == (0.0, 0.0, 0.0)


def test_text_form():
    assert str(Estimate(0.618, 0.58, 0.661)) == "0.62 [0.58, 0.66]"


def test_rank_correlations_are_those_of_scipy():
    random = np.random.default_rng(0)
    first, second = random.integers(5, size=(2, 3, 20)).astype(float)
    expected = [spearmanr(*both).statistic for both in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected)
    assert rank_correlation(np.ones(4), np.arange(4.0)) == 0
    assert np.isnan(rank_correlation(np.array([1, np.nan, 3]), np.arange(3.0)))
