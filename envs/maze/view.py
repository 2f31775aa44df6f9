"""What an agent sees of a maze, by few look-ups: a line of walls is a number, a bit for each cell.

A CPU looks a wall up in about six nanoseconds, and a window has 25 of them; what lies between two
bits of a number is had by shifting it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

EAST, SOUTH, WEST, NORTH = range(4)
"""Directions, clockwise."""

WORD = 31
"""Bits of a number that are used; the sign is not."""


def seen_walls(
    walls: Bool[Array, " cells"],
    side: int,
    view: int,
    position: Int[Array, ""],
    direction: Int[Array, ""],
) -> Bool[Array, "view view"]:
    """Where there are walls in the window, in which ahead is up; outside the grid there are.

    Args:
        walls: Of each cell, row by row.
        side: Side of the grid.
        view: Side of the window, at most `WORD`.
        position: The agent's cell, shown in the middle of the window's last row.
        direction: Where it looks.
    """
    reach, (row, column) = view - 1, jnp.divmod(position, side)
    along_rows = (direction == EAST) | (direction == WEST)
    growing = (direction == EAST) | (direction == SOUTH)
    # Rows of the window are columns of the grid where the agent looks along rows.
    down, across = jnp.where(along_rows, column, row), jnp.where(along_rows, row, column)
    rows, columns = _lines(jnp.pad(walls.reshape(side, side), reach, constant_values=True), view)
    lines = jnp.where(along_rows, columns, rows)
    word, shift = jnp.divmod(across + reach - view // 2, _stride(view))
    first = down + jnp.where(growing, reach, 0)
    window = jax.lax.dynamic_slice(lines, (first, word), (view, 1)) >> shift
    window = jnp.where(growing, window[::-1], window)
    place = jnp.arange(view)
    to_the_right = (direction == EAST) | (direction == NORTH)
    bit = jnp.where(to_the_right, place, view - 1 - place)
    return (window >> bit & 1).astype(bool)


def seen_goal(
    goal: Int[Array, ""],
    side: int,
    view: int,
    position: Int[Array, ""],
    direction: Int[Array, ""],
) -> Bool[Array, "view view"]:
    """Where the goal is in the window, if it is there; as `seen_walls` takes them."""
    (row, column), (goal_row, goal_column) = jnp.divmod(position, side), jnp.divmod(goal, side)
    row_step, column_step = step_ahead(direction)
    down, along = goal_row - row, goal_column - column
    # To the right of a step (r, c) lies (c, -r).
    away = down * row_step + along * column_step
    beside = down * column_step - along * row_step
    place = jnp.arange(view)
    return (place[:, None] == view - 1 - away) & (place == beside + view // 2)


def step_ahead(direction: Int[Array, ""]) -> tuple[Int[Array, ""], Int[Array, ""]]:
    """Rows and columns of a step forward."""
    row_step = jnp.int32(direction == SOUTH) - jnp.int32(direction == NORTH)
    column_step = jnp.int32(direction == EAST) - jnp.int32(direction == WEST)
    return row_step, column_step


def _stride(view: int) -> int:
    """Cells from one word of a line to the next, so that every window lies in a single word."""
    return WORD + 1 - view


def _lines(
    walls: Bool[Array, "side side"], view: int
) -> tuple[Int[Array, "side word"], Int[Array, "side word"]]:
    """Rows, and columns, of a grid as words; each begins a stride further, and most overlap."""
    side, stride = len(walls), _stride(view)
    shift = np.arange(side)[:, None] - stride * np.arange((side - view) // stride + 1)
    weights = np.where((shift >= 0) & (shift < WORD), 1 << np.clip(shift, 0, WORD - 1), 0)
    weights = weights.astype(np.int32)
    rows = jnp.sum(walls[:, :, None] * weights, axis=1, dtype=jnp.int32)
    return rows, jnp.sum(walls[:, :, None] * weights[:, None], axis=0, dtype=jnp.int32)
