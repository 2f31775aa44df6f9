"""A world of one's own: any environment in gymnax's interface, registered on import."""

from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray


@struct.dataclass
class HarbourState(environment.EnvState):
    """Steps taken, and where the boat is and how fast it drifts."""

    time: Int[Array, ""]
    position: Float[Array, ""]
    velocity: Float[Array, ""]


@struct.dataclass
class HarbourParams(environment.EnvParams):
    """Numbers that `--tasks.NAME VALUE` sets; `current` pushes the boat in each step."""

    max_steps_in_episode: int = 30
    current: float = 0.05


class Harbour(environment.Environment[HarbourState, HarbourParams]):
    r"""A boat that is to be kept at its berth, position 0, against a current :math:`u`.

    .. math:: v' = 0.8 v + 0.2 \tanh a + u, \qquad x' = x + v', \qquad r = -x'^2
    """

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "Harbour-v0"

    @property
    def num_actions(self) -> int:
        """One: the thrust."""
        return 1

    @property
    def default_params(self) -> HarbourParams:
        """A weak current."""
        return HarbourParams()

    def step_env(
        self,
        key: PRNGKeyArray,
        state: HarbourState,
        action: Float[Array, "1"],
        params: HarbourParams,
    ) -> tuple[Float[Array, "2"], HarbourState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Takes one step; draws nothing."""
        velocity = 0.8 * state.velocity + 0.2 * jnp.tanh(action[0]) + params.current
        position = state.position + velocity
        state = HarbourState(time=state.time + 1, position=position, velocity=velocity)
        terminated = self.is_terminated(state, params)
        return self.get_obs(state), state, -(position**2), terminated, {"discount": jnp.ones(())}

    def reset_env(
        self, key: PRNGKeyArray, params: HarbourParams
    ) -> tuple[Float[Array, "2"], HarbourState]:
        """Starts at rest, up to 1 from the berth."""
        position = jax.random.uniform(key, minval=-1.0)
        state = HarbourState(
            time=jnp.zeros((), jnp.int32), position=position, velocity=jnp.zeros(())
        )
        return self.get_obs(state), state

    def get_obs(
        self,
        state: HarbourState,
        params: HarbourParams | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "2"]:
        """Position and velocity."""
        return jnp.stack([state.position, state.velocity])

    def is_terminated(self, state: HarbourState, params: HarbourParams) -> Bool[Array, ""]:
        """Never; `max_steps_in_episode` cuts episodes."""
        return jnp.zeros((), bool)

    def action_space(self, params: HarbourParams | None = None) -> spaces.Box:
        """Any number, of which the thrust is the tanh."""
        return spaces.Box(-jnp.inf, jnp.inf, (1,), jnp.float32)

    def observation_space(self, params: HarbourParams | None = None) -> spaces.Box:
        """Any position and velocity."""
        return spaces.Box(-jnp.inf, jnp.inf, (2,), jnp.float32)


gymnax.register("Harbour-v0", Harbour)
