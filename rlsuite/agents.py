"""Networks of an agent, each with its optimiser: tables, perceptrons and convolutions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

Architecture = Literal["table", "perceptron", "convolution"]


@dataclass(frozen=True)
class AgentConfig:
    """How an agent's networks are built and stepped.

    Attributes:
      architecture: `table` needs an observation with an `index` and a `time`; `convolution` one of
        shape [height, width, channel]; `perceptron` takes any array.
      hidden_widths: units of each dense hidden layer (none in a table).
      num_filters: filters of each 3 × 3 convolution (only `convolution` has them).
      optimiser: plain gradient descent or Adam.
      policy_learning_rate: step size of the policy.
      prediction_learning_rate: step size of predictions and value critics.
      max_gradient_norm: gradients of each network are scaled down to this global norm.
    """

    architecture: Architecture = "table"
    hidden_widths: tuple[int, ...] = ()
    num_filters: tuple[int, ...] = ()
    optimiser: Literal["sgd", "adam"] = "sgd"
    policy_learning_rate: float = 40.0
    prediction_learning_rate: float = 4.0
    max_gradient_norm: float = 0.5


class HeadState(NamedTuple):
    """What learning changes in a head."""

    parameters: PyTree
    optimiser_state: optax.OptState


class Head(NamedTuple):
    """A network with its optimiser.

    Attributes:
      init: `key -> HeadState`.
      apply: `(parameters, observation) -> outputs`, over any leading axes of the observation.
      descend: `(state, gradients) -> state`, one optimiser step.
    """

    init: Callable[[PRNGKeyArray], HeadState]
    apply: Callable[[PyTree, PyTree], Float[Array, "*batch output"]]
    descend: Callable[[HeadState, PyTree], HeadState]


class Table(nn.Module):
    """A row of outputs per state index and one weight for time: no bias, nothing shared.

    Exactly the bias-free dense layer on `[one_hot(index), time]`, without building the one-hot.
    """

    num_states: int
    num_outputs: int

    @nn.compact
    def __call__(self, observation: Any) -> Float[Array, "*batch output"]:
        """Outputs for observations with an `index` and a `time`."""
        initialiser = nn.initializers.lecun_normal()
        # One matrix, initialised as the dense layer would be, so that scales agree.
        weights = self.param("kernel", initialiser, (self.num_states + 1, self.num_outputs))
        return weights[observation.index] + observation.time[..., None] * weights[-1]


class Perceptron(nn.Module):
    """Dense layers with ReLU between them, over observations flattened from `rank` axes."""

    rank: int
    hidden_widths: Sequence[int]
    num_outputs: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, observation: Float[Array, "*batch_and_shape"]):
        """Outputs for observations with `rank` axes of their own."""
        batch_shape = observation.shape[: observation.ndim - self.rank]
        hidden = observation.reshape(*batch_shape, -1).astype(jnp.float32)
        for width in self.hidden_widths:
            hidden = nn.relu(nn.Dense(width, use_bias=self.use_bias)(hidden))
        return nn.Dense(self.num_outputs, use_bias=self.use_bias)(hidden)


class Convolution(nn.Module):
    """3 × 3 convolutions, then dense layers, all with ReLU, over [height, width, channel]."""

    num_filters: Sequence[int]
    hidden_widths: Sequence[int]
    num_outputs: int

    @nn.compact
    def __call__(self, observation: Float[Array, "*batch height width channel"]):
        """Outputs for images."""
        hidden = observation.astype(jnp.float32)
        for num_filters in self.num_filters:
            hidden = nn.relu(nn.Conv(num_filters, (3, 3), padding="VALID")(hidden))
        return Perceptron(3, self.hidden_widths, self.num_outputs)(hidden)


def make_head(
    world: Environment, num_outputs: int, learning_rate: float, config: AgentConfig
) -> Head:
    """A network for a world's observations, with the optimiser the config asks for.

    Args:
      world: the world; its default parameters give the observations' shape.
      num_outputs: size of the output.
      learning_rate: the optimiser's step size.
      config: architecture and optimiser.

    Raises:
      ValueError: if the architecture can't read the world's observations.
    """
    space = world.observation_space(world.default_params)
    network = _network(space, num_outputs, config)
    optimiser = optax.chain(
        _clip_by_global_norm(config.max_gradient_norm),
        _OPTIMISERS[config.optimiser](learning_rate),
    )

    # The shape alone initialises a network; a real reset would be compiled for every network.
    observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)

    def init(key):
        parameters = network.lazy_init(key, observation)
        return HeadState(parameters, optimiser.init(parameters))

    def descend(state, gradients):
        updates, optimiser_state = optimiser.update(
            gradients, state.optimiser_state, state.parameters
        )
        return HeadState(optax.apply_updates(state.parameters, updates), optimiser_state)

    def apply(parameters, observation):
        return network.apply(parameters, observation)

    return Head(init=init, apply=apply, descend=descend)


# Meta-gradients differentiate through an agent's optimiser, where a gradient may be exactly zero (a
# dead unit, a state not visited, a policy that is certain). A square root has no derivative there:
# hence Adam's `eps_root`, and a clip of our own, equal to optax's but differentiable at zero.
_OPTIMISERS: dict[str, Callable[[float], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "adam": partial(optax.adam, eps_root=1e-12),
}


def _clip_by_global_norm(max_norm: float) -> optax.GradientTransformation:
    def clip(gradients, parameters):
        del parameters
        square = optax.tree.norm(gradients, squared=True)
        is_long = square > max_norm**2
        scale = jnp.where(is_long, max_norm / jnp.sqrt(jnp.where(is_long, square, 1.0)), 1.0)
        return jax.tree.map(lambda leaf: scale * leaf, gradients)

    return optax.stateless(clip)


def _network(space: spaces.Space, num_outputs: int, config: AgentConfig) -> nn.Module:
    is_indexed = isinstance(space, spaces.Dict) and set(space.spaces) == {"index", "time"}
    if config.architecture == "table" and is_indexed:
        return Table(space.spaces["index"].n, num_outputs)
    shape = getattr(space, "shape", None)
    if config.architecture == "perceptron" and isinstance(shape, tuple):
        return Perceptron(len(shape), config.hidden_widths, num_outputs)
    if config.architecture == "convolution" and isinstance(shape, tuple) and len(shape) == 3:
        return Convolution(config.num_filters, config.hidden_widths, num_outputs)
    raise ValueError(
        f"architecture: {config.architecture!r} can't read observations of {space}; tables need "
        "an index and a time, convolutions [height, width, channel], perceptrons an array"
    )
