"""Tests of products of shorter factors, which leave directions of gradients as they were."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite import precision
from rlsuite.envs.gridworld.levels import level_distribution
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.gradient_config import MetaGradientConfig
from rlsuite.methods.lpg import MetaGradientLPGConfig, meta_gradient_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig

TF32_MANTISSA_BITS = 10
LIFE = LifeConfig(num_workers=16, rollout_length=20)
META = MetaGradientConfig(num_agents=4, num_updates=3)


def tf32(left, right, dimension_numbers, **_):
    """What hardware for it computes, on hardware without."""
    shorten = partial(jax.lax.reduce_precision, exponent_bits=8, mantissa_bits=TF32_MANTISSA_BITS)
    return jax.lax.dot_general(shorten(left), shorten(right), dimension_numbers)


@pytest.fixture(scope="module")
def gradients():
    """Meta-gradients of one and the same step by precision, flattened."""
    source = level_distribution("small")
    result = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(precision.DOT_GENERALS, "tf32", tf32)
        for name in ("float32", "tf32", "bf16"):
            objective = LPGConfig(recurrent_width=64, precision=name)
            method = meta_gradient_lpg(
                source.world,
                lambda key: Task(*source.sample(key)),
                MetaGradientLPGConfig(objective=objective, life=LIFE, meta=META),
            )
            state, _ = jax.jit(lambda key, method=method: method.step(method.init(key)))(
                jax.random.key(0)
            )
            # Adam's first moment after one step is a tenth of the gradient.
            result[name] = np.concatenate(
                [np.ravel(leaf) for leaf in jax.tree.leaves(state.optimiser_state[0].mu)]
            )
    return result


@pytest.mark.parametrize("name", ["tf32", "bf16"])
def test_the_meta_gradient_keeps_its_direction(gradients, name):
    exact, short = gradients["float32"], gradients[name]
    cosine = exact @ short / (np.linalg.norm(exact) * np.linalg.norm(short))
    assert cosine > 0.99
    assert not np.array_equal(exact, short)


def in_bf16(contracted):
    return lambda left, right: precision.DOT_GENERALS["bf16"](left, right, (contracted, ((), ())))


def rounded(factor):
    return np.asarray(jnp.asarray(factor).astype(jnp.bfloat16), np.float64)


PRODUCTS = [
    ((4, 5), (5, 3), ((1,), (0,))),
    ((2, 4, 5), (5, 3), ((2,), (0,))),
    ((4, 5), (3, 5), ((1,), (1,))),
    ((16, 5), (16, 3), ((0,), (0,))),
    ((2, 7, 5), (2, 7, 3), ((0, 1), (0, 1))),
    ((2, 8, 5), (8, 2, 3), ((1, 0), (0, 1))),
    ((4, 5, 6), (6, 3, 5), ((1, 2), (2, 0))),
    ((5, 2, 6), (6, 3, 5), ((0, 2), (2, 0))),
    ((5,), (5, 3), ((0,), (0,))),
    ((5,), (5,), ((0,), (0,))),
]


@pytest.mark.parametrize(("left", "right", "contracted"), PRODUCTS)
def test_a_product_of_bf16_is_that_of_rounded_factors_and_so_are_its_gradients(
    left, right, contracted
):
    random = np.random.default_rng(0)
    left, right = (jnp.float32(random.normal(size=shape)) for shape in (left, right))
    expected = np.tensordot(rounded(left), rounded(right), contracted)
    cotangent = jnp.float32(random.normal(size=expected.shape))

    def with_gradients(multiply, *factors):
        product, backwards = jax.vjp(multiply, *factors[:2])
        return product, backwards(factors[2])

    product, gradients = jax.jit(partial(with_gradients, in_bf16(contracted)))(
        left, right, cotangent
    )
    np.testing.assert_allclose(product, expected, rtol=1e-5, atol=1e-6)
    assert product.dtype == jnp.float32
    linear = partial(jnp.tensordot, axes=contracted)
    short = [jnp.float32(rounded(factor)) for factor in (left, right, cotangent)]
    _, expected_gradients = jax.jit(partial(with_gradients, linear))(*short)
    for gradient, one in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_it_is_a_product_of_its_own_under_vmap(shared):
    random = np.random.default_rng(0)
    left = jnp.float32(random.normal(size=(3, 8, 4)))
    right = jnp.float32(random.normal(size=(8, 5) if shared else (3, 8, 5)))
    multiply = in_bf16(((0,), (0,)))
    together = jax.vmap(multiply, in_axes=(0, None if shared else 0))(left, right)
    apart = [multiply(each, right if shared else right[i]) for i, each in enumerate(left)]
    np.testing.assert_allclose(together, jnp.stack(apart), rtol=1e-6)


def test_gradients_of_bf16_are_of_the_type_of_the_factors():
    with jax.enable_x64(True):
        left, right = jnp.ones((4, 5), jnp.float64), jnp.ones((5, 3), jnp.bfloat16)
        product, backwards = jax.vjp(in_bf16(((1,), (0,))), left, right)
        assert product.dtype == jnp.float32
        assert [each.dtype for each in backwards(product)] == [jnp.float64, jnp.bfloat16]


def test_a_product_of_bf16_has_no_batches_of_its_own():
    with pytest.raises(ValueError, match=r"dimension_numbers: .* is not allowed"):
        precision.DOT_GENERALS["bf16"](
            jnp.ones((2, 3)), jnp.ones((2, 3)), (((1,), (1,)), ((0,), (0,)))
        )


def test_its_factors_are_those_of_the_program():
    """Sums are of float32, whatever a device may do: no product of another kind is asked for."""
    traced = jax.jit(jax.grad(lambda left: in_bf16(((1,), (0,)))(left, jnp.ones((8, 2))).sum()))
    text = traced.trace(jnp.ones((4, 8))).lower().as_text()
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert products and all(
        line.count("bf16>") == 2 and line.endswith("xf32>") for line in map(without_place, products)
    )


def without_place(line):
    return line.split(" loc(")[0]


def test_dense_is_the_matrix_product():
    inputs, kernel = jnp.ones((2, 3, 4)), jnp.arange(8.0).reshape(4, 2)
    product = precision.dense(precision.DOT_GENERALS["float32"], inputs, kernel)
    np.testing.assert_allclose(product, inputs @ kernel, rtol=1e-6)


def test_backwards_it_is_the_product_with_the_kernel_turned_over():
    outputs, kernel = jnp.ones((2, 3, 2)), jnp.arange(8.0).reshape(4, 2)
    product = precision.dense_backwards(precision.DOT_GENERALS["float32"], outputs, kernel)
    np.testing.assert_allclose(product, outputs @ kernel.T, rtol=1e-6)
