"""Tests of long short-term memory and of its hand-written gradient."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.lstm import LSTM, LSTMState, LSTMWeights, lstm
from rlsuite.precision import DOT_GENERALS

LENGTH, WORKERS, WIDTH, INPUTS = 6, 4, 5, 3


def normal(random, *shape):
    return jnp.asarray(random.normal(size=shape), jnp.float32)


def spread(parameters, seed=0):
    """Random parameters in place of initial ones, many of which are zero."""
    random = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: normal(random, *leaf.shape), parameters)


def test_it_equals_flax_cell_stepped_with_resets():
    random = np.random.default_rng(0)
    inputs = jnp.asarray(random.normal(size=(LENGTH, WORKERS, 3)), jnp.float32)
    start = LSTMState(*jnp.asarray(random.normal(size=(2, WORKERS, WIDTH)), jnp.float32))
    fresh = jnp.asarray(random.random((LENGTH, WORKERS)) < 0.3)
    layer = LSTM(WIDTH)
    variables = spread(jax.jit(layer.init)(jax.random.key(0), inputs, start, fresh))
    states = jax.jit(layer.apply)(variables, inputs, start, fresh)

    ours, names = variables["params"], ("i", "f", "g", "o")
    parts = (
        jnp.split(ours["input_kernel"], 4, axis=1),
        jnp.split(ours["recurrent_kernel"], 4, axis=1),
        jnp.split(ours["bias"], 4),
    )
    cell = {}
    for name, from_input, from_state, bias in zip(names, *parts, strict=True):
        cell |= {
            f"i{name}": {"kernel": from_input},
            f"h{name}": {"kernel": from_state, "bias": bias},
        }
    step = jax.jit(
        lambda carry, x: nn.OptimizedLSTMCell(WIDTH).apply({"params": cell}, carry, x)[0]
    )
    carry = tuple(start)
    for t in range(LENGTH):
        carry = tuple(jnp.where(fresh[t][:, None], 0.0, part) for part in carry)
        carry = step(carry, inputs[t])
        np.testing.assert_allclose(states.cell[t], carry[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(states.hidden[t], carry[1], rtol=1e-4, atol=1e-5)


def automatic(weights, start, inputs, fresh):
    """The same states by a plain scan, to be differentiated by JAX itself."""

    def step(state, step_inputs):
        inputs, fresh = step_inputs
        cell, hidden = (jnp.where(fresh[..., None], 0.0, part) for part in state)
        gates = inputs @ weights.input_kernel + weights.bias + hidden @ weights.recurrent_kernel
        enter, keep, candidate, leave = jnp.split(gates, 4, axis=-1)
        cell = nn.sigmoid(keep) * cell + nn.sigmoid(enter) * jnp.tanh(candidate)
        state = LSTMState(cell, nn.sigmoid(leave) * jnp.tanh(cell))
        return state, state

    return jax.lax.scan(step, start, (inputs, fresh))[1]


by_jax = partial(lstm, jax.lax.dot_general)


def arguments(*batch):
    random = np.random.default_rng(0)
    shapes = ((INPUTS, 4 * WIDTH), (4 * WIDTH,), (WIDTH, 4 * WIDTH))
    weights = LSTMWeights(*(normal(random, *shape) for shape in shapes))
    start = LSTMState(normal(random, *batch, WIDTH), normal(random, *batch, WIDTH))
    inputs = normal(random, LENGTH, *batch, INPUTS)
    return weights, start, inputs, jnp.asarray(random.random((LENGTH, *batch)) < 0.3)


def gradients(states, weights, start, inputs, fresh):
    """Of a loss that reads cells as well as what leaves them."""

    def loss(weights, start, inputs):
        cell, hidden = states(weights, start, inputs, fresh)
        return jnp.square(cell - 0.5).mean() + jnp.square(hidden + 0.3).sum()

    return jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(weights, start, inputs)


def assert_close(first, second):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5), *(first, second)
    )


@pytest.mark.parametrize("batch", [(WORKERS,), (2, WORKERS)])
def test_its_gradient_equals_automatic_differentiation(batch):
    given = arguments(*batch)
    assert_close(gradients(by_jax, *given), gradients(automatic, *given))


@pytest.mark.parametrize("shared", [True, False])
def test_so_it_does_under_vmap_with_shared_and_with_own_weights(shared):
    weights, start, inputs, fresh = arguments(3, WORKERS)
    if not shared:
        weights = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf, -leaf]), weights)

    def batched(states):
        return jax.vmap(states, in_axes=(None if shared else 0, 0, 1, 1), out_axes=1)

    given = weights, start, inputs, fresh
    assert_close(gradients(batched(by_jax), *given), gradients(batched(automatic), *given))


def test_shorter_factors_leave_states_and_gradients_nearly_as_they_were():
    given = arguments(WORKERS)
    short = partial(lstm, DOT_GENERALS["bf16"])
    np.testing.assert_allclose(short(*given).hidden, by_jax(*given).hidden, atol=0.05)
    for states in zip(*map(jax.tree.leaves, (short(*given), by_jax(*given))), strict=True):
        assert not np.array_equal(*states)
    both = (gradients(states, *given) for states in (short, by_jax))
    for gradient, expected in zip(*map(jax.tree.leaves, both), strict=True):
        cosine = np.vdot(gradient, expected) / np.linalg.norm(gradient) / np.linalg.norm(expected)
        assert cosine > 0.99
