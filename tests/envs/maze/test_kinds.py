"""Tests of mazes that are drawn by an algorithm: what each of a kind has, and how it varies."""

from functools import partial

import jax
import numpy as np
import pytest
import scipy.ndimage

from rlsuite.envs.maze import (
    MAZE_KINDS,
    Maze,
    check_level,
    corridor,
    crossing,
    four_rooms,
    optimal_return,
    perfect_maze,
)
from rlsuite.envs.maze.view import EAST, NORTH
from tests.envs.maze.test_paths import plain_search

NUMBER = {"PerfectMazeXL": 3}
"""Mazes drawn of a kind, where they are not 60."""


@pytest.fixture(scope="module")
def drawn():
    """Of each kind its world and some levels, as arrays of NumPy."""

    def draw(name, kind):
        keys = jax.random.split(jax.random.key(0), NUMBER.get(name, 60))
        return kind.world, jax.tree.map(np.asarray, jax.jit(jax.vmap(kind.sample))(keys))

    return {name: draw(name, kind) for name, kind in MAZE_KINDS.items()}


def each(levels):
    return (jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(len(levels.start)))


def best_returns(world, levels):
    return jax.jit(jax.vmap(partial(optimal_return, world)))(levels)


@pytest.mark.parametrize("name", MAZE_KINDS)
def test_every_maze_is_a_level_that_can_be_solved_within_its_limit(drawn, name):
    world, levels = drawn[name]
    border = world.side + 2
    limit = {"FourRooms": 100, "SimpleCrossingS11N5": 4 * border**2}.get(name, 2 * border**2)
    assert (levels.max_steps_in_episode == limit).all()
    for level in each(levels):
        check_level(world, level)
        regions, _ = scipy.ndimage.label(~level.walls.reshape(world.side, -1))
        assert regions.flat[level.start] == regions.flat[level.goal]


@pytest.mark.parametrize("name", [name for name in MAZE_KINDS if name != "PerfectMazeXL"])
def test_the_best_return_is_that_of_a_plain_search(drawn, name):
    world, levels = drawn[name]
    few = jax.tree.map(lambda leaf: leaf[:4], levels)
    steps = np.array(
        [plain_search(world, one, int(one.start), int(one.direction)) for one in each(few)]
    )
    expected = 1 - 0.9 * steps / few.max_steps_in_episode
    np.testing.assert_allclose(best_returns(world, few), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["PerfectMaze", "PerfectMazeMedium", "PerfectMazeXL"])
def test_in_a_perfect_maze_exactly_one_path_joins_any_two_cells(drawn, name):
    """Free cells are connected, with one passage between neighbours less than there are cells."""
    world, levels = drawn[name]
    corners = {0, world.side - 1, world.cells - world.side, world.cells - 1}
    for level in each(levels):
        free = ~level.walls.reshape(world.side, -1)
        assert scipy.ndimage.label(free)[1] == 1 and free[::2, ::2].all()
        passages = (free[1:] & free[:-1]).sum() + (free[:, 1:] & free[:, :-1]).sum()
        assert passages == free.sum() - 1
        assert {int(level.start), int(level.goal)} <= corners
    assert len({level.walls.tobytes() for level in each(levels)}) == len(levels.start)


def test_every_perfect_maze_of_two_by_two_rooms_is_drawn_as_often():
    """Four trees leave out one of four edges each, whatever the order of the others."""
    keys = jax.random.split(jax.random.key(1), 2000)
    walls = jax.jit(jax.vmap(lambda key: perfect_maze(key, Maze(3)).walls))(keys)
    found = np.asarray(walls)[:, [1, 3, 5, 7]]
    assert (found.sum(axis=1) == 1).all()
    assert np.abs(found.mean(axis=0) - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 2000)


@pytest.mark.parametrize("name", ["SmallCorridor", "LargeCorridor"])
def test_the_best_return_in_a_corridor_is_that_of_a_path_counted_by_hand(drawn, name):
    """To the nearer side, along it to the dead end's column, and in; with two turns on the way."""
    world, levels = drawn[name]
    middle = world.side // 2
    row, column = np.divmod(levels.goal, world.side)
    assert set(row) == {middle - 1, middle + 1}
    assert set(column) == set(range(2, world.side - 1, 2))
    # Up for dead ends above, down for those below.
    sought = np.where(row < middle, NORTH, (NORTH + 2) % 4)
    turns = np.array([0, 1, 2, 1])[(levels.direction - sought) % 4]
    steps = turns + middle + 1 + column + 1 + middle - 1
    best = best_returns(world, levels)
    np.testing.assert_allclose(best, 1 - 0.9 * steps / levels.max_steps_in_episode, atol=1e-6)


def test_each_crossing_has_one_opening(drawn):
    _, levels = drawn["SimpleCrossingS11N5"]
    assert set(levels.direction) == {EAST} and set(levels.start) == {0}
    directions = []
    for level in each(levels):
        free = ~level.walls.reshape(9, 9)
        # A line of a crossing has walls all along but for openings and other lines' openings.
        rows, columns = (~free[1::2]).sum(axis=1) > 4, (~free[:, 1::2]).sum(axis=0) > 4
        assert rows.sum() + columns.sum() == 5
        directions.append(rows.sum())
        # Where lines cross there is one wall, and never an opening.
        crossed = 9 * 5 - rows.sum() * columns.sum()
        assert level.walls.sum() == crossed - 5
    assert {1, 2, 3, 4} == set(directions)


def test_four_rooms_have_a_door_to_each_neighbour(drawn):
    _, levels = drawn["FourRooms"]
    for level in each(levels):
        walls = level.walls.reshape(17, 17)
        assert walls[8, 8] and walls.sum() == 33 - 4
        for wall in (walls[8, :8], walls[8, 9:], walls[:8, 8], walls[9:, 8]):
            assert wall.sum() == 7
    rooms = {(int(cell) // 17 > 8, int(cell) % 17 > 8) for cell in levels.start}
    assert len(rooms) == 4 and set(levels.direction) == set(range(4))


@pytest.mark.parametrize(
    ("draw", "num_walls"),
    [
        (partial(corridor, world=Maze(5)), 25 - 16 - 2),
        (partial(four_rooms, world=Maze(3)), 1),
        (partial(crossing, world=Maze(5), num_crossings=0), 0),
        # A ladder of cells between two lines each way, which each have an opening.
        (partial(crossing, world=Maze(5), num_crossings=4), 25 - 9 - 4),
    ],
)
def test_the_smallest_sizes_and_numbers_are_levels_that_can_be_solved(draw, num_walls):
    world = draw.keywords["world"]
    levels = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(2), 20))
    for level in each(jax.tree.map(np.asarray, levels)):
        check_level(world, level)
        assert level.walls.sum() == num_walls
        regions, _ = scipy.ndimage.label(~level.walls.reshape(world.side, -1))
        assert regions.flat[level.start] == regions.flat[level.goal]


@pytest.mark.parametrize("name", MAZE_KINDS)
def test_in_a_process_of_64_bits_levels_are_of_32_bits(name):
    """As `random_level` draws them, and so that one program can try both."""

    def traced(bits_64):
        with jax.enable_x64(bits_64):
            return jax.eval_shape(MAZE_KINDS[name].sample, jax.random.key(0))

    assert jax.tree.leaves(traced(True)) == jax.tree.leaves(traced(False))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (partial(corridor, world=Maze(3)), "side: 3 is not allowed; it must be odd and at least 5"),
        (partial(four_rooms, world=Maze(6)), "side: 6 is not allowed; it must be odd"),
        (partial(perfect_maze, world=Maze(2)), "side: 2 is not allowed"),
        (partial(crossing, world=Maze(8), num_crossings=1), "side: 8 is not allowed"),
        (
            partial(crossing, world=Maze(9), num_crossings=9),
            "num_crossings: 9 is not allowed; it must be from 0 to 8",
        ),
    ],
)
def test_sizes_that_a_kind_cannot_have(draw, message):
    with pytest.raises(ValueError, match=message):
        draw(jax.random.key(0))
