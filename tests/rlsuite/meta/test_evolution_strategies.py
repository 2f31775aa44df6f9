"""Tests of the strategies: against NumPy, against evosax, and what shaping keeps and drops."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from evosax.algorithms.distribution_based.open_es import Open_ES
from evosax.core.fitness_shaping import identity_fitness_shaping_fn, weights_fitness_shaping_fn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from jax.flatten_util import ravel_pytree

from rlsuite.meta.evolution_config import SHAPINGS
from rlsuite.meta.named_strategies import STRATEGIES, make_strategy, rank_weights
from rlsuite.meta.shaping import centred_rank, pairwise, raw, z_score
from rlsuite.meta.strategies import open_es

DEVIATION = 0.1
MEAN = {"bias": jnp.array([0.3, -0.2]), "weights": jnp.arange(6.0).reshape(2, 3) / 10}
FAILED = -np.inf


def pairs_of(strategy, draw):
    """All candidates, [pair, 2, …]."""
    indices = jnp.arange(strategy.population_size)
    candidates = jax.vmap(strategy.candidate, in_axes=(None, 0))(draw, indices)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, 2, *leaf.shape[1:]), candidates)


def generation(strategy, mean=MEAN, key=0):
    """The state, the draw and all candidates [pair, 2, …] of a first generation."""

    @jax.jit
    def first(key, mean):
        init_key, ask_key = jax.random.split(key)
        state, draw = strategy.ask(ask_key, strategy.init(init_key, mean))
        return state, draw, pairs_of(strategy, draw)

    return first(jax.random.key(key), mean)


def make(name, population_size, mean=MEAN):
    return make_strategy(
        name,
        mean,
        population_size=population_size,
        standard_deviation=DEVIATION,
        optimiser=optax.adam(0.05),
    )


def flat(candidates):
    """Candidates as one array [pair, 2, dimension]."""
    return np.asarray(jax.vmap(jax.vmap(lambda tree: ravel_pytree(tree)[0]))(candidates))


# --- OpenES -------------------------------------------------------------------------------------


def test_the_gradient_of_a_quadratic_is_the_analytic_one():
    """Smoothing a quadratic adds a constant, so the slope at the mean is what is estimated.

    The estimate is the mean of (g·z) z over n pairs: its covariance is (|g|² I + g gᵀ) / n.
    """
    num_pairs, mean = 20_000, jnp.array([1.0, -2.0, 0.5, 0.0])
    curvature = jnp.array([[2.0, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 3, -1], [0, 0, -1, 1]])
    target = jnp.array([0.2, 0.4, -0.1, 1.0])

    def value(x):
        return -0.5 * (x - target) @ curvature @ (x - target)

    # With plain steps of size 1 the mean moves by the gradient itself.
    strategy = open_es(2 * num_pairs, standard_deviation=DEVIATION, optimiser=optax.sgd(1.0))
    state, draw, candidates = generation(strategy, mean)
    values = jax.vmap(jax.vmap(value))(candidates)
    moved = jax.jit(strategy.tell)(jax.random.key(1), state, draw, values.reshape(-1)).mean
    expected = np.asarray(jax.grad(value)(mean), np.float64)
    error = np.sqrt((expected @ expected + expected**2) / num_pairs)
    assert (np.abs(np.asarray(moved - mean) - expected) < 4.5 * error).all()
    assert (4.5 * error < 0.2 * np.linalg.norm(expected)).all()

    # And the estimate from these very candidates, in double precision.
    candidates, values = np.asarray(candidates, np.float64), np.asarray(values, np.float64)
    noise = (candidates[:, 0] - candidates[:, 1]) / (2 * DEVIATION)
    estimate = (values[:, 0] - values[:, 1]) @ noise / (2 * num_pairs * DEVIATION)
    np.testing.assert_allclose(moved - mean, estimate, rtol=1e-3, atol=1e-3)


def test_it_moves_the_mean_as_evosax_does_given_the_same_candidates():
    num_pairs, optimiser = 8, optax.adam(optax.exponential_decay(0.05, 1, 0.9))
    ours = open_es(2 * num_pairs, standard_deviation=DEVIATION, optimiser=optimiser)
    theirs = Open_ES(
        2 * num_pairs,
        MEAN,
        optimizer=optimiser,
        std_schedule=optax.constant_schedule(DEVIATION),
        fitness_shaping_fn=identity_fitness_shaping_fn,
    )
    their_state = theirs.init(jax.random.key(0), MEAN, theirs.default_params)
    state = ours.init(jax.random.key(0), MEAN)

    @jax.jit
    def step_of_ours(key, state):
        state, draw = ours.ask(key, state)
        values = jax.random.normal(key, (num_pairs, 2))
        return ours.tell(key, state, draw, values.reshape(-1)), pairs_of(ours, draw), values

    @jax.jit
    def step_of_theirs(key, state, candidates, values):
        population = jax.tree.map(lambda x: jnp.concatenate([x[:, 0], x[:, 1]]), candidates)
        state, _ = theirs.tell(key, population, -values.T.ravel(), state, theirs.default_params)
        return state, theirs.get_mean(state)

    for step in range(3):
        key = jax.random.key(step)
        state, candidates, values = step_of_ours(key, state)
        their_state, expected = step_of_theirs(key, their_state, candidates, values)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), state.mean, expected)


def test_perturbations_are_normal_and_each_pair_has_its_own():
    num_pairs = 2000
    strategy = make("Open_ES", 2 * num_pairs)
    _, _, candidates = generation(strategy)
    noise = (flat(candidates)[:, 0] - np.asarray(ravel_pytree(MEAN)[0])) / DEVIATION
    tolerance = 4.5 / np.sqrt(num_pairs)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=tolerance)
    np.testing.assert_allclose(np.cov(noise.T), np.eye(noise.shape[1]), atol=2 * tolerance)
    assert len(np.unique(noise, axis=0)) == num_pairs


# --- All strategies -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Open_ES", "PGPE", "ESMC", "CR_FM_NES"])
def test_antithetic_strategies_pair_a_perturbation_with_its_mirror_image(name):
    num_pairs = 6
    _, _, candidates = generation(make(name, 2 * num_pairs))
    candidates, mean = flat(candidates), np.asarray(ravel_pytree(MEAN)[0])
    np.testing.assert_allclose(
        candidates.mean(axis=1), np.tile(mean, (num_pairs, 1)), rtol=0, atol=1e-6
    )
    assert len(np.unique(np.abs(candidates[:, 0] - mean).sum(axis=1))) == num_pairs


@pytest.mark.parametrize("name", ["Open_ES", "PGPE", "ARS", "SNES", "xNES", "CMA_ES", "Sep_CMA_ES"])
def test_the_first_candidates_spread_as_asked(name):
    num_pairs = 2000
    _, _, candidates = generation(make(name, 2 * num_pairs))
    spread = flat(candidates).std(axis=(0, 1))
    np.testing.assert_allclose(spread, DEVIATION, rtol=0.06)


@pytest.mark.parametrize(
    "name", ["Open_ES", "PGPE", "ESMC", "SNES", "CMA_ES", "Sep_CMA_ES", "SimpleES"]
)
def test_values_pull_the_mean_towards_what_is_better(name):
    """Twenty generations of a linear value, told as pairwise ranks."""
    strategy = make(name, 32)

    def step(state, key):
        ask_key, tell_key = jax.random.split(key)
        state, draw = strategy.ask(ask_key, state)
        candidates = pairs_of(strategy, draw)
        values = pairwise((candidates["bias"][..., 0] - candidates["bias"][..., 1]).reshape(-1))
        return strategy.tell(tell_key, state, draw, values), None

    state = strategy.init(jax.random.key(0), MEAN)
    (mean, _), _ = jax.jit(
        lambda state: jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 20))
    )(state)
    gain = (mean["bias"] - MEAN["bias"]) @ jnp.array([1.0, -1.0])
    assert jnp.isfinite(gain)
    assert gain > 0.3
    assert jax.tree.structure(mean) == jax.tree.structure(MEAN)


def test_strategies_for_unrolls_draw_afresh_in_every_generation():
    """Noise reuse keeps a perturbation until an inner problem ends; here each evaluation ends it.

    (By evosax's default it would be kept for ten generations.)
    """
    strategy = make("NoiseReuseES", 4)
    state, draw, first = generation(strategy)
    key = jax.random.key(1)
    state = strategy.tell(key, state, draw, jnp.zeros(4))
    _, draw = strategy.ask(key, state)
    second = pairs_of(strategy, draw)
    assert not np.allclose(flat(first), flat(second))


@pytest.mark.parametrize("size", [0, 7])
def test_mirror_images_need_an_even_population(size):
    with pytest.raises(ValueError, match=f"population_size: {size} is not allowed; .* even"):
        open_es(size, standard_deviation=DEVIATION, optimiser=optax.sgd(1.0))


def test_swarms_and_samplers_are_not_offered():
    assert {"Open_ES", "PGPE", "SNES", "xNES", "CMA_ES", "Sep_CMA_ES", "LES"} <= set(STRATEGIES)
    assert not {"SV_CMA_ES", "SV_Open_ES", "RandomSearch", "SimpleGA"} & set(STRATEGIES)


def test_ties_share_the_weights_of_their_ranks():
    strategy = STRATEGIES["CMA_ES"](population_size=6, solution=jnp.zeros(3))
    options, weights = strategy.default_params, np.asarray(strategy.default_params.weights)
    distinct = jnp.array([0.3, -1.0, 2.0, 0.1, 5.0, -0.5])
    np.testing.assert_array_equal(
        rank_weights(None, distinct, None, options),
        weights_fitness_shaping_fn(None, distinct, None, options),
    )
    tied = jnp.array([0.0, -1.0, 0.0, -1.0, 0.0, -1.0])
    best, worst = weights[:3].mean(), weights[3:].mean()
    np.testing.assert_allclose(
        rank_weights(None, tied, None, options), [worst, best] * 3, rtol=1e-5
    )


def test_costs_that_are_no_numbers_share_the_last_ranks():
    strategy = STRATEGIES["CMA_ES"](population_size=6, solution=jnp.zeros(3))
    options, weights = strategy.default_params, np.asarray(strategy.default_params.weights)
    costs = jnp.array([jnp.nan, -1.0, 0.5, jnp.inf, jnp.nan, 0.0])
    worst = weights[3:].mean()
    np.testing.assert_allclose(
        rank_weights(None, costs, None, options),
        [worst, weights[0], weights[2], worst, worst, weights[1]],
        rtol=1e-5,
    )


# --- Shaping ------------------------------------------------------------------------------------

# Whole numbers, so that transforming them is exact, few enough that ties are frequent.
SIZES = st.sampled_from([2, 4, 12])
fitnesses = arrays(np.float32, SIZES, elements=st.integers(-6, 6))
with_failures = arrays(np.float32, SIZES, elements=st.integers(-6, 6) | st.just(FAILED))
COMPILED = {name: jax.jit(shape) for name, shape in SHAPINGS.items()}


def test_shapings_in_closed_form():
    fitness = jnp.array([3.0, 1.0, 2.0, 2.0, -4.0, 8.0])
    np.testing.assert_array_equal(pairwise(fitness), [1, 0, 0.5, 0.5, 0, 1])
    ranks = np.array([5, 2, 3.5, 3.5, 1, 6])
    np.testing.assert_allclose(centred_rank(fitness), (ranks - 1) / 5 - 0.5, rtol=1e-6)
    values = np.asarray(fitness)
    np.testing.assert_allclose(z_score(fitness), (values - 2) / values.std(), rtol=1e-5)
    np.testing.assert_array_equal(raw(fitness), fitness)


def test_failures_are_the_worst():
    fitness = jnp.array([FAILED, -7.0, FAILED, FAILED, 1.0, FAILED])
    np.testing.assert_array_equal(pairwise(fitness), [0, 1, 0.5, 0.5, 1, 0])
    np.testing.assert_array_equal(raw(fitness), [-7, -7, -7, -7, 1, -7])
    ranks = np.array([2.5, 5, 2.5, 2.5, 6, 2.5])
    np.testing.assert_allclose(centred_rank(fitness), (ranks - 1) / 5 - 0.5, rtol=1e-6)
    np.testing.assert_array_equal(z_score(fitness), z_score(raw(fitness)))


@pytest.mark.parametrize("name", SHAPINGS)
def test_a_generation_in_which_all_failed_is_told_nothing(name):
    shaped = SHAPINGS[name](jnp.full(6, FAILED))
    np.testing.assert_allclose(shaped - shaped.mean(), 0, atol=1e-6)


@pytest.mark.parametrize("name", SHAPINGS)
@settings(max_examples=25, deadline=None)
@given(fitness=with_failures, seed=st.integers(0, 100))
def test_whatever_is_not_finite_has_failed(name, fitness, seed):
    failures = np.random.default_rng(seed).choice([np.nan, np.inf, -np.inf], fitness.shape)
    spoilt = np.where(fitness == FAILED, failures, fitness).astype(np.float32)
    shape = COMPILED[name]
    np.testing.assert_array_equal(shape(spoilt), shape(fitness))


@pytest.mark.parametrize("fitness", [3.0, FAILED, jnp.nan])
def test_a_population_of_one_is_told_nothing(fitness):
    for shape in (z_score, centred_rank):
        np.testing.assert_array_equal(shape(jnp.array([fitness])), [0])
    assert np.isfinite(raw(jnp.array([fitness]))).all()


def test_shaping_of_populations_of_two():
    for fitness in ([1.0, 2.0], [jnp.nan, -5.0], [-1e38, 3e38]):
        fitness = jnp.array(fitness)
        np.testing.assert_array_equal(pairwise(fitness), [0, 1])
        np.testing.assert_array_equal(centred_rank(fitness), [-0.5, 0.5])
    np.testing.assert_allclose(z_score(jnp.array([1.0, 2.0])), [-1, 1], rtol=1e-6)
    np.testing.assert_array_equal(z_score(jnp.array([jnp.nan, -5.0])), [0, 0])


def test_z_scores_of_huge_fitness_do_not_overflow():
    fitness = np.array([1.0, 3e38, -2e38, 1e38, 3e38, 7.0])
    expected = (fitness - fitness.mean()) / fitness.std()
    np.testing.assert_allclose(z_score(jnp.asarray(fitness, jnp.float32)), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SHAPINGS)
@settings(max_examples=25, deadline=None)
@given(fitness=with_failures)
def test_shaped_fitness_is_finite_and_keeps_the_order_within_pairs(name, fitness):
    shaped = np.asarray(COMPILED[name](fitness))
    assert np.isfinite(shaped).all()
    fitness, shaped = fitness.reshape(-1, 2), shaped.reshape(-1, 2)
    better = fitness[:, 0] > fitness[:, 1]
    assert (shaped[better, 0] >= shaped[better, 1]).all()
    tied = fitness[:, 0] == fitness[:, 1]
    np.testing.assert_array_equal(shaped[tied, 0], shaped[tied, 1])


@pytest.mark.parametrize("name", ["pairwise", "centred_rank"])
@settings(max_examples=25, deadline=None)
@given(fitness=with_failures)
def test_ranks_depend_on_the_order_alone(name, fitness):
    shape = COMPILED[name]
    np.testing.assert_array_equal(shape(fitness**3 + 2), shape(fitness))


@settings(max_examples=25, deadline=None)
@given(fitness=fitnesses, scale=st.sampled_from([0.25, 1.0, 8.0]), shift=st.integers(-9, 9))
def test_z_scores_depend_on_neither_shift_nor_scale(fitness, scale, shift):
    shape = COMPILED["z_score"]
    moved = (scale * fitness + shift).astype(np.float32)
    np.testing.assert_allclose(shape(moved), shape(fitness), atol=1e-4)


@pytest.mark.parametrize(("name", "total"), [("pairwise", 1), ("z_score", 0), ("centred_rank", 0)])
@settings(max_examples=25, deadline=None)
@given(fitness=fitnesses)
def test_negated_fitness_is_told_as_the_opposite(name, total, fitness):
    shape = COMPILED[name]
    both = np.asarray(shape(fitness)) + np.asarray(shape(-fitness))
    np.testing.assert_allclose(both, total, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(fitness=fitnesses)
def test_shaped_fitness_has_the_mean_it_should(fitness):
    shaped = {name: np.asarray(shape(fitness)) for name, shape in COMPILED.items()}
    np.testing.assert_array_equal(shaped["pairwise"].reshape(-1, 2).sum(axis=1), 1)
    np.testing.assert_allclose(shaped["centred_rank"].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(shaped["z_score"].mean(), 0, atol=1e-5)
