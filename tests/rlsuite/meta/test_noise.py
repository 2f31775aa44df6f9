"""Tests of what is said of gradients' noise, on gradients whose noise is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.meta.noise import GradientNoise, estimate_noise, no_noise_yet, remember_noise

MEAN, DEVIATIONS = np.array([0.3, -0.1, 0.0]), np.array([1.0, 0.5, 2.0])
TRACE, SQUARED_NORM = (DEVIATIONS**2).sum(), (MEAN**2).sum()


def found(part, whole, num_steps):
    """Estimates of many steps, from gradients drawn about their mean."""
    random = np.random.default_rng(0)
    draws = MEAN + DEVIATIONS * random.normal(size=(num_steps, whole, 3))
    parts = draws.reshape(num_steps, whole // part, part, 3).mean(axis=2)
    squared_of_parts = (parts**2).sum(-1).mean(1)
    squared_of_all = (draws.mean(axis=1) ** 2).sum(-1)
    return estimate_noise(jnp.asarray(squared_of_parts), jnp.asarray(squared_of_all), part, whole)


@pytest.mark.parametrize(("part", "whole"), [(1, 8), (4, 8), (2, 16)])
def test_estimates_are_without_bias(part, whole):
    estimate = found(part, whole, 40_000)
    for values, truth in zip(estimate, (TRACE, SQUARED_NORM), strict=True):
        error = values.std() / np.sqrt(values.size)
        np.testing.assert_allclose(values.mean(), truth, atol=4 * error)


def test_over_single_agents_the_trace_is_the_sample_variance():
    random = np.random.default_rng(1)
    gradients = random.normal(size=(5, 3))
    squares = (gradients**2).sum(-1).mean(), (gradients.mean(0) ** 2).sum()
    estimate = estimate_noise(*map(jnp.float32, squares), 1, 5)
    np.testing.assert_allclose(estimate.trace, gradients.var(0, ddof=1).sum(), rtol=1e-5)


def test_the_scale_is_a_ratio_of_running_means():
    """Of steps that are all alike it is theirs from the first one on; of others it is near that."""
    constant = GradientNoise(jnp.float32(TRACE), jnp.float32(SQUARED_NORM))
    noise = no_noise_yet()
    for _ in range(3):
        noise = remember_noise(noise, constant)
        np.testing.assert_allclose(noise.scale, TRACE / SQUARED_NORM, rtol=1e-5)
    noise, steps = no_noise_yet(), found(4, 64, 400)
    for step in zip(*map(np.asarray, steps), strict=True):
        noise = remember_noise(noise, GradientNoise(*map(jnp.float32, step)))
    np.testing.assert_allclose(noise.scale, TRACE / SQUARED_NORM, rtol=0.4)


@pytest.mark.parametrize("squared_norm", [0.0, -0.2])
def test_a_gradient_that_does_not_stand_out_has_no_scale(squared_norm):
    assert np.isnan(GradientNoise(jnp.float32(1.0), jnp.float32(squared_norm)).scale)
