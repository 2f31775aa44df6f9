"""Layers that networks are made of: tables, perceptrons, convolutions, and memory after these."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Shaped

from rlsuite.convolution import Convolution3x3
from rlsuite.initialisers import orthogonal
from rlsuite.recurrent import GRU
from rlsuite.requirements import named

Activation = Literal["relu", "tanh", "swish"]

Gain = float | tuple[float, ...]
"""What orthogonal matrices are multiplied by: a number, or one for each output of a layer."""


@struct.dataclass
class Indexed:
    """What a table reads: the row of a state, and the time."""

    index: Int[Array, "*batch"]
    time: Float[Array, "*batch"]


class Table(nn.Module):
    """A row of outputs per state index and one weight for time: no bias, nothing shared.

    Exactly the bias-free dense layer on `[one_hot(index), time]`, without building the one-hot.
    """

    num_states: int
    num_outputs: int
    output_gain: Gain | None = None
    shows_time: bool = True

    @nn.compact
    def __call__(self, observation: Any) -> Float[Array, "*batch output"]:
        """Outputs for observations with an `index` and a `time`, or that are an index alone."""
        initialiser = _kernel_initialiser(self.output_gain)
        # One matrix, initialised as the dense layer would be, so that scales agree.
        shape = (self.num_states + self.shows_time, self.num_outputs)
        weights = self.param("kernel", initialiser, shape, jnp.float32)
        if not self.shows_time:
            return weights[observation]
        return weights[observation.index] + observation.time[..., None] * weights[-1]


@jax.custom_vjp
def _product(
    kernel: Float[Array, "input output"], inputs: Float[Array, "input sample"]
) -> Float[Array, "output sample"]:
    """The product over the first axes, whose gradient has samples on the last axis as well.

    JAX's own gradient of the inputs comes out as [sample, input] and is turned over, at four times
    the cost of the product on a CPU.
    """
    return _contract(kernel, inputs, 0, 0)


def _contract(a: Array, b: Array, axis: int, other_axis: int) -> Array:
    return jax.lax.dot_general(a, b, (((axis,), (other_axis,)), ((), ())))


def _product_gradients(operands: tuple[Array, Array], outputs: Array) -> tuple[Array, Array]:
    kernel, inputs = operands
    return _contract(inputs, outputs, 1, 1), _contract(kernel, outputs, 1, 0)


_product.defvjp(lambda *operands: (_product(*operands), operands), _product_gradients)


class Dense(nn.Module):
    """A dense layer of samples that stand on the last axis of its inputs and outputs."""

    width: int
    use_bias: bool
    kernel_init: nn.initializers.Initializer

    @nn.compact
    def __call__(self, inputs: Float[Array, "input sample"]):
        """Outputs [output, sample]."""
        shape = (inputs.shape[0], self.width)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        outputs = _product(kernel, inputs)
        if not self.use_bias:
            return outputs
        bias = self.param("bias", nn.initializers.zeros, (self.width,), jnp.float32)
        return outputs + bias[:, None]


class Perceptron(nn.Module):
    """Dense layers with activations between, over observations flattened from `rank` axes."""

    rank: int
    hidden_widths: Sequence[int]
    num_outputs: int
    activation: Activation = "relu"
    output_gain: Gain | None = None
    use_bias: bool = True

    @nn.compact
    def __call__(self, observation: Shaped[Array, "*batch_and_shape"]):
        """Outputs for observations with `rank` axes of their own."""
        batch_shape = observation.shape[: observation.ndim - self.rank]
        hidden = observation.reshape(*batch_shape, -1).astype(jnp.float32)
        samples_last = _samples_last(math.prod(batch_shape))
        layer = Dense if samples_last else nn.Dense
        if samples_last:
            # Turned over once, and not within each product that reads it.
            hidden = jax.lax.optimization_barrier(hidden.reshape(-1, hidden.shape[-1]).T)
        activate = named("activation", self.activation, _ACTIVATIONS)
        initialiser = _hidden_initialiser(self.output_gain)
        for width in self.hidden_widths:
            dense = layer(width, use_bias=self.use_bias, kernel_init=initialiser)
            hidden = activate(dense(hidden))
        initialiser = _kernel_initialiser(self.output_gain)
        last = layer(self.num_outputs, use_bias=self.use_bias, kernel_init=initialiser)
        outputs = last(hidden)
        return outputs.T.reshape(*batch_shape, -1) if samples_last else outputs


class Convolution(nn.Module):
    """3 × 3 convolutions, then dense layers, over [height, width, channel]."""

    num_filters: Sequence[int]
    hidden_widths: Sequence[int]
    num_outputs: int
    activation: Activation = "relu"
    output_gain: Gain | None = None

    @nn.compact
    def __call__(self, observation: Shaped[Array, "*batch height width channel"]):
        """Outputs for images."""
        hidden = observation.astype(jnp.float32)
        activate = named("activation", self.activation, _ACTIVATIONS)
        initialiser = _hidden_initialiser(self.output_gain)
        for num_filters in self.num_filters:
            convolve = Convolution3x3(num_filters, kernel_init=initialiser)
            hidden = activate(convolve(hidden))
        dense = Perceptron(
            3, self.hidden_widths, self.num_outputs, self.activation, self.output_gain
        )
        return dense(hidden)


class Recurrent(nn.Module):
    """Features of each observation, then a gated recurrent unit, then a dense layer."""

    body: nn.Module
    width: int
    num_outputs: int
    activation: Activation = "relu"
    output_gain: Gain | None = None

    @nn.compact
    def __call__(
        self,
        observations: Any,
        start: Float[Array, "*batch {self.width}"],
        fresh: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch output"], Float[Array, "time *batch {self.width}"]]:
        """Outputs and the state after each step; it is forgotten before the `fresh` ones."""
        activate = named("activation", self.activation, _ACTIVATIONS)
        features = activate(self.body(observations))
        states = GRU(self.width)(features, start, fresh)
        initialiser = _kernel_initialiser(self.output_gain)
        return nn.Dense(self.num_outputs, kernel_init=initialiser)(states), states


def _samples_last(num_samples: int) -> bool:
    """Whether layers are faster with samples on the last axis: many of them on a CPU.

    Layers are narrow beside the number of samples, and a CPU's vectors are filled along the last
    axis (measured in docs/performance.md).
    """
    return num_samples >= 64 and jax.default_backend() == "cpu"


_ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "relu": nn.relu,
    "tanh": jnp.tanh,
    "swish": nn.swish,
}


def _hidden_initialiser(output_gain: Gain | None) -> nn.initializers.Initializer:
    return _kernel_initialiser(None if output_gain is None else math.sqrt(2))


def _kernel_initialiser(gain: Gain | None) -> nn.initializers.Initializer:
    return nn.initializers.lecun_normal() if gain is None else orthogonal(gain)
