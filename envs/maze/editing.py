"""Edits that make a level into a slightly different one."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from rlsuite.envs.gridworld.chance import below, draw_free_cells
from rlsuite.envs.maze.world import Maze, Params

Editor = Callable[[PRNGKeyArray, Params], Params]
"""`(key, level) -> level`. Jittable and vmappable; good levels stay good."""

WALL, EMPTY, AGENT, GOAL = range(4)
"""What an edit of a cell puts there."""

NOTHING, FLIP, MOVE_GOAL = range(3)
"""What a mutation does."""

ABSENT = -1


def edit_cells(world: Maze, num_edits: int = 5) -> Editor:
    """ACCEL's edits (Parker-Holder et al., arXiv 2203.01302): random cells get random contents.

    Of `num_edits` cells, drawn with replacement and repeats dropped, each becomes a wall, empty,
    the agent's or the goal's, one after the other and all as likely. Agent or goal that lost its
    cell to something else is put on a random free one, and an agent that moved looks anywhere. In
    the rare case that there is no free one, the level stays as it was.

    Args:
        world: The world of the levels.
        num_edits: Cells that are drawn.

    Raises:
        ValueError: If `num_edits` is negative.
    """
    _check_number(num_edits)

    def edit(key: PRNGKeyArray, level: Params) -> Params:
        uniforms = jax.random.uniform(key, (3 + 2 * num_edits,))
        turn, places, cells, kinds = jnp.split(uniforms, [1, 3, 3 + num_edits])
        cells, kinds = below(cells, world.cells), below(kinds, 4)
        again = jnp.any(jnp.tril(cells[:, None] == cells, -1), axis=-1)

        def put(carry, drawn):
            walls, start, goal = carry
            cell, kind = drawn
            walls = walls.at[cell].set(kind == WALL, mode="drop")
            start = _put(start, cell, kind == AGENT)
            return (walls, start, _put(goal, cell, kind == GOAL)), None

        # A cell that was drawn before is put off the grid, where nothing stands or is written.
        drawn = jnp.where(again, world.cells, cells), jnp.where(again, EMPTY, kinds)
        carry, _ = jax.lax.scan(put, (level.walls, level.start, level.goal), drawn)
        walls, start, goal = carry
        cell = jnp.arange(world.cells)
        free = ~walls & (cell != start) & (cell != goal)
        lost = jnp.stack([start, goal]) == ABSENT
        found, placed = draw_free_cells(places, free, lost)
        start, goal = jnp.where(lost, found, jnp.stack([start, goal]))
        edited = level.replace(
            walls=walls,
            start=start,
            goal=goal,
            direction=jnp.where(start == level.start, level.direction, below(turn[0], 4)),
        )
        return _choose(jnp.all(placed == lost), edited, level)

    return edit


def mutate(world: Maze, num_edits: int = 20) -> Editor:
    """The mutations of minimax (Jiang et al., arXiv 2311.12716), which leave the agent alone.

    One after the other, `num_edits` times and all as likely: nothing; the wall of a random cell
    that is neither agent's nor goal's is put up or taken away; the goal moves to another free cell,
    if there is one.

    Args:
        world: The world of the levels.
        num_edits: Mutations of a level; JaxUED makes 5.

    Raises:
        ValueError: If `num_edits` is negative.
    """
    _check_number(num_edits)
    cell = jnp.arange(world.cells)

    def mutate_once(level, uniforms):
        kind, place = below(uniforms[0], 3), uniforms[1:]
        held = (cell == level.start) | (cell == level.goal)
        free = ~held & ~level.walls
        # One search serves both: what to flip among all that are not held, or where to go.
        choices = jnp.where(kind == FLIP, ~held, free)
        chosen, taken = draw_free_cells(place, choices, (kind != NOTHING)[None])
        flipped = (cell == chosen) & taken & (kind == FLIP)
        moved = taken[0] & (kind == MOVE_GOAL)
        goal = jnp.where(moved, chosen[0], level.goal)
        return level.replace(walls=level.walls ^ flipped, goal=goal), None

    def mutate_all(key: PRNGKeyArray, level: Params) -> Params:
        return jax.lax.scan(mutate_once, level, jax.random.uniform(key, (num_edits, 2)))[0]

    return mutate_all


def _put(place: Int[Array, ""], cell: Int[Array, ""], here: Bool[Array, ""]) -> Int[Array, ""]:
    """Where something stands once a cell has got new contents."""
    return jnp.where(here, cell, jnp.where(place == cell, ABSENT, place))


def _choose(condition: Bool[Array, ""], first: Params, second: Params) -> Params:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), first, second)


def _check_number(num_edits: int) -> None:
    if num_edits < 0:
        raise ValueError(f"num_edits: {num_edits} is not allowed; it must be at least 0")
