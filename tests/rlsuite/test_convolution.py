"""Tests of convolutions as products of matrices."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.convolution import Convolution3x3


@pytest.mark.parametrize("batch", [(), (2, 3)])
def test_values_and_gradients_equal_those_of_flax(batch):
    random = np.random.default_rng(0)
    image = jnp.asarray(random.normal(size=(*batch, 5, 4, 2)), jnp.float32)
    ours, theirs = Convolution3x3(6), nn.Conv(6, (3, 3), padding="VALID")
    variables = jax.jit(ours.init)(jax.random.key(0), image)
    variables["params"]["bias"] = jnp.arange(6.0)

    def total(layer, variables, image):
        return jnp.square(layer.apply(variables, image)).sum()

    assert ours.apply(variables, image).shape == (*batch, 3, 2, 6)
    for of in (total, jax.grad(total, argnums=1), jax.grad(total, argnums=2)):
        found, expected = (of(layer, variables, image) for layer in (ours, theirs))
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4), found, expected
        )
