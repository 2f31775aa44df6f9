"""A world whose observations are vectors, whatever they are in the world within."""

from typing import Any

from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree, Shaped

from rlsuite.envs.flattening import flatten, flatten_space
from rlsuite.envs.wrapper import Wrapper


class FlatWorld(Wrapper):
    """A world with its observations flattened, numbers of states as one-hot vectors.

    It is a world of cheap talk without the talk. All else is the world within, drawn from the same
    keys.

    Args:
        world: Any gymnax world whose observations `flatten` takes.
    """

    def __init__(self, world: environment.Environment):
        flatten_space(world.observation_space(world.default_params))
        super().__init__(world)

    @property
    def name(self) -> str:
        """That of the world within, and that it is flat."""
        return f"Flat({self.world.name})"

    def step(
        self, key: PRNGKeyArray, state: Any, action: ArrayLike, params: Any = None
    ) -> tuple[Array, Any, Shaped[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, which resets itself in its own way."""
        observation, *rest, info = self.world.step(key, state, action, params)
        info = {**info, "final_observation": self._flat(info["final_observation"])}
        return self._flat(observation), *rest, info

    def reset(self, key: PRNGKeyArray, params: Any = None) -> tuple[Float[Array, " number"], Any]:
        """Starts an episode of the world within."""
        observation, state = self.world.reset(key, params)
        return self._flat(observation), state

    def step_env(
        self, key: PRNGKeyArray, state: Any, action: ArrayLike, params: Any
    ) -> tuple[Array, Any, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, without automatic reset."""
        observation, *rest = self.world.step_env(key, state, action, params)
        return self._flat(observation), *rest

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[Float[Array, " number"], Any]:
        """Starts an episode of the world within."""
        observation, state = self.world.reset_env(key, params)
        return self._flat(observation), state

    def get_obs(
        self, state: Any, params: Any = None, key: PRNGKeyArray | None = None
    ) -> Float[Array, " number"]:
        """The observation of a state, flattened."""
        return self._flat(self.world.observe(key, state, None, params))

    def action_space(self, params: Any = None) -> spaces.Space:
        """The actions of the world within."""
        return self.world.action_space(self._known(params))

    def observation_space(self, params: Any = None) -> spaces.Box:
        """The observations of the world within, flattened."""
        return flatten_space(self.world.observation_space(self._known(params)))

    def state_space(self, params: Any = None) -> spaces.Space:
        """The states of the world within."""
        return self.world.state_space(self._known(params))

    def _flat(self, observation: PyTree) -> Float[Array, " number"]:
        return flatten(self.world.observation_space(self.world.default_params), observation)

    def _known(self, params: Any) -> Any:
        return self.world.default_params if params is None else params
