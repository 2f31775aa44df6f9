"""Tests that shorter factors leave the meta-gradient's direction as it was."""

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

MANTISSA_BITS = {"float32": 23, "tf32": 10, "bf16": 7}
LIFE = LifeConfig(num_workers=16, rollout_length=20)
META = MetaGradientConfig(num_agents=4, num_updates=3)


def rounded(bits, left, right, dimension_numbers, **_):
    """What hardware with shorter factors computes, on hardware without them."""
    shorten = partial(jax.lax.reduce_precision, exponent_bits=8, mantissa_bits=bits)
    return jax.lax.dot_general(shorten(left), shorten(right), dimension_numbers)


@pytest.fixture(scope="module")
def gradients():
    """Meta-gradients of one and the same step by precision, flattened."""
    source = level_distribution("small")
    result = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, bits in MANTISSA_BITS.items():
            patch.setitem(precision.DOT_GENERALS, name, partial(rounded, bits))
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


def test_dense_is_the_matrix_product():
    inputs, kernel = jnp.ones((2, 3, 4)), jnp.arange(8.0).reshape(4, 2)
    product = precision.dense(precision.DOT_GENERALS["float32"], inputs, kernel)
    np.testing.assert_allclose(product, inputs @ kernel, rtol=1e-6)
