"""Networks by configuration: tables, perceptrons and convolutions, with memory or without."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from rlsuite.envs.flattening import can_flatten, flatten, is_array, part_of, state_numbers
from rlsuite.layers import (
    Activation,
    Convolution,
    Gain,
    Indexed,
    Perceptron,
    Recurrent,
    Table,
)
from rlsuite.ranges import Count, Counts
from rlsuite.requirements import require_known
from rlsuite.rollout import Memory, no_memory

Architecture = Literal["table", "perceptron", "convolution"]


@dataclass(frozen=True)
class NetworkConfig:
    """How an agent's networks are built.

    Attributes:
      architecture: `table` needs the number of a state, alone or as an observation with an `index`
        and a `time`; `convolution` an array of shape [height, width, channel]; `perceptron` takes
        arrays, numbers of states (as one-hot vectors) and observations made of several of these.
      hidden_widths: units of each dense hidden layer (none in a table).
      num_filters: filters of each 3 × 3 convolution (only `convolution` has them).
      activation: after each hidden layer (none in a table).
      recurrent_width: units of a gated recurrent unit before the last layer, which remembers the
        episode; none remembers nothing.
    """

    architecture: Architecture = "table"
    hidden_widths: Counts = ()
    num_filters: Counts = ()
    activation: Activation = field(default="relu", kw_only=True)
    recurrent_width: Count | None = field(default=None, kw_only=True)


Output = TypeVar("Output")


class Network(NamedTuple, Generic[Output]):
    """A network with a memory that may be empty.

    Attributes:
      init: `key -> parameters`.
      apply: `(parameters, memory, observation) -> (outputs, memory)`, over any leading axes.
      unroll: `(parameters, memory, observations, ended) -> (outputs, memories)` along a rollout
        with axes `[time, *batch]`: from the memory before its first step on, forgetting as episodes
        end. Memories are those after each step, before any is forgotten, so that with them and
        `apply` whatever came next can be read.
      init_memory: `num_workers -> memory` at the start of an episode.
    """

    init: Callable[[PRNGKeyArray], PyTree]
    apply: Callable[[PyTree, Memory, PyTree], tuple[Output, Memory]]
    unroll: Callable[[PyTree, Memory, PyTree, Bool[Array, "time *batch"]], tuple[Output, Memory]]
    init_memory: Callable[[int], Memory]


Predictor = Network[Float[Array, "*batch output"]]
"""A network whose outputs are numbers: values, predictions, messages."""


def make_predictor(
    world: Environment,
    num_outputs: int,
    config: NetworkConfig,
    *,
    output_gain: Gain | None = None,
) -> Predictor:
    """A network for a world's observations.

    Args:
      world: the world; its default parameters give the observations' shape.
      num_outputs: size of the output.
      config: architecture.
      output_gain: initialises layers orthogonally, the last with this gain, or one for each
        output, and hidden ones with the square root of 2 (Engstrom et al., arXiv 2005.12729); none
        is LeCun's normal.

    Raises:
      ValueError: if architecture or activation are unknown, or the architecture can't read the
        world's observations.
    """
    require_known("architecture", config.architecture, get_args(Architecture))
    require_known("activation", config.activation, get_args(Activation))
    space = world.observation_space(world.default_params)
    width = config.recurrent_width
    gain = output_gain if width is None or output_gain is None else math.sqrt(2)
    module = _module(space, width or num_outputs, config, gain)
    read = _reader(space, config.architecture)
    # The shape alone initialises a network; a real reset would be compiled for every network.
    observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)
    inputs = jax.eval_shape(read, observation)
    if width is None:
        return _reading(_memoryless(module, inputs), read)
    recurrent = Recurrent(module, width, num_outputs, config.activation, output_gain)
    return _reading(_with_memory(recurrent, width, inputs), read)


def _reader(space: Any, architecture: Architecture) -> Callable[[PyTree], PyTree]:
    """What a network is given of an observation: perceptrons see numbers of states one-hot."""
    if architecture == "perceptron" and not is_array(space):
        return partial(flatten, space)
    if architecture == "table" and (numbers := state_numbers(space)) is not None:
        return lambda observation: _row(observation, numbers.start)
    if architecture == "table":
        index = state_numbers(space.spaces["index"])
        start = 0 if index is None else index.start

        def read(observation):
            return Indexed(_row(part_of(observation, "index"), start), part_of(observation, "time"))

        return read
    return lambda observation: observation


def _row(index: Array, start: np.ndarray | int) -> Array:
    row = jnp.asarray(index).astype(jnp.int32)
    return row - np.int32(start) if np.any(start) else row


def _reading(network: Predictor, read: Callable[[PyTree], PyTree]) -> Predictor:
    """The network of what is read of observations."""

    def apply(parameters, memory, observation):
        return network.apply(parameters, memory, read(observation))

    def unroll(parameters, memory, observations, ended):
        return network.unroll(parameters, memory, read(observations), ended)

    return network._replace(apply=apply, unroll=unroll)


def _memoryless(network: nn.Module, observation: PyTree) -> Predictor:
    def apply(parameters, memory, observation):
        return network.apply(parameters, observation), memory

    def unroll(parameters, memory, observations, ended):
        del ended
        return apply(parameters, memory, observations)

    return Network(lambda key: network.lazy_init(key, observation), apply, unroll, no_memory)


def _with_memory(network: Recurrent, width: int, observation: PyTree) -> Predictor:
    def init(key):
        sequence = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype), observation
        )
        start = jax.ShapeDtypeStruct((width,), jnp.float32)
        return network.lazy_init(key, sequence, start, jax.ShapeDtypeStruct((1,), bool))

    def unroll(parameters, memory, observations, ended):
        fresh = jnp.concatenate([jnp.zeros_like(ended[:1]), ended[:-1]])
        return network.apply(parameters, observations, memory, fresh)

    def apply(parameters, memory, observation):
        sequence = jax.tree.map(lambda leaf: leaf[None], observation)
        going_on = jnp.zeros((1, *memory.shape[:-1]), bool)
        outputs, states = unroll(parameters, memory, sequence, going_on)
        return outputs[0], states[0]

    def init_memory(num_workers):
        return jnp.zeros((num_workers, width), jnp.float32)

    return Network(init, apply, unroll, init_memory)


def _module(
    space: Any, num_outputs: int, config: NetworkConfig, output_gain: Gain | None
) -> nn.Module:
    """The module for what `_reader` makes of a space's observations."""
    widths, activation = config.hidden_widths, config.activation
    rank = len(space.shape) if is_array(space) else 1
    if config.architecture == "table":
        parts, numbers = getattr(space, "spaces", None), state_numbers(space)
        if isinstance(parts, Mapping) and set(parts) == {"index", "time"}:
            return Table(parts["index"].n, num_outputs, output_gain)
        if numbers is not None and numbers.counts.shape == ():
            return Table(int(numbers.counts), num_outputs, output_gain, shows_time=False)
    if config.architecture == "perceptron" and can_flatten(space):
        return Perceptron(rank, widths, num_outputs, activation, output_gain)
    if config.architecture == "convolution" and is_array(space) and rank == 3:
        return Convolution(config.num_filters, widths, num_outputs, activation, output_gain)
    raise ValueError(
        f"architecture: {config.architecture!r} can't read observations of {space}; tables need "
        "the number of a state, or an index and a time, convolutions [height, width, channel], "
        "perceptrons arrays and numbers of states"
    )
