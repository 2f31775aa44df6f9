"""A pendulum to be swung up, as in adversarial cheap talk (arXiv 2211.11030, appendix)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

LARGEST = float(jnp.finfo(jnp.float32).max)


@struct.dataclass
class PendulumState(environment.EnvState):
    """Steps taken, the angle from upright in radians, and its velocity."""

    time: Int[Array, ""]
    angle: Float[Array, ""]
    velocity: Float[Array, ""]


@struct.dataclass
class PendulumParams(environment.EnvParams):
    """Physical constants in SI units; `torque` is the largest that an action can ask for."""

    max_steps_in_episode: int = 200
    gravity: float = 9.8
    mass: float = 1.0
    length: float = 1.0
    torque: float = 1.0
    time_step: float = 0.05


class Pendulum(environment.Environment[PendulumState, PendulumParams]):
    r"""A rod that turns about one end, pushed by a torque too weak to lift it at once.

    With the angle :math:`\theta` from upright and the action :math:`a`, by Euler's method,

    .. math::
        \ddot\theta = \frac{3 g}{2 l} \sin \theta + \frac{3}{m l^2} c \tanh a, \qquad
        r = \frac{\cos \theta' + 1}{2}

    where the reward is that of the angle arrived at. Unlike gymnax's `Pendulum-v1`, actions cost
    nothing, may be any number, and velocities have no limit. Episodes start at any angle, with a
    velocity in [−1, 1], and never terminate.
    """

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "Pendulum-control"

    @property
    def num_actions(self) -> int:
        """One: the torque."""
        return 1

    @property
    def default_params(self) -> PendulumParams:
        """The paper's constants."""
        return PendulumParams()

    def step_env(
        self,
        key: PRNGKeyArray,
        state: PendulumState,
        action: Float[Array, "1"],
        params: PendulumParams,
    ) -> tuple[Float[Array, "3"], PendulumState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Takes one step; draws nothing."""
        torque = params.torque * jnp.tanh(jnp.reshape(action, ()))
        falling = 1.5 * params.gravity / params.length * jnp.sin(state.angle)
        acceleration = falling + 3 / (params.mass * params.length**2) * torque
        state = PendulumState(
            time=state.time + 1,
            angle=state.angle + params.time_step * state.velocity,
            velocity=state.velocity + params.time_step * acceleration,
        )
        reward = (jnp.cos(state.angle) + 1) / 2
        terminated = self.is_terminated(state, params)
        return self.get_obs(state), state, reward, terminated, {"discount": jnp.ones(())}

    def reset_env(
        self, key: PRNGKeyArray, params: PendulumParams
    ) -> tuple[Float[Array, "3"], PendulumState]:
        """Draws an angle in ±π and a velocity in ±1."""
        angle, velocity = jax.random.uniform(key, (2,), minval=-1.0)
        state = PendulumState(
            time=jnp.zeros((), jnp.int32), angle=jnp.pi * angle, velocity=velocity
        )
        return self.get_obs(state), state

    def get_obs(
        self,
        state: PendulumState,
        params: PendulumParams | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "3"]:
        """Cosine and sine of the angle, and the velocity."""
        return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.velocity])

    def is_terminated(self, state: PendulumState, params: PendulumParams) -> Bool[Array, ""]:
        """Never."""
        return jnp.zeros((), bool)

    def action_space(self, params: PendulumParams | None = None) -> spaces.Box:
        """Any number, of which the torque is the tanh."""
        return spaces.Box(-LARGEST, LARGEST, (1,), jnp.float32)

    def observation_space(self, params: PendulumParams | None = None) -> spaces.Box:
        """The unit circle and any velocity."""
        high = jnp.array([1.0, 1.0, LARGEST])
        return spaces.Box(-high, high, (3,), jnp.float32)
