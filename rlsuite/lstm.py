"""Long short-term memory along rollouts, with a gradient of its own that is fast."""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from rlsuite.initialisers import orthogonal_gates
from rlsuite.precision import DotGeneral, dense, dense_backwards


class LSTMState(NamedTuple):
    """What a long short-term memory remembers."""

    cell: Float[Array, "*batch width"]
    hidden: Float[Array, "*batch width"]


class LSTMWeights(NamedTuple):
    r"""Weights of a long short-term memory (Hochreiter & Schmidhuber, 1997).

    .. math::
        i, f, o = \sigma(W_{i,f,o} x + U_{i,f,o} h + b), \quad g = \tanh(W_g x + U_g h + b_g), \quad
        c' = f c + i g, \quad h' = o \tanh(c')

    Gates lie side by side as i, f, g, o.
    """

    input_kernel: Float[Array, "input 4*width"]
    bias: Float[Array, " 4*width"]
    recurrent_kernel: Float[Array, "width 4*width"]


class LSTM(nn.Module):
    """A long short-term memory that runs from the first step on, where it left off."""

    width: int
    dot_general: DotGeneral = jax.lax.dot_general

    @nn.compact
    def __call__(
        self,
        inputs: Float[Array, "time *batch input"],
        start: LSTMState,
        fresh: Bool[Array, "time *batch"],
    ) -> LSTMState:
        """The state after each step; it is set to zero before the `fresh` ones."""
        num_inputs, num_gates = inputs.shape[-1], 4 * self.width
        zeros, lecun_normal = nn.initializers.zeros, nn.initializers.lecun_normal()

        def weight(name, initialiser, *shape):
            return self.param(name, initialiser, shape, jnp.float32)

        weights = LSTMWeights(
            weight("input_kernel", lecun_normal, num_inputs, num_gates),
            weight("bias", zeros, num_gates),
            weight("recurrent_kernel", orthogonal_gates, self.width, num_gates),
        )
        return lstm(self.dot_general, weights, start, inputs, fresh)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def lstm(
    dot_general: DotGeneral,
    weights: LSTMWeights,
    start: LSTMState,
    inputs: Float[Array, "time *batch input"],
    fresh: Bool[Array, "time *batch"],
) -> LSTMState:
    """The states of a long short-term memory after each step.

    Its gradient is what automatic differentiation gives, up to rounding, from fewer passes over
    memory: it keeps the gates of each step, and the gradients of the weights are products over all
    steps at once.

    Args:
      dot_general: how matrices are multiplied.
      weights: of the unit.
      start: the state before the first step.
      inputs: of each step.
      fresh: where the state is set to zero before the step is taken.
    """
    return _run(dot_general, weights, start, inputs, fresh)[0]


class _Gates(NamedTuple):
    """What the gradient needs of each step, of shape `[time, *batch, width]`."""

    enter: Array
    keep: Array
    candidate: Array
    leave: Array


def _run(dot_general, weights, start, inputs, fresh):
    """States after each step, and the gates behind them."""
    multiply = partial(dense, dot_general)

    def step(state, step_inputs):
        inputs, fresh = step_inputs
        cell, hidden = _forget(fresh, state)
        gates = multiply(inputs, weights.input_kernel) + weights.bias
        gates += multiply(hidden, weights.recurrent_kernel)
        enter, keep, candidate, leave = jnp.split(gates, 4, axis=-1)
        enter, keep, leave = nn.sigmoid(enter), nn.sigmoid(keep), nn.sigmoid(leave)
        candidate = jnp.tanh(candidate)
        cell = keep * cell + enter * candidate
        state = LSTMState(cell, leave * jnp.tanh(cell))
        return state, (state, _Gates(enter, keep, candidate, leave))

    return jax.lax.scan(step, start, (inputs, fresh))[1]


def _forward(dot_general, weights, start, inputs, fresh):
    states, gates = _run(dot_general, weights, start, inputs, fresh)
    return states, (weights, start, inputs, fresh, states, gates)


def _backward(dot_general, residuals, cotangents):
    weights, start, inputs, fresh, states, gates = residuals
    before = _forget(
        fresh, jax.tree.map(lambda a, b: jnp.concatenate([a[None], b[:-1]]), start, states)
    )

    def step(gradient, step_inputs):
        """Gradients of the state before a step and of what went into its gates."""
        cotangent, fresh, cell, cell_before, (enter, keep, candidate, leave) = step_inputs
        squashed = jnp.tanh(cell)
        to_hidden = gradient.hidden + cotangent.hidden
        to_cell = gradient.cell + cotangent.cell + to_hidden * leave * (1 - squashed**2)
        to_gates = jnp.concatenate(
            [
                to_cell * candidate * enter * (1 - enter),
                to_cell * cell_before * keep * (1 - keep),
                to_cell * enter * (1 - candidate**2),
                to_hidden * squashed * leave * (1 - leave),
            ],
            axis=-1,
        )
        gradient = LSTMState(to_cell * keep, dense(dot_general, to_gates, backwards))
        return _forget(fresh, gradient), to_gates

    # Written out: a product with a transposed factor takes a quarter longer, in each step.
    backwards = jax.lax.optimization_barrier(weights.recurrent_kernel.T)
    nothing = jax.tree.map(jnp.zeros_like, start)
    steps = cotangents, fresh, states.cell, before.cell, gates
    to_start, to_gates = jax.lax.scan(step, nothing, steps, reverse=True)
    to_gates = _rows(to_gates)

    def outer(left):
        """The sum over steps of outer products, as a product of matrices."""
        return dot_general(_rows(left), to_gates, (((0,), (0,)), ((), ())))

    gradients = LSTMWeights(
        input_kernel=outer(inputs),
        bias=to_gates.sum(axis=0),
        recurrent_kernel=outer(before.hidden),
    )
    to_inputs = dense_backwards(dot_general, to_gates, weights.input_kernel)
    return gradients, to_start, to_inputs.reshape(inputs.shape), None


lstm.defvjp(_forward, _backward)


def _forget(fresh, state):
    """The state, zero where it is fresh."""
    return jax.tree.map(lambda part: jnp.where(fresh[..., None], 0.0, part), state)


def _rows(values):
    return values.reshape(-1, values.shape[-1])
