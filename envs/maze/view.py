"""What an agent sees of a maze, by one look-up: a window is a number, with a bit for each wall.

A CPU looks a wall up in some nanoseconds, and a window has 25 of them. The windows of a level are
numbered all at once, which XLA does before a loop through which the level stays as it is.
"""

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
    (row, column), (row_step, column_step) = jnp.divmod(position, side), step_ahead(direction)
    # The window's first row and column in the grid, within the walls that are put around it.
    top, left = row + view // 2 * (1 + row_step), column + view // 2 * (1 + column_step)
    words = _windows(walls.reshape(side, side), view)[top + np.array(_first_rows(view)), left]
    bits = jnp.asarray(_bits(view))[direction]
    return ((words[:, None, None] & bits) != 0).any(axis=0)


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


def _rows_of_word(view: int) -> int:
    """How many rows of a window, one after the other, are one number."""
    return min(view, WORD // view)


def _first_rows(view: int) -> list[int]:
    """The row of the window that each of its words begins with; the last two may share some."""
    rows = _rows_of_word(view)
    return [min(row, view - rows) for row in range(0, view, rows)]


def _windows(walls: Bool[Array, "side side"], view: int) -> Int[Array, "top left"]:
    """The rows of a word below each cell, as wide as a window, of a grid with walls around it."""
    around = jnp.pad(walls, view - 1, constant_values=True).astype(jnp.int32)
    rows = _joined(around.T, view, 1).T
    return _joined(rows, _rows_of_word(view), view)


def _joined(lines: Int[Array, "line place"], number: int, width: int) -> Int[Array, "first place"]:
    """Each line and those after it as one number, of which every line has `width` bits."""
    firsts = len(lines) - number + 1
    parts = [lines[after : after + firsts] << after * width for after in range(number)]
    return jnp.stack(parts).sum(axis=0, dtype=jnp.int32)


def _bits(view: int) -> Int[np.ndarray, "direction word view view"]:
    """Each cell's bit of its word, zero of the others, in the window as it is turned."""
    row, column = np.indices((view, view))
    below = row - np.array(_first_rows(view))[:, None, None]
    is_within = (below >= 0) & (below < _rows_of_word(view))
    north_up = np.where(is_within, 1 << np.where(is_within, below * view + column, 0), 0)
    turned = [np.rot90(north_up, direction - NORTH, (1, 2)) for direction in range(4)]
    return np.stack(turned).astype(np.int32)
