"""Tests of drifts: closed forms, and the conditions that make them drifts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlsuite.drifts import LearnedDriftConfig, discovered, learned, ppo_clip
from rlsuite.objectives.objective import Clock

DRIFTS = {
    "ppo": ppo_clip(0.2),
    "ppo, wide": ppo_clip(1.5),
    "dpo": discovered(),
    "dpo, narrow": discovered(0.3, 0.1),
    "lpo": learned(LearnedDriftConfig()),
    "lpo from ppo": learned(LearnedDriftConfig(hidden_width=8, clip_epsilon=0.1)),
    "lpo beside ppo": learned(LearnedDriftConfig(hidden_width=8, clip_epsilon=0.1, clip="outside")),
    "ta-lpo": learned(LearnedDriftConfig(time="progress")),
    "ta-lpo, horizon": learned(LearnedDriftConfig(time="progress_and_lifetime", clip_epsilon=0.3)),
}
NUM_SAMPLES = 32


def random_parameters(drift, key, scale):
    """The drift's parameters with every weight drawn anew, as evolution would."""
    leaves, structure = jax.tree.flatten(drift.init_parameters(key))
    keys = jax.random.split(key, len(leaves) + 1)
    drawn = [
        scale * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=False)
    ]
    return jax.tree.unflatten(structure, drawn)


@pytest.fixture(scope="module", params=DRIFTS)
def value_and_slope(request):
    """The drift and its slope in the ratio, for random parameters of any scale."""
    drift = DRIFTS[request.param]

    @jax.jit
    def compute(seed, scale, ratio, advantage, clock):
        parameters = random_parameters(drift, jax.random.key(seed), scale)

        def total(ratio):
            values = drift.apply(parameters, jnp.log(ratio), advantage, clock)
            return values.sum(), values

        slope, values = jax.grad(total, has_aux=True)(ratio)
        return values, slope

    return compute


lifetimes = st.integers(1, 10**6)
clocks = lifetimes.flatmap(
    lambda lifetime: st.builds(
        Clock, st.integers(0, lifetime - 1).map(np.int32), st.just(np.int32(lifetime))
    )
)
scales = st.sampled_from([np.float32(0.01), np.float32(1), np.float32(30)])
seeds = st.integers(0, 2**31 - 1).map(np.uint32)


def numbers(low, high):
    return arrays(np.float32, NUM_SAMPLES, elements=st.floats(low, high, width=32))


@settings(max_examples=50, deadline=None)
@given(seeds, scales, numbers(-6, 6), numbers(-10, 10), clocks)
def test_a_drift_is_never_negative(value_and_slope, seed, scale, log_ratio, advantage, clock):
    values, _ = value_and_slope(seed, scale, np.exp(log_ratio), advantage, clock)
    assert (values >= 0).all()


@settings(max_examples=50, deadline=None)
@given(seeds, scales, numbers(-10, 10), clocks)
def test_a_drift_and_its_slope_vanish_where_nothing_changed(
    value_and_slope, seed, scale, advantage, clock
):
    values, slope = value_and_slope(seed, scale, np.ones_like(advantage), advantage, clock)
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(slope, 0)


def grid():
    """Ratios and advantages in all combinations, none of them at a kink."""
    ratio, advantage = np.meshgrid(np.linspace(0.03, 4.01, 41), np.linspace(-2.9, 3.1, 25))
    return jnp.float32(ratio), jnp.float32(advantage)


CLOCK = Clock(jnp.array(3), jnp.array(12))


def test_ppo_is_the_clipped_objective():
    ratio, advantage = grid()
    epsilon = 0.2

    def with_drift(ratio):
        drift = ppo_clip(epsilon).apply((), jnp.log(ratio), advantage, CLOCK)
        return (ratio * advantage - drift).sum()

    def clipped(ratio):
        clipped = jnp.clip(ratio, 1 - epsilon, 1 + epsilon)
        return jnp.minimum(ratio * advantage, clipped * advantage).sum()

    values, expected = jax.jit(lambda r: [jax.value_and_grad(f)(r) for f in (with_drift, clipped)])(
        ratio
    )
    np.testing.assert_allclose(values[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(values[1], expected[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 0.6), (0.5, 1.5)])
def test_dpo_equals_its_closed_form(alpha, beta):
    ratio, advantage = grid()
    better = (ratio - 1.0) * advantage
    worse = advantage * np.log(ratio)
    expected = np.where(
        advantage >= 0,
        np.maximum(better - alpha * np.tanh(better / alpha), 0),
        np.maximum(worse - beta * np.tanh(worse / beta), 0),
    )
    drift = discovered(alpha, beta).apply((), jnp.log(ratio), advantage, CLOCK)
    np.testing.assert_allclose(drift, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("epsilon", "clip"), [(None, "inside"), (0.2, "inside"), (0.2, "outside")])
@pytest.mark.parametrize("time", ["none", "progress", "progress_and_lifetime"])
def test_learned_drifts_equal_their_closed_form(time, epsilon, clip):
    config = LearnedDriftConfig(
        hidden_width=16, margin=0.01, clip_epsilon=epsilon, clip=clip, time=time
    )
    drift = learned(config)
    parameters = random_parameters(drift, jax.random.key(0), 0.3)
    ratio, advantage = grid()
    u, v = np.log(ratio), 1 - ratio
    features = np.stack([u, u**2, v, v**2], -1)
    features = np.concatenate([features, advantage[..., None] * features], -1)
    known = {"none": [], "progress": [3 / 12], "progress_and_lifetime": [3 / 12, np.log(12)]}
    features = np.concatenate([features, *(k * features for k in known[time])], -1)
    hidden, output = (
        np.asarray(leaf)
        for _, leaf in sorted((leaf.shape[1] == 1, leaf) for leaf in jax.tree.leaves(parameters))
    )
    excess, ppo = np.tanh(features @ hidden) @ output[:, 0] - 0.01, np.zeros_like(ratio)
    if epsilon is not None:
        ppo = np.maximum((ratio - np.clip(ratio, 1 - epsilon, 1 + epsilon)) * advantage, 0)
    inside, outside = np.maximum(excess + ppo, 0), np.maximum(excess, 0) + ppo
    expected = {"inside": inside, "outside": outside}[clip]
    assert (expected > 0).any() and (epsilon is None or (inside < ppo).any())
    values = drift.apply(parameters, jnp.log(ratio), advantage, CLOCK)
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("time", ["none", "progress_and_lifetime"])
def test_learning_starts_from_the_added_drift(time):
    ratio, advantage = grid()
    ppo, margin = ppo_clip(0.2).apply((), jnp.log(ratio), advantage, CLOCK), 1e-4
    for options, expected in (
        ({"clip_epsilon": 0.2, "clip": "outside"}, ppo),
        ({"clip_epsilon": 0.2, "clip": "inside"}, np.maximum(ppo - np.float32(margin), 0)),
        ({"clip_epsilon": None}, jnp.zeros_like(ratio)),
    ):
        drift = learned(LearnedDriftConfig(margin=margin, time=time, **options))
        parameters = drift.init_parameters(jax.random.key(0))
        values = drift.apply(parameters, jnp.log(ratio), advantage, CLOCK)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)


def test_an_unlearned_drift_has_the_slope_of_the_added_one_on_either_side_of_the_relu():
    advantage, ratios = 1.5, jnp.array([0.5, 0.9, 1.0, 1.1, 1.19, 1.21, 1.5, 3.0])

    def slope(drift):
        parameters = drift.init_parameters(jax.random.key(0))
        return jax.vmap(
            jax.grad(lambda r: drift.apply(parameters, jnp.log(r), jnp.float32(advantage), CLOCK))
        )(ratios)

    expected = np.where(np.asarray(ratios) > 1.2, advantage, 0.0)
    for clip in ("inside", "outside"):
        config = LearnedDriftConfig(clip_epsilon=0.2, clip=clip)
        np.testing.assert_allclose(slope(learned(config)), expected, rtol=1e-4, atol=1e-4)


def test_drifts_written_by_hand_have_nothing_to_learn():
    assert ppo_clip().init_parameters(jax.random.key(0)) == ()
    assert discovered().init_parameters(jax.random.key(0)) == ()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: ppo_clip(0.0), "epsilon: 0.0"),
        (lambda: discovered(alpha=-1.0), "alpha: -1.0"),
        (lambda: discovered(beta=float("nan")), "beta: nan"),
        (lambda: learned(LearnedDriftConfig(hidden_width=0)), "hidden_width: 0"),
        (lambda: learned(LearnedDriftConfig(margin=0.0)), "margin: 0.0"),
        (lambda: learned(LearnedDriftConfig(clip_epsilon=-0.1)), "epsilon: -0.1"),
    ],
)
def test_numbers_that_make_no_drift_are_refused(make, name):
    with pytest.raises(ValueError, match=f"drift.{name} is not allowed; it must be above 0"):
        make()
