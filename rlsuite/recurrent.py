"""Gated recurrent units along rollouts, either way and fast."""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from rlsuite.initialisers import orthogonal_gates
from rlsuite.precision import DotGeneral, dense, dense_backwards


class GRUWeights(NamedTuple):
    r"""Weights of a gated recurrent unit (Cho et al., arXiv 1406.1078).

    .. math::
        r, z = \sigma(W_{r,z} x + U_{r,z} h + b), \quad
        n = \tanh(W_n x + b_n + r (U_n h + c)), \quad h' = (1 - z) n + z h

    Gates lie side by side as reset, keep, candidate.
    """

    input_kernel: Float[Array, "input 3*width"]
    bias: Float[Array, " 3*width"]
    recurrent_kernel: Float[Array, "width 3*width"]
    candidate_bias: Float[Array, " width"]


class GRU(nn.Module):
    """A gated recurrent unit that runs from the first step on, where it left off."""

    width: int
    dot_general: DotGeneral = jax.lax.dot_general

    @nn.compact
    def __call__(
        self,
        inputs: Float[Array, "time *batch input"],
        start: Float[Array, "*batch {self.width}"],
        fresh: Bool[Array, "time *batch"],
    ) -> Float[Array, "time *batch {self.width}"]:
        """The state after each step; it is set to zero before the `fresh` ones."""
        weights = _weights(self, inputs.shape[-1])
        return gru(self.dot_general, False, weights, start, inputs, fresh)


class BackwardGRU(nn.Module):
    """A gated recurrent unit that runs from the last step back.

    The state is set to zero where an episode ended, so nothing flows back into another episode.
    """

    width: int
    dot_general: DotGeneral = jax.lax.dot_general

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "time *batch input"], ended: Bool[Array, "time *batch"]
    ) -> Float[Array, "time *batch {self.width}"]:
        """The state after each step, having seen that step and all later ones of its episode."""
        start = jnp.zeros((*inputs.shape[1:-1], self.width), inputs.dtype)
        weights = _weights(self, inputs.shape[-1])
        return gru(self.dot_general, True, weights, start, inputs, ended)


def _weights(module: GRU | BackwardGRU, num_inputs: int) -> GRUWeights:
    width, zeros = module.width, nn.initializers.zeros

    def weight(name, initialiser, *shape):
        return module.param(name, initialiser, shape, jnp.float32)

    return GRUWeights(
        weight("input_kernel", nn.initializers.lecun_normal(), num_inputs, 3 * width),
        weight("bias", zeros, 3 * width),
        weight("recurrent_kernel", orthogonal_gates, width, 3 * width),
        weight("candidate_bias", zeros, width),
    )


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def gru(
    dot_general: DotGeneral,
    reverse: bool,
    weights: GRUWeights,
    start: Float[Array, "*batch width"],
    inputs: Float[Array, "time *batch input"],
    fresh: Bool[Array, "time *batch"],
) -> Float[Array, "time *batch width"]:
    """The states of a gated recurrent unit after each step, in the order of the inputs.

    Its gradient is what automatic differentiation gives, up to rounding, from fewer passes over
    memory: it keeps four arrays a step and works the candidates out again, its scan holds only what
    is recurrent, and the gradients of the weights are products over all steps at once.

    Args:
      dot_general: how matrices are multiplied.
      reverse: whether the last step is taken first.
      weights: of the unit.
      start: the state before the first step taken.
      inputs: of each step.
      fresh: where the state is set to zero before the step is taken.
    """
    return _run(dot_general, reverse, weights, start, inputs, fresh)[0]


class _Gates(NamedTuple):
    """What the gradient needs of each step, of shape `[time, *batch, width]`."""

    reset: Array
    keep: Array
    from_state: Array


def _run(dot_general, reverse, weights, start, inputs, fresh):
    """States after each step, and the gates behind them."""
    width = weights.recurrent_kernel.shape[0]

    def step(state, step_inputs):
        inputs, fresh = step_inputs
        state = jnp.where(fresh[..., None], 0.0, state)
        from_input = dense(dot_general, inputs, weights.input_kernel) + weights.bias
        from_state = dense(dot_general, state, weights.recurrent_kernel)
        reset = nn.sigmoid(from_input[..., :width] + from_state[..., :width])
        keep = nn.sigmoid(from_input[..., width:-width] + from_state[..., width:-width])
        from_state = from_state[..., -width:] + weights.candidate_bias
        candidate = jnp.tanh(from_input[..., -width:] + reset * from_state)
        state = candidate + keep * (state - candidate)
        return state, (state, _Gates(reset, keep, from_state))

    return jax.lax.scan(step, start, (inputs, fresh), reverse=reverse)[1]


def _forward(dot_general, reverse, weights, start, inputs, fresh):
    states, gates = _run(dot_general, reverse, weights, start, inputs, fresh)
    return states, (weights, start, inputs, fresh, states, gates)


def _backward(dot_general, reverse, residuals, cotangents):
    weights, start, inputs, fresh, states, gates = residuals
    width = weights.recurrent_kernel.shape[0]
    gates_kernel, candidate_kernel = jnp.split(weights.input_kernel, [2 * width], axis=1)
    earlier = [states[1:], start[None]] if reverse else [start[None], states[:-1]]
    states_before = jnp.where(fresh[..., None], 0.0, jnp.concatenate(earlier))

    def step(gradient, step_inputs):
        """Gradients of the state before a step and of what went into its gates."""
        cotangent, inputs, fresh, state, (reset, keep, from_state) = step_inputs
        from_input = dense(dot_general, inputs, candidate_kernel) + weights.bias[-width:]
        candidate = jnp.tanh(from_input + reset * from_state)
        gradient = gradient + cotangent
        to_candidate = gradient * (1 - keep) * (1 - candidate**2)
        to_reset = to_candidate * from_state * reset * (1 - reset)
        to_keep = gradient * (state - candidate) * keep * (1 - keep)
        to_two_gates = jnp.concatenate([to_reset, to_keep], axis=-1)
        to_state = to_candidate * reset
        to_gates = jnp.concatenate([to_two_gates, to_state], axis=-1)
        gradient = gradient * keep + dense_backwards(
            dot_general, to_gates, weights.recurrent_kernel
        )
        gradient = jnp.where(fresh[..., None], 0.0, gradient)
        return gradient, (to_two_gates, to_candidate, to_state)

    steps = cotangents, inputs, fresh, states_before, gates
    to_start, outputs = jax.lax.scan(step, jnp.zeros_like(start), steps, reverse=not reverse)
    to_two_gates, to_candidate, to_state = (_rows(output) for output in outputs)

    def outer(left, *right):
        """The sum over steps of outer products, as products of matrices."""
        products = [dot_general(_rows(left), part, (((0,), (0,)), ((), ()))) for part in right]
        return jnp.concatenate(products, axis=-1)

    gradients = GRUWeights(
        input_kernel=outer(inputs, to_two_gates, to_candidate),
        bias=jnp.concatenate([to_two_gates.sum(0), to_candidate.sum(0)]),
        recurrent_kernel=outer(states_before, to_two_gates, to_state),
        candidate_bias=to_state.sum(0),
    )
    to_inputs = dense_backwards(dot_general, to_two_gates, gates_kernel)
    to_inputs += dense_backwards(dot_general, to_candidate, candidate_kernel)
    return gradients, to_start, to_inputs.reshape(inputs.shape), None


gru.defvjp(_forward, _backward)


def _rows(values):
    return values.reshape(-1, values.shape[-1])
