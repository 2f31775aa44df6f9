from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.maze import Maze, check_level, edit_cells, mutate, parse_level, random_level

WORLD = Maze(4)
NUM_EDITS = 5


def _before_and_after(edit, key, share):
    """A level with a share of what may be walls, and the same edited."""
    draw_key, wall_key, edit_key = jax.random.split(key, 3)
    level = random_level(draw_key, WORLD, 0)
    cell = jnp.arange(WORLD.cells)
    walls = jax.random.uniform(wall_key, (WORLD.cells,)) < share
    level = level.replace(walls=walls & (cell != level.start) & (cell != level.goal))
    return level, edit(edit_key, level)


EDITORS = {
    make: jax.jit(partial(_before_and_after, make(WORLD, NUM_EDITS)))
    for make in (edit_cells, mutate)
}


def contents(level):
    """What is in each cell: 0 nothing, 1 a wall, 2 the agent, 3 the goal."""
    cells = np.asarray(level.walls).astype(int)
    cells[int(level.start)], cells[int(level.goal)] = 2, 3
    return cells


@pytest.mark.parametrize("make", EDITORS)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
def test_edited_levels_are_good_and_few_cells_differ(make, seed, share):
    before, after = EDITORS[make](jax.random.key(seed), share)
    check_level(WORLD, before)
    check_level(WORLD, after)
    assert int((before.walls != after.walls).sum()) <= NUM_EDITS
    assert int(before.max_steps_in_episode) == int(after.max_steps_in_episode)
    # Besides the cells that were edited: those left, and those found by what lost its cell.
    differ = int((contents(before) != contents(after)).sum())
    assert differ <= NUM_EDITS + 4
    if make is mutate:
        assert int(before.start) == int(after.start)
    if int(before.start) == int(after.start):
        assert int(before.direction) == int(after.direction)


@pytest.mark.parametrize("make", EDITORS)
def test_no_edits_change_nothing(make):
    level = parse_level("...# ..v. G... ....")
    after = make(WORLD, 0)(jax.random.key(0), level)
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), level, after))
    with pytest.raises(ValueError, match="num_edits: -1 is not allowed; it must be at least 0"):
        make(WORLD, -1)


def edited(make, text, num=4000):
    level = parse_level(text)
    edit = make(Maze(3), 1)
    after = jax.jit(jax.vmap(lambda key: edit(key, level)))(
        jax.random.split(jax.random.key(0), num)
    )
    return level, after


def close(share, expected, num=4000):
    return abs(float(share) - expected) < 5 * np.sqrt(0.25 / num)


def test_a_single_edit_puts_each_content_as_often():
    level, after = edited(edit_cells, ">.. ... ##G")
    walls = np.asarray(after.walls)
    # A wall in one of the five free cells, or where agent or goal stood.
    assert close((walls.sum(1) == 3).mean(), 7 / 9 / 4)
    # One of two walls gets any of three other contents.
    assert close((walls.sum(1) == 1).mean(), 2 / 9 * 3 / 4)
    # The agent goes to eight other cells by its own edit, or makes way for a wall, nothing or the
    # goal; then it may find any free cell, its own among them where that was only emptied.
    moved = np.asarray(after.start) != int(level.start)
    assert close(moved.mean(), 8 / 9 / 4 + 1 / 9 * (1 / 4 + 1 / 4 * 5 / 6 + 1 / 4))
    turned = np.asarray(after.direction) != int(level.direction)
    assert not turned[~moved].any() and close(turned[moved].mean(), 3 / 4, moved.sum())


def test_a_single_mutation_flips_a_wall_or_moves_the_goal():
    level, after = edited(mutate, ">.. ... ##G")
    flips = np.asarray((after.walls != level.walls).sum(1))
    moved = np.asarray(after.goal) != int(level.goal)
    assert close((flips == 1).mean(), 1 / 3) and close(moved.mean(), 1 / 3)
    assert not (moved & (flips == 1)).any()
    where = np.asarray(after.walls != level.walls).mean(axis=0)
    assert where[[0, 8]].max() == 0 and all(close(share, 1 / 21) for share in where[1:8])
    goals = np.bincount(after.goal, minlength=9) / len(flips)
    assert goals[[0, 6, 7]].max() == 0 and all(close(share, 1 / 15) for share in goals[1:6])


def test_a_goal_with_nowhere_to_go_stays():
    level, after = edited(mutate, ">## ### ##G", num=64)
    assert (after.goal == level.goal).all()
