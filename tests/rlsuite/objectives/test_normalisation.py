"""Tests of running statistics against the statistics of everything at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.objectives.normalisation import (
    Statistics,
    merge,
    no_return_statistics,
    no_statistics,
    scale_rewards,
    standardise,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 1000))
def test_merged_statistics_are_those_of_all_samples(sizes, seed):
    random = np.random.default_rng(seed)
    batches = [
        random.normal(random.normal(0, 5), random.uniform(0.1, 9), (size, 2, 3)) for size in sizes
    ]
    statistics = no_statistics((3,))
    for batch in batches:
        statistics = merge(statistics, jnp.asarray(batch, jnp.float32))
    samples = np.concatenate(batches).reshape(-1, 3)
    assert statistics.num_samples == len(samples)
    np.testing.assert_allclose(statistics.mean, samples.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(statistics.variance, samples.var(0), rtol=1e-3, atol=1e-4)


def test_many_batches_lose_no_precision():
    random = np.random.default_rng(0)
    samples = random.normal(100.0, 2.0, (400, 50)).astype(np.float32)
    statistics, _ = jax.lax.scan(lambda s, batch: (merge(s, batch), None), no_statistics(), samples)
    np.testing.assert_allclose(statistics.mean, samples.mean(dtype=np.float64), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, samples.var(dtype=np.float64), rtol=1e-3)


def test_standardised_samples_are_shifted_scaled_and_clipped():
    statistics = Statistics(jnp.array(7.0), jnp.array([1.0, -2.0]), jnp.array([4.0, 0.25]))
    samples = jnp.array([[1.0, -2.0], [5.0, -2.5], [-500.0, 500.0]])
    expected = [[0.0, 0.0], [2.0, -1.0], [-10.0, 10.0]]
    np.testing.assert_allclose(standardise(statistics, samples), expected, atol=1e-5)
    np.testing.assert_allclose(standardise(statistics, samples, largest=1.5)[1], [1.5, -1.0])


def test_no_statistics_change_nothing():
    samples = jnp.linspace(-9, 9, 12).reshape(3, 4)
    np.testing.assert_allclose(standardise(no_statistics((4,)), samples), samples, rtol=1e-6)


def scaled_by_hand(rewards, ended, discount):
    """Returns that run forwards, and rewards over the standard deviation of all so far."""
    running, returns = np.zeros(rewards.shape[1]), []
    for reward, end in zip(rewards, ended, strict=True):
        running = discount * running + reward
        returns.append(running)
        running = np.where(end, 0.0, running)
    return np.array(returns), running


@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
def test_rewards_are_scaled_by_the_deviation_of_returns_so_far(discount):
    random = np.random.default_rng(1)
    rewards = random.normal(2.0, 3.0, (12, 4)).astype(np.float32)
    ended = random.random((12, 4)) < 0.2
    returns, running = scaled_by_hand(rewards, ended, discount)

    state = no_return_statistics(4)
    for start, stop in ((0, 5), (5, 12)):
        state, scaled = scale_rewards(
            state, jnp.asarray(rewards[start:stop]), jnp.asarray(ended[start:stop]), discount
        )
        deviation = returns[:stop].std()
        np.testing.assert_allclose(scaled, rewards[start:stop] / deviation, rtol=1e-4)
    np.testing.assert_allclose(state.returns, running, rtol=1e-4, atol=1e-5)


def test_rewards_that_never_differ_stay_finite():
    _, scaled = scale_rewards(
        no_return_statistics(2), jnp.zeros((3, 2)), jnp.zeros((3, 2), bool), 0.9
    )
    np.testing.assert_array_equal(scaled, 0)
