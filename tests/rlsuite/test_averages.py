"""Tests of means that a few extreme values do not move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

from rlsuite.averages import interquartile_mean

of_known = jax.jit(lambda values: interquartile_mean(values, where=jnp.isfinite(values)))
NOTHING = (np.nan, np.inf, -np.inf)


def test_it_is_the_mean_of_the_middle_half():
    assert interquartile_mean(np.array([-100.0, 1, 2, 3, 4, 5, 6, 900])) == pytest.approx(3.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 21), st.integers(0, 2**16))
def test_it_is_that_of_rliable_in_both_libraries(number, seed):
    """Which is SciPy's mean without a quarter, rounded down, at either end."""
    values = np.random.default_rng(seed).normal(size=number)
    expected = trim_mean(values, 0.25)
    assert interquartile_mean(values) == pytest.approx(expected, rel=1e-12)
    # Of one shape, so that it is one program.
    shown = np.concatenate([values, np.random.default_rng(seed).choice(NOTHING, 24 - number)])
    shown = np.random.default_rng(seed + 1).permutation(shown).astype(np.float32)
    np.testing.assert_allclose(of_known(shown), expected, rtol=1e-4, atol=1e-5)


def test_it_is_taken_along_an_axis_or_of_all_together():
    values = np.random.default_rng(0).normal(size=(3, 6, 2))
    np.testing.assert_allclose(interquartile_mean(values, axis=1), trim_mean(values, 0.25, axis=1))
    assert interquartile_mean(values) == pytest.approx(trim_mean(values, 0.25, axis=None))


def test_what_counts_and_is_no_number_is_not_hidden_and_what_is_infinite_is_extreme():
    for extreme, expected in ((np.nan, np.nan), (np.inf, 5.5), (-np.inf, 4.5)):
        values = np.append(np.arange(2.0, 9.0), extreme)
        np.testing.assert_array_equal(interquartile_mean(values), expected)


@pytest.mark.parametrize("values", [np.full(3, np.nan), np.zeros(0)])
def test_of_nothing_there_is_no_mean(values):
    assert np.isnan(interquartile_mean(values, where=np.isfinite(values)))
