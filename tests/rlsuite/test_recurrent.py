"""Tests of the recurrent layers and of their hand-written gradient."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.recurrent import GRU, BackwardGRU, GRUWeights, gru

WORKERS = 4


def spread(parameters, seed=0):
    """Random parameters in place of initial ones, many of which are zero."""
    leaves, structure = jax.tree.flatten(parameters)
    random = np.random.default_rng(seed)
    values = [jnp.asarray(random.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, values)


class TestLayers:
    WIDTH, INPUTS = 5, 3

    def test_forwards_equals_flax_cell_stepped_with_resets(self):
        random = np.random.default_rng(0)
        inputs = jnp.asarray(random.normal(size=(7, WORKERS, self.INPUTS)), jnp.float32)
        fresh = jnp.asarray(random.random((7, WORKERS)) < 0.3)
        start = jnp.asarray(random.normal(size=(WORKERS, self.WIDTH)), jnp.float32)
        layer = GRU(self.WIDTH)
        variables = spread(jax.jit(layer.init)(jax.random.key(0), inputs, start, fresh))
        outputs = jax.jit(layer.apply)(variables, inputs, start, fresh)

        cell = nn.GRUCell(self.WIDTH)
        step = jax.jit(lambda state, x: cell.apply(self.cell_variables(variables), state, x)[0])
        state = start
        for t in range(7):
            state = step(jnp.where(fresh[t][:, None], 0.0, state), inputs[t])
            np.testing.assert_allclose(outputs[t], state, rtol=1e-5, atol=1e-6)

    def test_backwards_equals_flax_cell_stepped_with_resets(self):
        random = np.random.default_rng(0)
        inputs = jnp.asarray(random.normal(size=(7, WORKERS, self.INPUTS)), jnp.float32)
        ended = jnp.asarray(random.random((7, WORKERS)) < 0.3)
        layer = BackwardGRU(self.WIDTH)
        variables = spread(jax.jit(layer.init)(jax.random.key(0), inputs, ended))
        outputs = jax.jit(layer.apply)(variables, inputs, ended)

        cell = nn.GRUCell(self.WIDTH)
        step = jax.jit(lambda state, x: cell.apply(self.cell_variables(variables), state, x)[0])
        state = jnp.zeros((WORKERS, self.WIDTH))
        for t in reversed(range(7)):
            state = step(jnp.where(ended[t][:, None], 0.0, state), inputs[t])
            np.testing.assert_allclose(outputs[t], state, rtol=1e-5, atol=1e-6)

    def cell_variables(self, variables):
        ours = variables["params"]
        names = ("r", "z", "n")
        kernels = dict(zip(names, jnp.split(ours["input_kernel"], 3, axis=1), strict=True))
        biases = dict(zip(names, jnp.split(ours["bias"], 3), strict=True))
        recurrent = dict(zip(names, jnp.split(ours["recurrent_kernel"], 3, axis=1), strict=True))
        cell = {f"i{n}": {"kernel": kernels[n], "bias": biases[n]} for n in names}
        cell |= {f"h{n}": {"kernel": recurrent[n]} for n in names}
        cell["hn"]["bias"] = ours["candidate_bias"]
        return {"params": cell}

    def test_each_gate_starts_orthogonal(self):
        inputs, ended = jnp.zeros((1, 1, 2)), jnp.zeros((1, 1), bool)
        variables = jax.jit(BackwardGRU(4).init)(jax.random.key(0), inputs, ended)
        gates = jnp.split(variables["params"]["recurrent_kernel"], 3, axis=1)
        for gate in gates:
            np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-5)
        assert not np.allclose(gates[0], gates[1])


@pytest.mark.parametrize("reverse", [True, False])
class TestGradient:
    WIDTH, INPUTS, LENGTH = 5, 3, 7

    def arguments(self, *batch, seed=0):
        random = np.random.default_rng(seed)
        width = self.WIDTH
        shapes = ((self.INPUTS, 3 * width), (3 * width,), (width, 3 * width), (width,))
        weights = GRUWeights(*(jnp.asarray(random.normal(size=s), jnp.float32) for s in shapes))
        start = jnp.asarray(random.normal(size=(*batch, width)), jnp.float32)
        inputs = jnp.asarray(random.normal(size=(self.LENGTH, *batch, self.INPUTS)), jnp.float32)
        fresh = jnp.asarray(random.random((self.LENGTH, *batch)) < 0.3)
        return weights, start, inputs, fresh

    def automatic(self, reverse):
        """The same states by a plain scan, to be differentiated by JAX itself."""

        def states(weights, start, inputs, fresh):
            def step(state, step_inputs):
                inputs, fresh = step_inputs
                state = jnp.where(fresh[..., None], 0.0, state)
                from_input = jnp.split(inputs @ weights.input_kernel + weights.bias, 3, axis=-1)
                from_state = jnp.split(state @ weights.recurrent_kernel, 3, axis=-1)
                reset = nn.sigmoid(from_input[0] + from_state[0])
                keep = nn.sigmoid(from_input[1] + from_state[1])
                from_state = from_state[2] + weights.candidate_bias
                candidate = jnp.tanh(from_input[2] + reset * from_state)
                state = (1 - keep) * candidate + keep * state
                return state, state

            return jax.lax.scan(step, start, (inputs, fresh), reverse=reverse)[1]

        return states

    def by_hand(self, reverse):
        return partial(gru, jax.lax.dot_general, reverse)

    def gradients(self, states, weights, start, inputs, fresh):
        goal = jnp.asarray(np.random.default_rng(1).normal(size=(self.LENGTH, 1, self.WIDTH)))
        goal = goal.reshape(self.LENGTH, *(1,) * (inputs.ndim - 2), self.WIDTH)

        def loss(weights, start, inputs):
            return jnp.square(states(weights, start, inputs, fresh) - goal).mean()

        return jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(weights, start, inputs)

    def assert_close(self, first, second):
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6), *(first, second)
        )

    @pytest.mark.parametrize("batch", [(WORKERS,), (2, WORKERS)])
    def test_equals_automatic_differentiation(self, reverse, batch):
        arguments = self.arguments(*batch)
        expected = self.gradients(self.automatic(reverse), *arguments)
        self.assert_close(self.gradients(self.by_hand(reverse), *arguments), expected)

    def test_equals_automatic_differentiation_under_vmap_with_shared_and_with_own_weights(
        self, reverse
    ):
        weights, start, inputs, fresh = self.arguments(3, WORKERS)
        own = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf, -leaf]), weights)

        def gradients(states, weights, in_axes):
            batched = jax.vmap(states, in_axes=(in_axes, 0, 1, 1), out_axes=1)
            return self.gradients(batched, weights, start, inputs, fresh)

        for given, in_axes in ((weights, None), (own, 0)):
            expected = gradients(self.automatic(reverse), given, in_axes)
            self.assert_close(gradients(self.by_hand(reverse), given, in_axes), expected)
