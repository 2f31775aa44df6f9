"""An arm that reaches for a goal, as in adversarial cheap talk (arXiv 2211.11030, appendix)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

NUM_JOINTS = 2
LARGEST = float(jnp.finfo(jnp.float32).max)


@struct.dataclass
class ReacherState(environment.EnvState):
    """Steps taken, the direction of each link in radians, its velocity, and the goal shown."""

    time: Int[Array, ""]
    angles: Float[Array, "2"]
    velocities: Float[Array, "2"]
    goal: Float[Array, "2"]


@struct.dataclass
class ReacherParams(environment.EnvParams):
    """Physical constants; reaching within `radius` of the goal ends the episode."""

    max_steps_in_episode: int = 200
    torque: float = 1.0
    time_step: float = 0.1
    damping: float = 0.9
    radius: float = 0.3


class Reacher(environment.Environment[ReacherState, ReacherParams]):
    r"""Two links of length 1, each turned by a torque of its own.

    With the links' directions :math:`\theta` and velocities :math:`\omega`, the goal :math:`g` and
    the action :math:`a`, by Euler's method,

    .. math::
        \theta' = \theta + \omega \, dt, \qquad
        \omega' = d \, \omega + c \tanh(a) \, dt, \qquad
        r = -\|x(\theta') - g\|^2 - \|\tanh a\|^2

    where the tip :math:`x` is the sum of both links. The episode terminates within 0.3 of the goal.
    It starts at rest with links in any direction, and a goal uniform in the disc that the arm
    reaches.
    """

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "Reacher-control"

    @property
    def num_actions(self) -> int:
        """Two: the torques."""
        return NUM_JOINTS

    @property
    def default_params(self) -> ReacherParams:
        """The paper's constants."""
        return ReacherParams()

    def step_env(
        self,
        key: PRNGKeyArray,
        state: ReacherState,
        action: Float[Array, "2"],
        params: ReacherParams,
    ) -> tuple[Float[Array, "10"], ReacherState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Takes one step; draws nothing."""
        push = jnp.tanh(action)
        state = state.replace(
            time=state.time + 1,
            angles=state.angles + params.time_step * state.velocities,
            velocities=params.damping * state.velocities + params.time_step * params.torque * push,
        )
        distance = jnp.sum(jnp.square(tip(state) - state.goal))
        reward = -distance - jnp.sum(jnp.square(push))
        terminated = self.is_terminated(state, params)
        info = {"discount": 1.0 - terminated}
        return self.get_obs(state), state, reward, terminated, info

    def reset_env(
        self, key: PRNGKeyArray, params: ReacherParams
    ) -> tuple[Float[Array, "10"], ReacherState]:
        """Draws the directions of the links and the goal."""
        angle_key, goal_key = jax.random.split(key)
        state = ReacherState(
            time=jnp.zeros((), jnp.int32),
            angles=jnp.pi * jax.random.uniform(angle_key, (NUM_JOINTS,), minval=-1.0),
            velocities=jnp.zeros(NUM_JOINTS),
            goal=draw_goal(goal_key),
        )
        return self.get_obs(state), state

    def get_obs(
        self,
        state: ReacherState,
        params: ReacherParams | None = None,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, "10"]:
        """Cosines, sines and velocities of the links, the goal, and the way from tip to goal."""
        return jnp.concatenate(
            [
                jnp.cos(state.angles),
                jnp.sin(state.angles),
                state.velocities,
                state.goal,
                state.goal - tip(state),
            ]
        )

    def is_terminated(self, state: ReacherState, params: ReacherParams) -> Bool[Array, ""]:
        """Whether the tip is within the radius of the goal."""
        return jnp.sum(jnp.square(tip(state) - state.goal)) < params.radius**2

    def action_space(self, params: ReacherParams | None = None) -> spaces.Box:
        """Any two numbers, of which the torques are the tanh."""
        return spaces.Box(-LARGEST, LARGEST, (NUM_JOINTS,), jnp.float32)

    def observation_space(self, params: ReacherParams | None = None) -> spaces.Box:
        """Unit circles, any velocities, and points of the disc and their differences."""
        reach = float(NUM_JOINTS)
        high = jnp.array([1.0] * 4 + [LARGEST] * 2 + [reach] * 2 + [2 * reach] * 2)
        return spaces.Box(-high, high, (10,), jnp.float32)


def tip(state: ReacherState) -> Float[Array, "2"]:
    """Where the arm ends: the sum of its links, of length 1 each."""
    return jnp.stack([jnp.cos(state.angles).sum(), jnp.sin(state.angles).sum()])


def draw_goal(key: PRNGKeyArray) -> Float[Array, "2"]:
    """A point uniform in the disc that the arm reaches."""
    square, turn = jax.random.uniform(key, (2,))
    angle = 2 * jnp.pi * turn
    return NUM_JOINTS * jnp.sqrt(square) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
