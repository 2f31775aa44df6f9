"""Networks by configuration: tables, perceptrons and convolutions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.ranges import Counts

Architecture = Literal["table", "perceptron", "convolution"]
Activation = Literal["relu", "tanh", "swish"]


@dataclass(frozen=True)
class NetworkConfig:
    """How an agent's networks are built.

    Attributes:
      architecture: `table` needs an observation with an `index` and a `time`; `convolution` one of
        shape [height, width, channel]; `perceptron` takes any array.
      hidden_widths: units of each dense hidden layer (none in a table).
      num_filters: filters of each 3 × 3 convolution (only `convolution` has them).
      activation: after each hidden layer (none in a table).
    """

    architecture: Architecture = "table"
    hidden_widths: Counts = ()
    num_filters: Counts = ()
    activation: Activation = field(default="relu", kw_only=True)


class Network(NamedTuple):
    """A network without an optimiser.

    Attributes:
      init: `key -> parameters`.
      apply: `(parameters, observation) -> outputs`, over any leading axes of the observation.
    """

    init: Callable[[PRNGKeyArray], PyTree]
    apply: Callable[[PyTree, PyTree], Float[Array, "*batch output"]]


class Table(nn.Module):
    """A row of outputs per state index and one weight for time: no bias, nothing shared.

    Exactly the bias-free dense layer on `[one_hot(index), time]`, without building the one-hot.
    """

    num_states: int
    num_outputs: int
    output_gain: float | None = None

    @nn.compact
    def __call__(self, observation: Any) -> Float[Array, "*batch output"]:
        """Outputs for observations with an `index` and a `time`."""
        initialiser = _kernel_initialiser(self.output_gain)
        # One matrix, initialised as the dense layer would be, so that scales agree.
        weights = self.param("kernel", initialiser, (self.num_states + 1, self.num_outputs))
        return weights[observation.index] + observation.time[..., None] * weights[-1]


class Perceptron(nn.Module):
    """Dense layers with activations between, over observations flattened from `rank` axes."""

    rank: int
    hidden_widths: Sequence[int]
    num_outputs: int
    activation: Activation = "relu"
    output_gain: float | None = None
    use_bias: bool = True

    @nn.compact
    def __call__(self, observation: Float[Array, "*batch_and_shape"]):
        """Outputs for observations with `rank` axes of their own."""
        batch_shape = observation.shape[: observation.ndim - self.rank]
        hidden = observation.reshape(*batch_shape, -1).astype(jnp.float32)
        activate = _ACTIVATIONS[self.activation]
        initialiser = _hidden_initialiser(self.output_gain)
        for width in self.hidden_widths:
            dense = nn.Dense(width, use_bias=self.use_bias, kernel_init=initialiser)
            hidden = activate(dense(hidden))
        initialiser = _kernel_initialiser(self.output_gain)
        return nn.Dense(self.num_outputs, use_bias=self.use_bias, kernel_init=initialiser)(hidden)


class Convolution(nn.Module):
    """3 × 3 convolutions, then dense layers, over [height, width, channel]."""

    num_filters: Sequence[int]
    hidden_widths: Sequence[int]
    num_outputs: int
    activation: Activation = "relu"
    output_gain: float | None = None

    @nn.compact
    def __call__(self, observation: Float[Array, "*batch height width channel"]):
        """Outputs for images."""
        hidden = observation.astype(jnp.float32)
        activate = _ACTIVATIONS[self.activation]
        initialiser = _hidden_initialiser(self.output_gain)
        for num_filters in self.num_filters:
            convolve = nn.Conv(num_filters, (3, 3), padding="VALID", kernel_init=initialiser)
            hidden = activate(convolve(hidden))
        dense = Perceptron(
            3, self.hidden_widths, self.num_outputs, self.activation, self.output_gain
        )
        return dense(hidden)


def make_network(
    world: Environment,
    num_outputs: int,
    config: NetworkConfig,
    *,
    output_gain: float | None = None,
) -> Network:
    """A network for a world's observations.

    Args:
      world: the world; its default parameters give the observations' shape.
      num_outputs: size of the output.
      config: architecture.
      output_gain: initialises layers orthogonally, the last with this gain and hidden ones with
        the square root of 2 (Engstrom et al., arXiv 2005.12729); none is LeCun's normal.

    Raises:
      ValueError: if the architecture can't read the world's observations.
    """
    space = world.observation_space(world.default_params)
    network = _module(space, num_outputs, config, output_gain)

    # The shape alone initialises a network; a real reset would be compiled for every network.
    observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)

    def init(key):
        return network.lazy_init(key, observation)

    def apply(parameters, observation):
        return network.apply(parameters, observation)

    return Network(init=init, apply=apply)


_ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "relu": nn.relu,
    "tanh": jnp.tanh,
    "swish": nn.swish,
}


def _hidden_initialiser(output_gain: float | None) -> nn.initializers.Initializer:
    return _kernel_initialiser(None if output_gain is None else math.sqrt(2))


def _kernel_initialiser(gain: float | None) -> nn.initializers.Initializer:
    if gain is None:
        return nn.initializers.lecun_normal()

    def orthogonal(key, shape, dtype=jnp.float32):
        # A decomposition of many matrices at once waits for threads of the pool that it runs on
        # itself: two of them side by side hang a machine of two cores for ever (jaxlib 0.10).
        @jax.custom_batching.sequential_vmap
        def one_at_a_time(key):
            return nn.initializers.orthogonal(gain)(key, shape, dtype)

        return one_at_a_time(key)

    return orthogonal


def _module(
    space: spaces.Space, num_outputs: int, config: NetworkConfig, output_gain: float | None
) -> nn.Module:
    is_indexed = isinstance(space, spaces.Dict) and set(space.spaces) == {"index", "time"}
    if config.architecture == "table" and is_indexed:
        return Table(space.spaces["index"].n, num_outputs, output_gain)
    shape = getattr(space, "shape", None)
    widths, activation = config.hidden_widths, config.activation
    if config.architecture == "perceptron" and isinstance(shape, tuple):
        return Perceptron(len(shape), widths, num_outputs, activation, output_gain)
    if config.architecture == "convolution" and isinstance(shape, tuple) and len(shape) == 3:
        return Convolution(config.num_filters, widths, num_outputs, activation, output_gain)
    raise ValueError(
        f"architecture: {config.architecture!r} can't read observations of {space}; tables need "
        "an index and a time, convolutions [height, width, channel], perceptrons an array"
    )
