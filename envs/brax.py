"""Brax's tasks behind gymnax's interface; needs the optional extra `brax`."""

from importlib.util import find_spec
from typing import Any

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

SUFFIX = "-brax"
TASKS = (
    "ant",
    "halfcheetah",
    "hopper",
    "humanoid",
    "humanoidstandup",
    "inverted_double_pendulum",
    "inverted_pendulum",
    "pusher",
    "reacher",
    "swimmer",
    "walker2d",
)
BRAX_WORLDS = tuple(task + SUFFIX for task in TASKS)
"""The names of all worlds that `make_brax_world` makes."""

_LARGEST = float(jnp.finfo(jnp.float32).max)


def has_brax() -> bool:
    """Whether brax is installed."""
    return find_spec("brax") is not None


@struct.dataclass
class BraxState(environment.EnvState):
    """Steps taken, and brax's own state."""

    time: Int[Array, ""]
    brax: Any


@struct.dataclass
class BraxParams(environment.EnvParams):
    """Brax's usual time limit; its physics are not parameters."""

    max_steps_in_episode: int = 1000


class BraxWorld(environment.Environment[BraxState, BraxParams]):
    """A task of brax: its observations, rewards and terminations, with gymnax's time limit.

    Actions are bounded by ±1, to which they are clipped.

    Args:
        task: One of `TASKS`.
    """

    def __init__(self, task: str):
        from brax import envs as brax_envs

        self.task = task
        self.within = brax_envs.get_environment(task)

    @property
    def name(self) -> str:
        """The task's name with the suffix that marks brax's worlds."""
        return self.task + SUFFIX

    @property
    def num_actions(self) -> int:
        """Numbers in an action."""
        return self.within.action_size

    @property
    def default_params(self) -> BraxParams:
        """A limit of 1000 steps."""
        return BraxParams()

    def step_env(
        self,
        key: PRNGKeyArray,
        state: BraxState,
        action: Float[Array, " action"],
        params: BraxParams,
    ) -> tuple[Array, BraxState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the task, which draws nothing at random."""
        within = self.within.step(state.brax, jnp.clip(action, -1, 1))
        state = BraxState(state.time + 1, within)
        return within.obs, state, within.reward, within.done > 0, {}

    def reset_env(self, key: PRNGKeyArray, params: BraxParams) -> tuple[Array, BraxState]:
        """Starts an episode."""
        within = self.within.reset(key)
        return within.obs, BraxState(jnp.zeros((), jnp.int32), within)

    def get_obs(
        self, state: BraxState, params: BraxParams | None = None, key: PRNGKeyArray | None = None
    ) -> Array:
        """What brax observes of the state."""
        return state.brax.obs

    def is_terminated(self, state: BraxState, params: BraxParams) -> Bool[Array, ""]:
        """Whether the state is terminal."""
        return state.brax.done > 0

    def action_space(self, params: BraxParams | None = None) -> spaces.Box:
        """Numbers between −1 and 1."""
        return spaces.Box(-1, 1, (self.within.action_size,), jnp.float32)

    def observation_space(self, params: BraxParams | None = None) -> spaces.Box:
        """Any numbers."""
        return spaces.Box(-_LARGEST, _LARGEST, (self.within.observation_size,), jnp.float32)


def make_brax_world(name: str) -> BraxWorld:
    """A world by its name, one of `BRAX_WORLDS`.

    Raises:
      ModuleNotFoundError: if brax is not installed.
    """
    return BraxWorld(name.removesuffix(SUFFIX))
