"""The mountain car with a continuous force, with a wall that stops it."""

from typing import Any

import jax.numpy as jnp
from gymnax.environments.classic_control.continuous_mountain_car import (
    ContinuousMountainCar,
    EnvParams,
    EnvState,
)
from jaxtyping import Array, Bool, Float, PRNGKeyArray


class MountainCarContinuous(ContinuousMountainCar):
    r"""gymnax's `MountainCarContinuous-v0` with the rules of gymnasium's.

    With the position :math:`x`, the velocity :math:`v` and the action :math:`a`,

    .. math::
        v' = \mathrm{clip}(v + p \, \mathrm{clip}(a) - g \cos 3 x), \quad
        x' = \mathrm{clip}(x + v'), \quad
        r = 100 \cdot [\text{terminated}] - a^2 / 10

    and a car that arrives at the left wall loses its velocity: :math:`v' = 0` where :math:`x'` is
    the least position and :math:`v' < 0`. An episode terminates at the goal, or right of it, at the
    goal's velocity or more.

    gymnax 1.0 keeps the velocity at the wall, so that the car sticks there until it has turned
    round, and takes a negative one away right of the goal.
    """

    def step_env(
        self,
        key: PRNGKeyArray,
        state: EnvState,
        action: Float[Array, "*one"],
        params: EnvParams,
    ) -> tuple[Float[Array, "2"], EnvState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Takes one step; draws nothing."""
        action = jnp.reshape(action, ())
        force = params.power * jnp.clip(action, params.min_action, params.max_action)
        velocity = state.velocity + force - params.gravity * jnp.cos(3 * state.position)
        velocity = jnp.clip(velocity, -params.max_speed, params.max_speed)
        position = jnp.clip(state.position + velocity, params.min_position, params.max_position)
        stopped = (position <= params.min_position) & (velocity < 0)
        after = EnvState(
            position=position,
            velocity=jnp.where(stopped, 0.0, velocity),
            time=state.time + 1,
        )
        terminated = self.is_terminated(after, params)
        reward = 100.0 * terminated - 0.1 * jnp.square(action)
        observation, after = self._apply_transition_gradient_policy(self.get_obs(after), after)
        return observation, after, reward, terminated, {"discount": self.discount(after, params)}
