"""What a policy without memory comes to on a level, exactly."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.envs.maze.world import Maze, Params, State, View


class PolicyValue(NamedTuple):
    """The expected undiscounted return of an episode, and the probability that it is solved."""

    expected_return: Float[Array, ""]
    solve_rate: Float[Array, ""]


def every_state(world: Maze) -> State:
    """A state, at time 0, of every direction and cell; each leaf is `[4 * cells]`."""
    direction, position = jnp.divmod(jnp.arange(4 * world.cells, dtype=jnp.int32), world.cells)
    return State(time=jnp.zeros_like(position), position=position, direction=direction)


def every_view(world: Maze, level: Params) -> View:
    """What the agent sees in each of `every_state`, which is all that a policy may go by."""
    return jax.vmap(lambda state: world.get_obs(state, level))(every_state(world))


def policy_value(
    world: Maze, level: Params, probabilities: Float[Array, "state action"]
) -> PolicyValue:
    r"""Evaluates a policy without memory by backward induction over the steps of an episode.

    With :math:`V_T = 0` and the state :math:`s_a` that an action leads to,

    .. math::
        V_t(s) = \sum_a \pi(a|s) \begin{cases}
            1 - 0.9\,(t + 1)/T & \text{if it is onto the goal} \\
            V_{t+1}(s_a) & \text{otherwise}
        \end{cases}

    and the answer is :math:`V_0` of the start; the probability likewise with 1 for the reward. The
    optimal return less it is the exact regret. Jittable, and vmappable over levels. It takes the
    limit of an episode times `4 * cells * actions` operations.

    Args:
        world: The world of the level.
        level: The level.
        probabilities: Of each action in each of `every_state`, however they are chosen.
    """
    after, arrives = _after_each_action(world, level)
    limit = level.max_steps_in_episode

    def step_back(count: Int[Array, ""], values: Float[Array, "2 state"]):
        time = limit - count
        paid = jnp.stack([1.0 - 0.9 * time / limit, jnp.float32(1.0)])
        following = jnp.where(arrives, paid[:, None, None], values[:, after])
        return (probabilities * following).sum(axis=-1)

    nothing = jnp.zeros((2, 4 * world.cells))
    values = jax.lax.fori_loop(0, limit, step_back, nothing)
    return PolicyValue(*values[:, level.direction * world.cells + level.start])


def _after_each_action(
    world: Maze, level: Params
) -> tuple[Int[Array, "state action"], Bool[Array, "state action"]]:
    """Which of `every_state` each action leads to, and whether it is onto the goal."""

    def step(state: State, action: Int[Array, ""]):
        # Steps of this world draw nothing.
        _, after, _, terminated, _ = world.step_env(jax.random.key(0), state, action, level)
        return after.direction * world.cells + after.position, terminated

    actions = jnp.arange(world.num_actions)
    return jax.vmap(jax.vmap(step, (None, 0)), (0, None))(every_state(world), actions)
