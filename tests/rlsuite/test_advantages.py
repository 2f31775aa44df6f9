"""Tests of generalised advantage estimation against its definition as a sum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import TypeCheckError

from rlsuite.advantages import generalised_advantage, normalise

LENGTH, WORKERS = 6, 2


@jax.jit
def estimate(rewards, values, next_values, terminated, truncated, discount, gae_lambda):
    return generalised_advantage(
        rewards,
        values,
        next_values,
        terminated,
        truncated,
        discount=discount,
        gae_lambda=gae_lambda,
    )


def temporal_difference(t, w, rewards, values, next_values, terminated, discount):
    future = 0.0 if terminated[t, w] else discount * next_values[t, w]
    return rewards[t, w] + future - values[t, w]


def advantage_by_definition(
    rewards, values, next_values, terminated, truncated, discount, gae_lambda
):
    """Sum over the rest of each episode of powers of γλ times TD errors; no recursion."""
    result = np.zeros(rewards.shape)
    for start in range(rewards.shape[0]):
        for w in range(rewards.shape[1]):
            for t in range(start, rewards.shape[0]):
                delta = temporal_difference(
                    t, w, rewards, values, next_values, terminated, discount
                )
                result[start, w] += (discount * gae_lambda) ** (t - start) * delta
                if terminated[t, w] or truncated[t, w]:
                    break
    return result


numbers = hnp.arrays(np.float32, (LENGTH, WORKERS), elements=st.floats(-4, 4, width=32))
flags = hnp.arrays(np.bool_, (LENGTH, WORKERS))
rollouts = st.tuples(numbers, numbers, numbers, flags, flags)
weights = st.floats(0, 1)
quickly = settings(max_examples=60, deadline=None)


@quickly
@given(rollouts, weights, weights)
def test_equals_the_sum_of_discounted_errors(rollout, discount, gae_lambda):
    result = estimate(*rollout, discount, gae_lambda)
    expected = advantage_by_definition(*rollout, discount, gae_lambda)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@quickly
@given(rollouts, weights)
def test_lambda_one_gives_the_bootstrapped_return_minus_the_value(rollout, discount):
    rewards, values, next_values, terminated, truncated = rollout
    # Within an episode a step's next observation is the one the following step acts on.
    goes_on = ~(terminated | truncated)[:-1]
    next_values[:-1] = np.where(goes_on, values[1:], next_values[:-1])
    expected = np.zeros(rewards.shape)
    for w in range(WORKERS):
        for start in range(LENGTH):
            total, weight = 0.0, 1.0
            for t in range(start, LENGTH):
                total += weight * rewards[t, w]
                weight *= discount
                if terminated[t, w]:
                    break
                if truncated[t, w] or t == LENGTH - 1:
                    total += weight * next_values[t, w]
                    break
            expected[start, w] = total - values[start, w]
    result = estimate(rewards, values, next_values, terminated, truncated, discount, 1.0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@quickly
@given(rollouts, weights)
def test_lambda_zero_gives_the_temporal_difference_error(rollout, discount):
    rewards, values, next_values, terminated, _ = rollout
    expected = rewards + discount * next_values * ~terminated - values
    np.testing.assert_allclose(estimate(*rollout, discount, 0.0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("terminated", "truncated", "expected"),
    [
        # Three steps, of which the middle one ends: r = 2, V(s) = 1 and V(s') = 10 from there on;
        # γ = 1/2, λ = 1.
        (True, False, [2 + 0.5 * 2 - 1, 2 - 1, 2 + 5 - 1]),
        (False, True, [2 + 0.5 * (2 + 5) - 1, 2 + 5 - 1, 2 + 5 - 1]),
        (True, True, [2 + 0.5 * 2 - 1, 2 - 1, 2 + 5 - 1]),
    ],
)
def test_truncation_bootstraps_and_termination_does_not(terminated, truncated, expected):
    middle = jnp.array([False, True, False])
    next_values = jnp.array([1.0, 10.0, 10.0])
    result = generalised_advantage(
        jnp.full(3, 2.0),
        jnp.ones(3),
        next_values,
        middle & terminated,
        middle & truncated,
        discount=0.5,
        gae_lambda=1.0,
    )
    np.testing.assert_allclose(result, expected)


def test_unequal_shapes_are_refused():
    ones = jnp.ones((3, 2))
    with pytest.raises((AssertionError, TypeCheckError)):
        generalised_advantage(
            ones, ones, ones[:2], ones > 2, ones > 2, discount=0.9, gae_lambda=0.9
        )


@quickly
@given(numbers)
def test_normalised_advantages_have_zero_mean_and_unit_deviation(advantages):
    # What differs by no more than rounding has no deviation to speak of.
    assume(advantages.std() > max(1e-2, 1e-3 * np.abs(advantages).max()))
    result = np.asarray(normalise(jnp.asarray(advantages)), np.float64)
    np.testing.assert_allclose(result.mean(), 0, atol=1e-3)
    np.testing.assert_allclose(result.std(), 1, rtol=1e-3)


def test_equal_advantages_normalise_to_zero():
    np.testing.assert_array_equal(normalise(jnp.full((3, 2), 2.0)), np.zeros((3, 2)))


def test_a_lone_advantage_is_left_as_it_is():
    for shape in ((), (1,), (1, 1)):
        np.testing.assert_array_equal(normalise(jnp.full(shape, -3.5)), np.full(shape, -3.5))
    np.testing.assert_allclose(normalise(jnp.array([2.0, 6.0])), [-1, 1], rtol=1e-6)


@quickly
@given(
    st.floats(-1e4, 1e4, width=32),
    hnp.arrays(np.int64, st.sampled_from([2, 3, 7, 64, 300]), elements=st.integers(-4, 4)),
)
def test_advantages_that_differ_by_rounding_normalise_to_zero(value, ulps):
    """Up to four units in the last place, around any number, whatever rounding does to the mean."""
    advantages = np.float32(value) + ulps * np.spacing(np.float32(abs(value)))
    result = jax.jit(normalise)(advantages.astype(np.float32))
    np.testing.assert_array_equal(result, 0)


@pytest.mark.parametrize("size", [7, 128, 2048, 8192, 1_000_000])
@pytest.mark.parametrize("value", [0.1, 0.3, -7.77, 1234.567, 1e-20, 1e20])
def test_many_equal_advantages_normalise_to_zero(size, value):
    np.testing.assert_array_equal(jax.jit(normalise)(jnp.full(size, value)), 0)


@jax.jit
def by_its_equation(values):
    return (values - values.mean()) / (values.std() + 1e-8)


@quickly
@given(numbers)
def test_the_normalisation_of_a_batch_with_some_deviation_has_the_bits_of_its_equation(advantages):
    # Squares of smaller ones than that are zero, and so is what becomes of these beside 1e-8.
    assume(advantages.std() > max(1e-15, 1e-4 * np.abs(advantages).max()))
    np.testing.assert_array_equal(jax.jit(normalise)(advantages), by_its_equation(advantages))


@pytest.mark.parametrize("advantages", [[2.0, 2.0, 2.0], [0.0, 0.0], [5.0], [1.0, 2.0, 4.0]])
def test_the_gradient_of_normalised_advantages_is_a_number(advantages):
    advantages = jnp.array(advantages)
    jacobian = np.asarray(jax.jit(jax.jacobian(normalise))(advantages), np.float64)
    size, values = advantages.size, np.asarray(advantages, np.float64)
    if size == 1:
        expected = np.eye(1)
    elif values.std() == 0:
        expected = np.zeros((size, size))
    else:
        scores = (values - values.mean()) / values.std()
        expected = (np.eye(size) - 1 / size - np.outer(scores, scores) / size) / values.std()
    np.testing.assert_allclose(jacobian, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_shorter_numbers_stay_as_short(dtype):
    result = normalise(jnp.arange(4.0).astype(dtype))
    assert result.dtype == dtype
    expected = (np.arange(4) - 1.5) / np.sqrt(1.25)
    np.testing.assert_allclose(np.asarray(result, np.float64), expected, rtol=0.01)


def test_without_steps_there_is_nothing():
    assert normalise(jnp.zeros((0, 3))).shape == (0, 3)
    nothing, never = jnp.zeros((0, 3)), jnp.zeros((0, 3), bool)
    found = generalised_advantage(
        nothing, nothing, nothing, never, never, discount=0.9, gae_lambda=0.9
    )
    assert found.shape == (0, 3)


def test_what_is_no_number_does_not_hide():
    for advantages in ([1.0, jnp.nan, 2.0], [jnp.inf, 1.0, 1.0], [jnp.inf, jnp.inf]):
        assert np.isnan(normalise(jnp.array(advantages))).any()


@pytest.mark.parametrize("scale", [1e10, 1e20, 3e38])
def test_huge_advantages_are_normalised_as_any(scale):
    advantages = np.array([1.0, -1.0, 0.5, 0.25])
    expected = (advantages - advantages.mean()) / advantages.std()
    np.testing.assert_allclose(normalise(jnp.float32(scale * advantages)), expected, rtol=1e-5)
    gradient = jax.grad(lambda a: normalise(a)[0])(jnp.float32(scale * advantages))
    assert np.isfinite(gradient).all()
