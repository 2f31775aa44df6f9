"""The network of those who learn in mazes: they see little at a time and remember the episode."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import distrax
import flax.linen as nn
import jax
import jax.numpy as jnp
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, PyTree

from rlsuite.agents import ActorPredictor
from rlsuite.convolution import Convolution3x3
from rlsuite.envs.flattening import flatten, part_of
from rlsuite.initialisers import orthogonal
from rlsuite.lstm import LSTM, LSTMState
from rlsuite.networks import Network
from rlsuite.precision import Precision, dot_general_of
from rlsuite.ranges import Count, Counts

IMAGE = "image"
"""The part of an observation that is read by a convolution."""


@dataclass(frozen=True)
class StudentConfig:
    """Sizes of a student's network; the defaults are those of PAIRED and its successors.

    Attributes:
      num_filters: filters of each 3 × 3 convolution over the image.
      embedding_width: numbers that all other parts of an observation become, such as a direction.
      recurrent_width: units of the long short-term memory.
      head_widths: units of each dense layer between it and the policy, and between it and the
        value.
      precision: of the memory's products of matrices, which are nearly all that there are; by
        default JAX's own, which is float32 on a CPU, tf32 on a GPU and bf16 on a TPU, as for
        the rest.
    """

    num_filters: Counts = (16,)
    embedding_width: Count = 5
    recurrent_width: Count = 256
    head_widths: Counts = (32,)
    precision: Precision | None = None


class Student(nn.Module):
    """A convolution over the image beside an embedding of the rest, a memory, and two heads.

    Weights start as JaxUED's do: orthogonal with a gain of root 2 for the embedding, of 2 for the
    hidden layers of the heads, and of 0.01 and 1 for what these come to; those of convolutions and
    of what the memory reads are LeCun's.
    """

    config: StudentConfig
    num_actions: int

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "time *batch height width channel"],
        rest: Float[Array, "time *batch number"],
        start: LSTMState,
        fresh: Bool[Array, "time *batch"],
    ) -> tuple[Float[Array, "time *batch action"], Float[Array, "time *batch 1"], LSTMState]:
        """Logits, values, and the memory after each step; it is lost before the `fresh` ones."""
        for num_filters in self.config.num_filters:
            image = nn.relu(Convolution3x3(num_filters)(image))
        embed = nn.Dense(self.config.embedding_width, kernel_init=orthogonal(2**0.5))
        embedded = embed(rest)
        features = jnp.concatenate([image.reshape(*rest.shape[:-1], -1), embedded], axis=-1)
        memory = LSTM(self.config.recurrent_width, dot_general_of(self.config.precision))
        states = memory(features, start, fresh)
        logits = self._head(states.hidden, self.num_actions, 0.01)
        return logits, self._head(states.hidden, 1, 1.0), states

    def _head(self, hidden: Array, num_outputs: int, gain: float) -> Array:
        batch_shape = hidden.shape[:-1]
        # As a matrix, whose products are faster on a CPU than those with several axes of samples.
        hidden = hidden.reshape(-1, hidden.shape[-1])
        for width in self.config.head_widths:
            hidden = nn.relu(nn.Dense(width, kernel_init=orthogonal(2.0))(hidden))
        outputs = nn.Dense(num_outputs, kernel_init=orthogonal(gain))(hidden)
        return outputs.reshape(*batch_shape, num_outputs)


def make_student(world: Environment, config: StudentConfig) -> Network[ActorPredictor]:
    """Policy and critic of a student as one network, which both share up to their heads.

    Its memory is an `LSTMState`, zero at the start of an episode.

    Args:
      world: its observations have a part called `image`, `[height, width, channel]`, and others;
        its actions are discrete.
      config: sizes.

    Raises:
      ValueError: if a world has other observations or actions, or the convolutions leave nothing of
        the image.
    """
    space, actions = (
        of(world.default_params) for of in (world.observation_space, world.action_space)
    )
    num_actions = _checked(world, space, actions, config.num_filters)
    rest = spaces.Dict({name: part for name, part in space.spaces.items() if name != IMAGE})
    module, width = Student(config, num_actions), config.recurrent_width
    act: Callable[..., Any] = module.apply

    def read(observation):
        return part_of(observation, IMAGE).astype(jnp.float32), flatten(rest, observation)

    def init_memory(*batch: int) -> LSTMState:
        return LSTMState(*(jnp.zeros((*batch, width), jnp.float32) for _ in LSTMState._fields))

    def init(key):
        observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)
        image, numbers = jax.eval_shape(
            lambda one: read(jax.tree.map(lambda leaf: leaf[None], one)), observation
        )
        fresh = jax.ShapeDtypeStruct((1,), bool)
        return module.lazy_init(key, image, numbers, jax.eval_shape(init_memory), fresh)

    def unroll(
        parameters: PyTree, memory: LSTMState, observations: PyTree, ended: Bool[Array, "time *_"]
    ) -> tuple[ActorPredictor, LSTMState]:
        fresh = jnp.concatenate([jnp.zeros_like(ended[:1]), ended[:-1]])
        logits, values, states = act(parameters, *read(observations), memory, fresh)
        return ActorPredictor(distrax.Categorical(logits), values), states

    def apply(parameters, memory, observation):
        sequence = jax.tree.map(lambda leaf: leaf[None], observation)
        going_on = jnp.zeros((1, *memory.hidden.shape[:-1]), bool)
        logits, values, states = act(parameters, *read(sequence), memory, going_on)
        memory = jax.tree.map(lambda leaf: leaf[0], states)
        return ActorPredictor(distrax.Categorical(logits[0]), values[0]), memory

    return Network(init, apply, unroll, init_memory)


def _checked(world: Environment, space: Any, actions: Any, num_filters: Sequence[int]) -> int:
    """The number of a world's actions, once it is clear that a student can live there."""
    parts = getattr(space, "spaces", None)
    image = parts.get(IMAGE) if isinstance(parts, Mapping) and len(parts) > 1 else None
    if image is None or len(image.shape) != 3:
        raise ValueError(
            f"observations: {space} of {world.name} are not allowed; they must have an image, "
            "[height, width, channel], and another part"
        )
    if not isinstance(actions, spaces.Discrete):
        raise ValueError(
            f"actions: {actions} of {world.name} are not allowed; they must be discrete"
        )
    most = (min(image.shape[:2]) - 1) // 2
    if len(num_filters) > most:
        raise ValueError(
            f"num_filters: {tuple(num_filters)} is not allowed; there must be at most {most} "
            "convolutions, each of which takes the image's margin away"
        )
    return actions.n
