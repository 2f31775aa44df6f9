"""Test mazes that are drawn by an algorithm, each kind in a world of its own size.

They are those of MiniGrid (Chevalier-Boisvert et al., arXiv 2306.13831), PLR (arXiv 2110.02439),
ACCEL (arXiv 2203.01302) and minimax (arXiv 2311.12716), written anew after the rules of their
public codes. Sizes of the grid are given here without the border of walls that MiniGrid puts
around it, which is two cells more along each side. What the codes differ in, each function says;
that results on these mazes equal published ones has not been verified.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from rlsuite.envs.gridworld.chance import draw_free_cells
from rlsuite.envs.maze.view import EAST
from rlsuite.envs.maze.world import Maze, Params

FOUR_ROOMS_STEPS = 100
"""The limit of an episode in four rooms, that of MiniGrid; minimax has 250."""


class MazeKind(NamedTuple):
    """Mazes of a kind, `sample(key)`, and the world that they are levels of."""

    world: Maze
    sample: Callable[[PRNGKeyArray], Params]


def corridor(key: PRNGKeyArray, world: Maze) -> Params:
    """A ring with dead ends off its upper and lower sides; the goal is at the end of one of them.

    The agent starts in the middle of the left side and looks anywhere (in minimax to the east). The
    limit of an episode is twice the square of the side with the border.

    Raises:
        ValueError: If the world's side is not odd and at least 5.
    """
    side = _odd_side(world, 5)
    row, column = np.divmod(np.arange(world.cells), side)
    is_inside = (row > 0) & (row < side - 1) & (column > 0) & (column < side - 1)
    middle = side // 2
    ends = [
        end_row * side + end_column
        for end_row in (middle - 1, middle + 1)
        for end_column in range(2, side - 1, 2)
    ]
    end_key, turn_key = jax.random.split(key)
    return Params(
        max_steps_in_episode=_limit(world),
        walls=jnp.array(is_inside & ((column % 2 == 1) | (row == middle))),
        start=jnp.int32(middle * side),
        direction=jax.random.randint(turn_key, (), 0, 4, jnp.int32),
        goal=jax.random.choice(end_key, jnp.array(ends, jnp.int32)),
    )


def four_rooms(key: PRNGKeyArray, world: Maze) -> Params:
    """Four rooms with a door in each of the walls between two; agent and goal are anywhere.

    Walls hide nothing here, as in minimax; in the code of PLR and ACCEL they do. The limit of an
    episode is `FOUR_ROOMS_STEPS`.

    Raises:
        ValueError: If the world's side is not odd and at least 3.
    """
    side = _odd_side(world, 3)
    middle, cell = side // 2, np.arange(world.cells)
    row, column = np.divmod(cell, side)
    door_key, place_key, turn_key = jax.random.split(key, 3)
    doors = jax.random.randint(door_key, (4,), 0, middle, jnp.int32)
    along = doors + jnp.array([0, middle + 1, 0, middle + 1], jnp.int32)
    doors = jnp.where(jnp.arange(4) < 2, along * side + middle, middle * side + along)
    walls = jnp.array((row == middle) | (column == middle)).at[doors].set(False)
    placed, _ = draw_free_cells(jax.random.uniform(place_key, (2,)), ~walls, jnp.ones(2, bool))
    return Params(
        max_steps_in_episode=jnp.int32(FOUR_ROOMS_STEPS),
        walls=walls,
        start=placed[0],
        direction=jax.random.randint(turn_key, (), 0, 4, jnp.int32),
        goal=placed[1],
    )


def crossing(key: PRNGKeyArray, world: Maze, num_crossings: int) -> Params:
    """Walls from side to side, each with an opening on the way from corner to corner.

    Of all odd rows and columns `num_crossings` are walls. A way from the upper left corner, where
    the agent looks east, to the goal in the lower right one crosses them in random order, through
    one opening of each that is anywhere between the walls beside it, as MiniGrid has it. Walls hide
    nothing here, as in minimax; in the code of PLR and ACCEL they do. The limit of an episode is
    four times the square of the side with the border, as in both.

    Raises:
        ValueError: If the world's side is not odd and at least 3, or there are more crossings than
            odd rows and columns.
    """
    side = _odd_side(world, 3)
    lines = jnp.arange(1, side, 2, jnp.int32)
    if not 0 <= num_crossings <= 2 * lines.size:
        raise ValueError(
            f"num_crossings: {num_crossings} is not allowed; it must be from 0 to {2 * lines.size}"
        )
    line_key, order_key, opening_key = jax.random.split(key, 3)
    chosen = jax.random.permutation(line_key, jnp.arange(2 * lines.size) < num_crossings)
    is_row, is_column = chosen.reshape(2, -1)
    rows, columns = (_limits(lines, which, side) for which in (is_row, is_column))
    is_down = jnp.arange(num_crossings) < is_row.sum()

    def cross(room: Int[Array, "2"], step: tuple[PRNGKeyArray, Bool[Array, ""]]):
        key, down = step
        here = rows[room[0]], columns[room[1]]
        ahead = rows[room[0] + 1], columns[room[1] + 1]
        row, column = (
            jax.random.randint(one, (), low + 1, high, jnp.int32)
            for one, low, high in zip(jax.random.split(key), here, ahead, strict=True)
        )
        opening = jnp.where(down, ahead[0] * side + column, row * side + ahead[1])
        return room + jnp.array([down, ~down], jnp.int32), opening

    steps = jax.random.split(opening_key, num_crossings), jax.random.permutation(order_key, is_down)
    _, openings = jax.lax.scan(cross, jnp.zeros(2, jnp.int32), steps)
    row, column = np.divmod(np.arange(world.cells), side)
    walls = (is_row[row // 2] & (row % 2 == 1)) | (is_column[column // 2] & (column % 2 == 1))
    return Params(
        max_steps_in_episode=2 * _limit(world),
        walls=walls.at[openings].set(False),
        start=jnp.int32(0),
        direction=jnp.int32(EAST),
        goal=jnp.int32(world.cells - 1),
    )


def perfect_maze(key: PRNGKeyArray, world: Maze) -> Params:
    """A maze with exactly one path between any two cells, from one corner to another.

    Cells of even rows and columns are joined in random order wherever they are not joined yet
    (Kruskal's algorithm), as in the code of PLR and ACCEL; minimax searches in depth, which makes
    longer paths, and puts agent and goal anywhere. The agent looks anywhere. The limit of an
    episode is twice the square of the side with the border.

    Raises:
        ValueError: If the world's side is not odd and at least 3.
    """
    side = _odd_side(world, 3)
    edge_key, corner_key, turn_key = jax.random.split(key, 3)
    first, second, between = jax.random.permutation(edge_key, jnp.array(_edges(side))).T

    def join(label: Int[Array, " room"], edge: tuple[Int[Array, ""], Int[Array, ""]]):
        one, other = label[edge[0]], label[edge[1]]
        return jnp.where(label == other, one, label), one != other

    rooms = (side // 2 + 1) ** 2
    _, joins = jax.lax.scan(join, jnp.arange(rooms, dtype=jnp.int32), (first, second))
    row, column = np.divmod(np.arange(world.cells), side)
    corners = jnp.array([0, side - 1, world.cells - side, world.cells - 1], jnp.int32)
    start, goal = jax.random.permutation(corner_key, corners)[:2]
    return Params(
        max_steps_in_episode=_limit(world),
        walls=jnp.array((row % 2 == 1) | (column % 2 == 1)).at[between].set(~joins),
        start=start,
        direction=jax.random.randint(turn_key, (), 0, 4, jnp.int32),
        goal=goal,
    )


def _kind(draw: Callable[..., Params], side: int, *numbers: int) -> MazeKind:
    world = Maze(side)
    return MazeKind(world, lambda key: draw(key, world, *numbers))


MAZE_KINDS: Mapping[str, MazeKind] = {
    "SimpleCrossingS11N5": _kind(crossing, 9, 5),
    "SmallCorridor": _kind(corridor, 13),
    "LargeCorridor": _kind(corridor, 19),
    "FourRooms": _kind(four_rooms, 17),
    "PerfectMaze": _kind(perfect_maze, 13),
    "PerfectMazeMedium": _kind(perfect_maze, 19),
    "PerfectMazeXL": _kind(perfect_maze, 101),
}
"""The published kinds by name. The largest is of minimax's size; that of PLR and ACCEL has 99."""


def _edges(side: int) -> Int[np.ndarray, "edge 3"]:
    """Pairs of cells of even rows and columns that are two apart, and the cell between them.

    The cells of a pair are numbered among those of their kind, and the one between among all.
    """
    number = side // 2 + 1
    row, column = np.divmod(np.arange(number**2), number)
    edges = []
    for down, along in ((0, 1), (1, 0)):
        has_next = (row + down < number) & (column + along < number)
        first = np.flatnonzero(has_next)
        between = (2 * row[first] + down) * side + 2 * column[first] + along
        edges.append(np.stack([first, first + down * number + along, between], axis=1))
    return np.concatenate(edges).astype(np.int32)


def _limits(
    lines: Int[Array, " line"], chosen: Bool[Array, " line"], side: int
) -> Int[Array, " limit"]:
    """What rooms lie between: before the first cell, each line that is chosen, after the last."""
    inside = jnp.sort(jnp.where(chosen, lines, side))
    return jnp.pad(jnp.pad(inside, (1, 0), constant_values=-1), (0, 1), constant_values=side)


def _limit(world: Maze) -> Int[Array, ""]:
    return jnp.int32(2 * (world.side + 2) ** 2)


def _odd_side(world: Maze, least: int) -> int:
    if world.side < least or world.side % 2 == 0:
        raise ValueError(
            f"side: {world.side} is not allowed; it must be odd and at least {least} for mazes of "
            "this kind"
        )
    return world.side
