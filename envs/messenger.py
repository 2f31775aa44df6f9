"""A world of goals as a messenger sees it, who talks to an agent that acts (arXiv 2211.11030)."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray, PyTree

from rlsuite.envs.cheap_talk import append_message
from rlsuite.envs.goals import GoalState, GoalWorld

LARGEST = float(jnp.finfo(jnp.float32).max)

Act = Callable[[PyTree, Float[Array, " observed"]], Array]
"""What the agent does, `(agent, observation and message) -> action`."""


@struct.dataclass
class MessengerParams:
    """Parameters of the world within, and the agent that acts in it, which does not change."""

    world: Any
    agent: Any

    @property
    def max_steps_in_episode(self) -> Num[ArrayLike, ""]:
        """The time limit of the world within."""
        return self.world.max_steps_in_episode


class MessengerWorld(environment.Environment):
    r"""A world of goals whose actions are messages to an agent that acts (section 4.2).

    An action :math:`a` sends the message :math:`c \tanh a`, bounded by the scale :math:`c` as a
    channel's are. The agent hears it after its observation of the current state, and acts. The
    messenger observes the same state and the goal, and is paid by the goal.

    Args:
        world: The world of goals.
        act: What the agent does.
        message_size: Numbers in a message.
        scale: The bound of messages.
    """

    def __init__(self, world: GoalWorld, act: Act, *, message_size: int, scale: float):
        self.world = world
        self.act = act
        self.message_size = message_size
        self.scale = scale

    @property
    def name(self) -> str:
        """That of the world within, and that there is a messenger in it."""
        return f"Messenger({self.world.name})"

    @property
    def num_actions(self) -> int:
        """The size of a message."""
        return self.message_size

    @property
    def default_params(self) -> MessengerParams:
        """Those of the world within, without an agent: enough to start an episode."""
        return MessengerParams(self.world.default_params, None)

    def step_env(
        self,
        key: PRNGKeyArray,
        state: GoalState,
        action: Float[Array, " message"],
        params: MessengerParams,
    ) -> tuple[Array, GoalState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Sends a message to the agent, which takes one step."""
        message = self.scale * jnp.tanh(action)
        observe_key, step_key = jax.random.split(key)
        observation = self.world.observe(observe_key, state, None, params.world)
        action = self.act(params.agent, append_message(observation, message))
        observation, state, reward, terminated, info = self.world.step_env(
            step_key, state, action, params.world
        )
        observation = append_message(observation, self.world.goal(state))
        return observation, state, reward, terminated, info

    def reset_env(
        self, key: PRNGKeyArray, params: MessengerParams
    ) -> tuple[Float[Array, " observed"], GoalState]:
        """Starts an episode with a goal."""
        observation, state = self.world.reset_env(key, params.world)
        return append_message(observation, self.world.goal(state)), state

    def get_obs(
        self, state: GoalState, params: MessengerParams, key: PRNGKeyArray | None = None
    ) -> Float[Array, " observed"]:
        """The observation of the world within, flattened, and what can be read of the goal."""
        observation = self.world.observe(key, state, None, params.world)
        return append_message(observation, self.world.goal(state))

    def is_truncated(self, state: GoalState, params: MessengerParams) -> Bool[Array, ""]:
        """Whether the time limit of the world within is reached."""
        return self.world.is_truncated(state, params.world)

    def is_terminated(self, state: GoalState, params: MessengerParams) -> Bool[Array, ""]:
        """Whether the state is terminal in the world within."""
        return self.world.is_terminated(state, params.world)

    def action_space(self, params: MessengerParams | None = None) -> spaces.Box:
        """Any numbers, of whose tanh the message is made."""
        return spaces.Box(-LARGEST, LARGEST, (self.message_size,), jnp.float32)

    def observation_space(self, params: MessengerParams | None = None) -> spaces.Box:
        """Any numbers, as many as an observation and a goal have."""
        params = self.default_params if params is None else params
        observation, _ = jax.eval_shape(self.reset_env, jax.random.key(0), params)
        return spaces.Box(-LARGEST, LARGEST, (math.prod(observation.shape),), jnp.float32)
