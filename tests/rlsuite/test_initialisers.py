"""Tests that matrices are decomposed one at a time, wherever a function may be batched.

Batches of them hang jaxlib's thread pool on machines of two cores, now and then. So programs are
lowered and looked at: nothing here is compiled but small functions.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec
from lowered import algebra

from rlsuite.initialisers import one_at_a_time, orthogonal
from rlsuite.meta.named_strategies import STRATEGIES, make_strategy

KEYS = jax.random.split(jax.random.key(0), 5)
MEAN = {"bias": jnp.zeros(2), "weights": jnp.zeros((2, 3))}


def eigenvalues(key, shift):
    matrix = jax.random.normal(key, (4, 4))
    return jnp.linalg.eigvalsh(matrix @ matrix.T) + shift["by"]


def is_one_at_a_time(lowered):
    """Every call reads and returns matrices or less, and there is a call."""
    calls = algebra(lowered.as_text())
    assert calls
    return all(len(shape) <= 2 for shapes in calls for shape in shapes)


def test_the_look_at_programs_sees_batches():
    batched = jax.jit(jax.vmap(eigenvalues, (0, None))).lower(KEYS, {"by": 1.0})
    assert not is_one_at_a_time(batched)
    for decompose in (
        jnp.linalg.qr,
        jnp.linalg.svd,
        jnp.linalg.cholesky,
        jnp.linalg.eig,
        jnp.linalg.inv,
        lambda matrix: jax.scipy.linalg.solve_triangular(matrix, matrix),
    ):
        one, many = jnp.eye(3), jnp.stack([jnp.eye(3)] * 2)
        assert is_one_at_a_time(jax.jit(decompose).lower(one))
        assert not is_one_at_a_time(jax.jit(jax.vmap(decompose)).lower(many))
        assert is_one_at_a_time(jax.jit(jax.vmap(one_at_a_time(decompose))).lower(many))


@pytest.mark.parametrize("shift", [{"by": jnp.array(1.0)}, {"by": jnp.arange(5.0)}])
def test_a_batch_taken_in_turn_is_the_batch(shift):
    axes = (0, {"by": 0 if shift["by"].ndim else None})
    guarded = jax.vmap(one_at_a_time(eigenvalues), axes)
    expected = np.stack(
        [eigenvalues(key, {"by": np.broadcast_to(shift["by"], 5)[i]}) for i, key in enumerate(KEYS)]
    )
    for run in (guarded, jax.jit(guarded)):
        np.testing.assert_allclose(run(KEYS, shift), expected, rtol=1e-5, atol=1e-5)
    assert is_one_at_a_time(jax.jit(guarded).lower(KEYS, shift))
    assert jax.eval_shape(guarded, KEYS, shift).shape == (5, 4)


def test_batches_of_batches_are_taken_in_turn():
    def inner(shift, key):
        return one_at_a_time(eigenvalues)(key, {"by": shift})

    both = jax.vmap(jax.vmap(inner, (None, 0)), (0, None))
    shifts = jnp.array([0.0, 2.0])
    result = jax.jit(both)(shifts, KEYS)
    np.testing.assert_allclose(result[1], result[0] + 2, rtol=1e-5)
    np.testing.assert_allclose(result[0, 3], inner(0.0, KEYS[3]), rtol=1e-5, atol=1e-5)
    assert is_one_at_a_time(jax.jit(both).lower(shifts, KEYS))


def test_it_is_shared_among_devices_and_exported_as_other_functions_are():
    mesh = jax.make_mesh((1,), ("device",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = PartitionSpec("device")
    many = jax.vmap(one_at_a_time(lambda key: eigenvalues(key, {"by": 0.0})))
    shared = jax.jit(jax.shard_map(many, mesh=mesh, in_specs=spec, out_specs=spec))
    np.testing.assert_allclose(shared(KEYS), many(KEYS), rtol=1e-5, atol=1e-5)
    exported = jax.export.export(jax.jit(many))(KEYS)
    np.testing.assert_allclose(exported.call(KEYS), many(KEYS), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 6), (3, 7), (3, 3, 2, 4)])
def test_orthogonal_layers_are_the_librarys_one_by_one(shape):
    library = nn.initializers.orthogonal(0.5)
    batch = jax.vmap(lambda key: orthogonal(0.5)(key, shape))
    for kernel, key in zip(jax.jit(batch)(KEYS), KEYS, strict=True):
        np.testing.assert_allclose(kernel, library(key, shape), rtol=1e-5, atol=1e-6)
    assert is_one_at_a_time(jax.jit(batch).lower(KEYS))


DECOMPOSING = {"ASEBO", "CMA_ES", "GuidedES", "iAMaLGaM_Full"}


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_decomposes_one_matrix_at_a_time(name):
    strategy = make_strategy(
        name, MEAN, population_size=8, standard_deviation=0.1, optimiser=optax.adam(0.05)
    )

    def generation(state, key):
        state, draw = strategy.ask(key, state)
        return strategy.tell(key, state, draw, jax.random.normal(key, (8,)))

    # From states that differ, as those of later generations do.
    states = jax.eval_shape(jax.vmap(lambda key: strategy.init(key, MEAN)), KEYS)
    calls = algebra(jax.jit(jax.vmap(generation)).lower(states, KEYS).as_text())
    assert bool(calls) == (name in DECOMPOSING)
    assert all(len(shape) <= 2 for shapes in calls for shape in shapes)


def test_seeds_of_a_strategy_that_decomposes_are_the_same_side_by_side():
    strategy = make_strategy(
        "CMA_ES", MEAN, population_size=8, standard_deviation=0.1, optimiser=optax.adam(0.05)
    )

    def mean(key):
        def generation(state, key):
            state, draw = strategy.ask(key, state)
            candidates = jax.vmap(strategy.candidate, (None, 0))(draw, jnp.arange(8))
            values = -jnp.square(candidates["weights"] - 1).sum((1, 2))
            return strategy.tell(key, state, draw, values), None

        keys = jax.random.split(key, 3)
        return jax.lax.scan(generation, strategy.init(key, MEAN), keys)[0].mean

    together = jax.jit(jax.vmap(mean))(KEYS)
    for i, key in enumerate(KEYS):
        alone = jax.jit(mean)(key)
        same = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), same, alone
        )
