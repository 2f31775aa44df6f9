"""Worlds around worlds: all that such a world doesn't change is as it is within."""

from typing import Any

from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree, Shaped


class Wrapper(environment.Environment):
    """A world with another one within, by whose states and parameters it lives.

    One whose states or parameters hold more than those of the world within says where these are, by
    `within` and `level_of`. It has no `state_space`: one that changes the state would have to say
    so.

    Args:
        world: The world within.
    """

    def __init__(self, world: environment.Environment):
        self.world = world

    def within(self, state: Any) -> Any:
        """The state of the world within."""
        return state

    def level_of(self, params: Any) -> Any:
        """The parameters of the world within."""
        return params

    @property
    def name(self) -> str:
        """That of the world within, in brackets."""
        return f"{type(self).__name__}({self.world.name})"

    @property
    def num_actions(self) -> int:
        """Those of the world within."""
        return self.world.num_actions

    @property
    def default_params(self) -> Any:
        """Those of the world within."""
        return self.world.default_params

    def step_env(
        self, key: PRNGKeyArray, state: Any, action: ArrayLike, params: Any
    ) -> tuple[PyTree, Any, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, without automatic reset."""
        return self.world.step_env(key, state, action, params)

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[PyTree, Any]:
        """Starts an episode of the world within."""
        return self.world.reset_env(key, params)

    def get_obs(self, state: Any, params: Any = None, key: PRNGKeyArray | None = None) -> PyTree:
        """The observation of the world within."""
        return self.world.observe(key, self.within(state), None, self.level_of(params))

    def is_truncated(self, state: Any, params: Any) -> Bool[Array, ""]:
        """Whether the time limit of the world within is reached."""
        return self.world.is_truncated(self.within(state), self.level_of(params))

    def is_terminated(self, state: Any, params: Any) -> Bool[Array, ""]:
        """Whether the state is terminal in the world within."""
        return self.world.is_terminated(self.within(state), self.level_of(params))

    def action_space(self, params: Any = None) -> spaces.Space:
        """The actions of the world within."""
        return self.world.action_space(self.level_of(params))

    def observation_space(self, params: Any = None) -> spaces.Space:
        """The observations of the world within."""
        return self.world.observation_space(self.level_of(params))


class StateWrapper(Wrapper):
    """A wrapper whose states have that of the world within as `world`, and more beside it."""

    def within(self, state: Any) -> Any:
        """The state of the world within."""
        return state.world


class WrappedState:
    """What every state of a `StateWrapper` has."""

    world: Any

    @property
    def time(self) -> Int[Array, ""]:
        """Steps taken."""
        return self.world.time
