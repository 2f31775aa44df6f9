"""Worlds with a goal that the agent is not told of, for test-time attacks (arXiv 2211.11030)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from rlsuite.envs.control.reacher import draw_goal, tip
from rlsuite.envs.wrapper import StateWrapper, WrappedState


class GoalForm(NamedTuple):
    """What goals a world has, and what is paid for them.

    Attributes:
        draw: `(key, params) -> goal`, a vector.
        show: `(goal, score) -> shown`, what a messenger reads of the goal and of the score so far.
        reward: `(state, goal, score, reward) -> goal's reward`: for the state arrived at, the
            score before and the world's own reward.
        reached: `(state, score) -> value`, what the goal asks to be somewhere, as a vector of the
            goal's shape; `score` is that of the same state.
    """

    draw: Callable[[PRNGKeyArray, Any], Float[Array, " goal"]]
    show: Callable[[Float[Array, " goal"], Float[Array, ""]], Float[Array, " shown"]]
    reward: Callable[..., Float[Array, ""]]
    reached: Callable[[Any, Float[Array, ""]], Float[Array, " goal"]]


@struct.dataclass
class GoalState(WrappedState):
    """The state of the world within, the goal of the episode, and its own rewards so far."""

    world: Any
    goal: Float[Array, " goal"]
    score: Float[Array, ""]


class GoalWorld(StateWrapper):
    """A world that pays for reaching a hidden goal, drawn anew for each episode.

    Observations, dynamics and endings are those of the world within, whose parameters it has.
    `info["reward"]` is the reward of the world within.

    Args:
        world: The world within.
        form: Its goals.
    """

    def __init__(self, world: environment.Environment, form: GoalForm):
        super().__init__(world)
        self.form = form

    @property
    def name(self) -> str:
        """That of the world within, and that there is a goal in it."""
        return f"Goal({self.world.name})"

    def goal(self, state: GoalState) -> Float[Array, " shown"]:
        """What a messenger reads of the goal; the agent never sees it."""
        return self.form.show(state.goal, state.score)

    def reached(self, state: GoalState) -> Float[Array, " goal"]:
        """What the goal asks to be somewhere: the place, direction or score of this state."""
        return self.form.reached(state.world, state.score)

    def step_env(
        self, key: PRNGKeyArray, state: GoalState, action: ArrayLike, params: Any
    ) -> tuple[Array, GoalState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, paid by the goal."""
        observation, within, reward, terminated, info = self.world.step_env(
            key, state.world, action, params
        )
        reward = jnp.asarray(reward, jnp.float32)
        after = GoalState(within, state.goal, state.score + reward)
        info = {**info, "reward": reward}
        reward = self.form.reward(within, state.goal, state.score, reward)
        return observation, after, reward, terminated, info

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[Array, GoalState]:
        """Starts an episode of the world within, with a goal."""
        world_key, goal_key = jax.random.split(key)
        observation, within = self.world.reset_env(world_key, params)
        goal = self.form.draw(goal_key, params)
        return observation, GoalState(within, goal, jnp.zeros(()))


def goal_form(world: environment.Environment) -> GoalForm:
    """The goals of a world.

    Raises:
        ValueError: If the world has none.
    """
    if world.name not in GOAL_FORMS:
        raise ValueError(
            f"world: {world.name} is not allowed; goals are known for {', '.join(GOAL_FORMS)}"
        )
    return GOAL_FORMS[world.name]


def _proximity(position: Float[Array, " axis"], goal: Float[Array, " axis"]) -> Float[Array, ""]:
    return jnp.exp(-jnp.sum(jnp.square(position - goal)))


def _place(draw: Callable, locate: Callable) -> GoalForm:
    """To be at a place, paid by `exp(-distance²)`."""
    return GoalForm(
        draw=draw,
        show=lambda goal, score: goal,
        reward=lambda state, goal, score, reward: _proximity(locate(state), goal),
        reached=lambda state, score: locate(state),
    )


def _draw_position(key, params):
    return params.x_threshold * jax.random.uniform(key, (1,), minval=-1.0)


def _direction(angle: Float[Array, ""]) -> Float[Array, "2"]:
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)])


def _draw_direction(key, params):
    del params
    return _direction(jax.random.uniform(key, (), maxval=2 * jnp.pi))


def _score_reward(state, goal, score, reward):
    """The world's own reward while its score is at or below the goal, minus that beyond."""
    del state
    return jnp.where(score <= goal[0], reward, -reward)


LARGEST_SCORE = 50.0

GOAL_FORMS: dict[str, GoalForm] = {
    "CartPole-v1": _place(_draw_position, lambda state: state.x[None]),
    "Pendulum-control": GoalForm(
        draw=_draw_direction,
        show=lambda goal, score: goal,
        # (cos(angle − goal) + 1) / 2, as the world itself pays for being upright.
        reward=lambda state, goal, score, reward: (_direction(state.angle) @ goal + 1) / 2,
        reached=lambda state, score: _direction(state.angle),
    ),
    "Reacher-control": _place(lambda key, params: draw_goal(key), tip),
    "Breakout-MinAtar": GoalForm(
        draw=lambda key, params: jax.random.uniform(key, (1,), maxval=LARGEST_SCORE),
        show=lambda goal, score: jnp.append(goal, score),
        reward=_score_reward,
        reached=lambda state, score: score[None],
    ),
}
"""Goals by the name of the world: the cart at a position, the pendulum in a direction (as a unit
vector), the reacher's tip at a point other than the one shown, a score and then no more."""
