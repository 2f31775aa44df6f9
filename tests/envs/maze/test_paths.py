from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import (
    SMALL_MAZES,
    STANDARD_MAZES,
    UNREACHABLE,
    Maze,
    best_actions,
    is_solvable,
    optimal_return,
    parse_level,
    shortest_path,
    steps_to_goal,
)
from tests.envs.maze.test_world import step_of


def plain_search(world, level, start, direction):
    """Breadth-first search, one state after another."""
    steps, frontier = {(start, direction): 0}, deque([(start, direction)])
    while frontier:
        place = frontier.popleft()
        for action in range(3):
            *after, arrived = step_of(world, level, *place, action)
            if arrived:
                return steps[place] + 1
            if tuple(after) not in steps:
                steps[tuple(after)] = steps[place] + 1
                frontier.append(tuple(after))
    return UNREACHABLE


def test_against_a_plain_search_from_everywhere(random_levels):
    world = random_levels.world
    found = jax.jit(jax.vmap(lambda level: steps_to_goal(world, level)))(random_levels.batch)
    for level, steps in zip(random_levels.each[::4], np.asarray(found)[::4], strict=True):
        for cell in np.flatnonzero(~level.walls):
            if cell == level.goal:
                continue
            for direction in range(4):
                expected = plain_search(world, level, int(cell), direction)
                assert steps[direction].reshape(-1)[cell] == expected


def test_path_return_and_solvability_from_the_start(random_levels):
    world = random_levels.world

    @jax.jit
    @jax.vmap
    def solve(level):
        solvers = shortest_path, optimal_return, is_solvable
        return tuple(solver(world, level) for solver in solvers)

    found = zip(*(np.asarray(values) for values in solve(random_levels.batch)), strict=True)
    unsolvable = 0
    for level, (steps, best, solvable) in zip(random_levels.each, found, strict=True):
        expected = plain_search(world, level, int(level.start), int(level.direction))
        assert steps == expected and solvable == (expected < UNREACHABLE)
        assert best == pytest.approx(1 - 0.9 * expected / 40 if solvable else 0, abs=1e-6)
        unsolvable += not solvable
    assert 5 < unsolvable < 40


STANDARD = {name: parse_level(text) for name, text in STANDARD_MAZES.items()}


@pytest.fixture(scope="module")
def standard():
    """The standard mazes as one batch, and the fewest steps through each by the plain search."""
    world = Maze(13)
    steps = [
        plain_search(world, level, int(level.start), int(level.direction))
        for level in (jax.tree.map(np.asarray, level) for level in STANDARD.values())
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *STANDARD.values()), np.array(steps)


def test_standard_mazes_against_a_plain_search(standard):
    batch, steps = standard
    world = Maze(13)
    found = jax.jit(
        jax.vmap(lambda level: (shortest_path(world, level), optimal_return(world, level)))
    )(batch)
    np.testing.assert_array_equal(found[0], steps)
    np.testing.assert_allclose(found[1], 1 - 0.9 * steps / 250, atol=1e-6)


PUBLISHED = {
    "SixteenRooms": (46, 26, 0.906),
    "SixteenRooms2": (53, 28, 0.899),
    "Labyrinth": (72, 113, 0.593),
    "LabyrinthFlipped": (72, 113, 0.593),
    "Labyrinth2": (72, 113, 0.593),
    "StandardMaze": (73, 54, 0.806),
    "StandardMaze2": (72, 73, 0.737),
    "StandardMaze3": (71, 54, 0.806),
}
"""Walls, fewest steps, and best return of the published mazes."""


def test_standard_mazes_are_as_the_published_ones_are_described(standard):
    batch, _ = standard
    world = Maze(13)
    steps, best = jax.jit(
        jax.vmap(lambda level: (shortest_path(world, level), optimal_return(world, level)))
    )(batch)
    found = zip(batch.walls.sum(axis=1).tolist(), steps.tolist(), strict=True)
    assert dict(zip(STANDARD, found, strict=True)) == {
        name: numbers[:2] for name, numbers in PUBLISHED.items()
    }
    np.testing.assert_allclose(best, [row[2] for row in PUBLISHED.values()], atol=5e-4)


@pytest.mark.parametrize(
    ("world", "text", "forward", "turns"),
    [
        # Along four rows that are two apart.
        (Maze(7), SMALL_MAZES["SmallZigzag"], [6, 2, 6, 2, 6, 2, 6], 6),
        # Round the outside, and inwards.
        (Maze(7), SMALL_MAZES["SmallSpiral"], [6, 6, 6, 4, 4, 2, 2], 6),
    ],
)
def test_paths_counted_by_hand(world, text, forward, turns):
    level, steps = parse_level(text), sum(forward) + turns
    assert int(shortest_path(world, level)) == steps
    assert float(optimal_return(world, level)) == pytest.approx(1 - 0.9 * steps / 250)


def test_the_best_actions_earn_the_best_return(standard):
    batch, steps = standard
    world = Maze(13)

    def episode(level):
        actions = best_actions(world, level).reshape(4, -1)

        def step(carry, _):
            state, total, alive = carry
            action = actions[state.direction, state.position]
            _, state, reward, terminated, _ = world.step_env(
                jax.random.key(0), state, action, level
            )
            return (state, total + alive * reward, alive & ~terminated), None

        _, state = world.reset(jax.random.key(0), level)
        start = (state, jnp.zeros(()), jnp.array(True))
        return jax.lax.scan(step, start, length=250)[0][1]

    returns = jax.jit(jax.vmap(episode))(batch)
    np.testing.assert_allclose(returns, 1 - 0.9 * steps / 250, atol=1e-6)


def test_a_path_longer_than_the_limit_earns_nothing():
    level = parse_level(">...G ..... ..... ..... .....", max_steps=4)
    world = Maze(5)
    assert float(optimal_return(world, level)) == pytest.approx(0.1)
    shorter = level.replace(max_steps_in_episode=jnp.int32(3))
    assert float(optimal_return(world, shorter)) == 0.0
    assert int(shortest_path(world, shorter)) == 4
