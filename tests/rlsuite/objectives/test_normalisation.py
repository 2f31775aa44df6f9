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

merged, standardised = jax.jit(merge), jax.jit(standardise)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 1000))
def test_merged_statistics_are_those_of_all_samples(sizes, seed):
    random = np.random.default_rng(seed)
    batches = [
        random.normal(random.normal(0, 5), random.uniform(0.1, 9), (size, 2, 3)) for size in sizes
    ]
    statistics = no_statistics((3,))
    for batch in batches:
        statistics = merged(statistics, batch.astype(np.float32))
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


# --- No deviation -------------------------------------------------------------------------------


def test_statistics_of_one_sample_leave_the_scale_alone():
    statistics = merge(no_statistics((2,)), jnp.array([[3.0, -0.1]]))
    samples = jnp.array([[3.0, -0.1], [4.0, 0.1], [2.5, 50.0]])
    np.testing.assert_allclose(
        standardise(statistics, samples), [[0, 0], [1, 0.2], [-0.5, 10]], rtol=1e-5
    )


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-1e3, 1e3, width=32),
    st.lists(st.sampled_from([1, 2, 3, 7, 100, 699]), min_size=1, max_size=4),
    st.sampled_from([-1.0, 0.5, 3.0]),
)
def test_statistics_of_equal_samples_leave_the_scale_alone(value, sizes, change):
    """However rounding has it: merged means of equal samples may differ in their last digits."""
    statistics = no_statistics()
    for size in sizes:
        statistics = merged(statistics, np.full(size, value, np.float32))
    result = standardised(statistics, np.float32(value) + np.array([0.0, change], np.float32))
    np.testing.assert_allclose(result, [0, change], rtol=1e-2, atol=1e-6 + 1e-6 * abs(value))


def test_components_that_vary_are_scaled_beside_those_that_do_not():
    random = np.random.default_rng(3)
    samples = np.stack([np.full(50, 0.7), random.normal(2, 3, 50)], axis=1).astype(np.float32)
    statistics = merge(no_statistics((2,)), jnp.asarray(samples))
    result = standardise(statistics, jnp.array([1.7, 4.0]))
    expected = (4.0 - samples[:, 1].mean()) / samples[:, 1].std()
    np.testing.assert_allclose(result, [1, expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "discount"), [((1, 1), 0.9), ((1, 4), 0.9), ((6, 4), 0.0), ((700, 8), 0.0)]
)
@pytest.mark.parametrize("reward", [1.0, -0.1, 0.3])
def test_rewards_whose_returns_never_differ_are_left_as_they_are(shape, discount, reward):
    """One sample, or equal ones: there is no deviation to divide by."""
    rewards, ended = jnp.full(shape, reward), jnp.zeros(shape, bool)
    _, scaled = scale_rewards(no_return_statistics(shape[1]), rewards, ended, discount)
    np.testing.assert_array_equal(scaled, rewards)


def test_rewards_of_episodes_of_one_step_each_are_left_until_they_differ():
    state, ended = no_return_statistics(2), jnp.ones((3, 2), bool)
    state, scaled = scale_rewards(state, jnp.full((3, 2), 0.1), ended, 0.99)
    np.testing.assert_allclose(scaled, 0.1)
    state, scaled = scale_rewards(state, jnp.full((3, 2), 0.5), ended, 0.99)
    np.testing.assert_allclose(scaled, 0.5 / 0.2, rtol=1e-4)


def test_first_samples_may_be_huge():
    statistics = merge(no_statistics((2,)), jnp.array([[1e20, 0.0]]))
    np.testing.assert_array_equal(statistics.variance, [0, 0])
    np.testing.assert_array_equal(statistics.mean, jnp.array([1e20, 0.0]))
