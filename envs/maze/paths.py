"""Shortest paths through a maze, turns among their steps, and what they make of a level."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.envs.gridworld.levels import reachable_cells
from rlsuite.envs.maze.world import FORWARD, LEFT, RIGHT, Maze, Params

UNREACHABLE = jnp.iinfo(jnp.int32).max // 2
"""The number of steps where no path leads to the goal."""

Steps = Int[Array, "4 side side"]
"""A number of steps for every direction and cell."""


def steps_to_goal(world: Maze, level: Params) -> Steps:
    r"""The fewest steps to the goal from every direction and cell, `UNREACHABLE` where none lead.

    A breadth-first search back from the goal over all (direction, cell) at once: with
    :math:`d_0 = \infty`,

    .. math:: d_{k+1}(s) = \min(d_k(s), 1 + \min_a d_k(s_a))

    until nothing changes, where :math:`s_a` is what turning or stepping leads to and the step onto
    the goal counts 1. It takes as many sweeps over the grid as the longest path has steps.
    Jittable, and vmappable over levels.
    """
    shape = (world.side, world.side)
    is_goal = (jnp.arange(world.cells) == level.goal).reshape(shape)
    # The episode ends before the agent stands on the goal.
    free = ~level.walls.reshape(shape) & ~is_goal

    def sweep(carry: tuple[Steps, Bool[Array, ""]]) -> tuple[Steps, Bool[Array, ""]]:
        steps, _ = carry
        nearest = jnp.min(_after_each_action(steps, is_goal), axis=0)
        fewer = jnp.where(free, jnp.minimum(steps, 1 + nearest), UNREACHABLE)
        return fewer, jnp.any(fewer != steps)

    nowhere = jnp.full((4, *shape), UNREACHABLE, jnp.int32)
    steps, _ = jax.lax.while_loop(lambda carry: carry[1], sweep, (nowhere, jnp.array(True)))
    return steps


def shortest_path(world: Maze, level: Params) -> Int[Array, ""]:
    """The fewest steps from the start onto the goal, `UNREACHABLE` if no path leads there."""
    steps = steps_to_goal(world, level).reshape(-1)
    return steps[level.direction * world.cells + level.start]


def best_actions(world: Maze, level: Params) -> Int[Array, "4 side side"]:
    """An action of a shortest path, for every direction and cell.

    Of equal ones it is forward, then left; where no path leads to the goal it says nothing.
    """
    is_goal = (jnp.arange(world.cells) == level.goal).reshape(world.side, world.side)
    after = _after_each_action(steps_to_goal(world, level), is_goal)
    order = jnp.array([FORWARD, LEFT, RIGHT], jnp.int32)
    return order[jnp.argmin(after[order], axis=0)]


def optimal_return(world: Maze, level: Params) -> Float[Array, ""]:
    """The greatest return of an episode: that of a shortest path, or 0 if it is too long."""
    steps, limit = shortest_path(world, level), level.max_steps_in_episode
    return jnp.where(steps <= limit, 1.0 - 0.9 * steps / limit, 0.0)


def is_solvable(world: Maze, level: Params) -> Bool[Array, ""]:
    """Whether a path leads to the goal, however long. Cheaper than its length."""
    reached = reachable_cells(level.walls.reshape(world.side, world.side), level.start)
    return jnp.any(reached.ravel() & (jnp.arange(world.cells) == level.goal))


def _after_each_action(
    steps: Steps, is_goal: Bool[Array, "side side"]
) -> Int[Array, "3 4 side side"]:
    """Steps left after left, right and forward; none after that onto the goal."""
    arrived = jnp.where(is_goal, 0, steps)
    east, south, west, north = arrived
    nowhere = jnp.full((1, arrived.shape[1]), UNREACHABLE, jnp.int32)
    forward = jnp.stack(
        [
            jnp.concatenate([east[:, 1:], nowhere.T], axis=1),
            jnp.concatenate([south[1:], nowhere], axis=0),
            jnp.concatenate([nowhere.T, west[:, :-1]], axis=1),
            jnp.concatenate([nowhere, north[:-1]], axis=0),
        ]
    )
    left, right = jnp.roll(steps, 1, axis=0), jnp.roll(steps, -1, axis=0)
    return jnp.stack([left, right, forward])
