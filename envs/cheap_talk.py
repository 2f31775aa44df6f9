"""Cheap talk: a world to whose observations a channel appends messages (arXiv 2211.11030)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray, PyTree, Shaped

from rlsuite.envs.flattening import can_flatten, flatten, flatten_space

Speak = Callable[[PyTree, PyTree], Float[Array, " message"]]
"""What a channel says of an observation: `(weights, observation) -> message`, not yet bounded."""


@struct.dataclass
class CheapTalkParams:
    """Parameters of the world within, and the weights of the channel."""

    world: Any
    weights: Any

    @property
    def max_steps_in_episode(self) -> Num[ArrayLike, ""]:
        """The time limit of the world within."""
        return self.world.max_steps_in_episode


class CheapTalk(environment.Environment):
    r"""A world in which a channel speaks (arXiv 2211.11030, section 3).

    Each observation :math:`o(s)`, flattened (numbers of states as one-hot vectors), is followed by
    the message

    .. math:: m = c \tanh(f_w(o(s)))

    where :math:`c` is the scale, and :math:`f_w` the channel with weights :math:`w`. States,
    rewards and endings are those of the world within, drawn from the same keys. The weights are
    parameters of the world, so that channels can be vmapped over as levels are.

    Args:
        world: Any gymnax world whose observations are arrays, numbers of states or several of
            these.
        speak: The channel :math:`f`.
        weights: Weights of the shapes that the channel takes; the default parameters hold zeros.
        scale: The bound of messages, at least 0; by 0 every message is zero.

    Raises:
        ValueError: If the scale is negative, messages are no vectors of at least one number, or
            observations none of those.
    """

    def __init__(
        self, world: environment.Environment, speak: Speak, weights: PyTree, *, scale: float
    ):
        if not scale >= 0:
            raise ValueError(f"scale: {scale} is not allowed; it must be at least 0")
        self.world = world
        self.speak = speak
        self.scale = scale
        self._zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), weights)
        space = world.observation_space(world.default_params)
        if not can_flatten(space):
            raise ValueError(
                f"world: {world.name} is not allowed; its observations must be arrays of numbers, "
                "numbers of states or several of these"
            )
        observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)
        message = jax.eval_shape(speak, self._zeros, observation)
        if message.ndim != 1 or message.size < 1:
            raise ValueError(
                f"message_size: {message.shape} is not allowed; it must be at least 1, on one axis"
            )
        self.message_size = message.size

    @property
    def name(self) -> str:
        """That of the world within, and that there is talk in it."""
        return f"CheapTalk({self.world.name})"

    @property
    def num_actions(self) -> int:
        """Those of the world within."""
        return self.world.num_actions

    @property
    def default_params(self) -> CheapTalkParams:
        """Those of the world within, and weights of zero."""
        return CheapTalkParams(self.world.default_params, self._zeros)

    def message(self, weights: PyTree, observation: PyTree) -> Float[Array, " message"]:
        """The bounded message that goes with an observation of the world within."""
        return self.scale * jnp.tanh(self.speak(weights, observation))

    def step(
        self,
        key: PRNGKeyArray,
        state: Any,
        action: ArrayLike,
        params: CheapTalkParams | None = None,
    ) -> tuple[Array, Any, Shaped[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, which resets itself in its own way."""
        params = self.default_params if params is None else params
        observation, state, reward, terminated, truncated, info = self.world.step(
            key, state, action, params.world
        )
        both = jax.tree.map(
            lambda *leaves: jnp.stack(leaves), observation, info["final_observation"]
        )
        observation, final = jax.vmap(self._observed, (None, 0))(params.weights, both)
        info = {**info, "final_observation": final}
        return observation, state, reward, terminated, truncated, info

    def reset(
        self, key: PRNGKeyArray, params: CheapTalkParams | None = None
    ) -> tuple[Float[Array, " observed"], Any]:
        """Starts an episode of the world within."""
        params = self.default_params if params is None else params
        observation, state = self.world.reset(key, params.world)
        return self._observed(params.weights, observation), state

    def step_env(
        self, key: PRNGKeyArray, state: Any, action: ArrayLike, params: CheapTalkParams
    ) -> tuple[Array, Any, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, without automatic reset."""
        observation, *rest = self.world.step_env(key, state, action, params.world)
        return self._observed(params.weights, observation), *rest

    def reset_env(
        self, key: PRNGKeyArray, params: CheapTalkParams
    ) -> tuple[Float[Array, " observed"], Any]:
        """Starts an episode of the world within."""
        observation, state = self.world.reset_env(key, params.world)
        return self._observed(params.weights, observation), state

    def get_obs(
        self, state: Any, params: CheapTalkParams, key: PRNGKeyArray | None = None
    ) -> Float[Array, " observed"]:
        """The observation of a state, and the message that goes with it."""
        # Newer worlds have `observe` alone; it is `get_obs` in all others.
        observation = self.world.observe(key, state, None, params.world)
        return self._observed(params.weights, observation)

    def is_truncated(self, state: Any, params: CheapTalkParams) -> Bool[Array, ""]:
        """Whether the time limit of the world within is reached."""
        return self.world.is_truncated(state, params.world)

    def is_terminated(self, state: Any, params: CheapTalkParams) -> Bool[Array, ""]:
        """Whether the state is terminal in the world within."""
        return self.world.is_terminated(state, params.world)

    def action_space(self, params: CheapTalkParams | None = None) -> spaces.Space:
        """The actions of the world within."""
        return self.world.action_space(self._inner(params))

    def observation_space(self, params: CheapTalkParams | None = None) -> spaces.Box:
        """The observations of the world within, flattened, and messages up to the scale."""
        space = flatten_space(self.world.observation_space(self._inner(params)))
        bound = jnp.full(self.message_size, self.scale, jnp.float32)
        low, high = jnp.append(space.low, -bound), jnp.append(space.high, bound)
        return spaces.Box(low, high, low.shape, jnp.float32)

    def state_space(self, params: CheapTalkParams | None = None) -> spaces.Space:
        """The states of the world within."""
        return self.world.state_space(self._inner(params))

    def _observed(self, weights, observation):
        space = self.world.observation_space(self.world.default_params)
        return append_message(flatten(space, observation), self.message(weights, observation))

    def _inner(self, params):
        return self.world.default_params if params is None else params.world


def append_message(
    observation: Float[Array, "*observation"], message: Float[Array, " message"]
) -> Float[Array, " observed"]:
    """What an agent observes: the world's observation, flattened, and then the message."""
    return jnp.concatenate([jnp.asarray(observation, jnp.float32).reshape(-1), message])
