import gymnax
import jax
import pytest

from rlsuite.envs import register_worlds
from rlsuite.envs.gridworld import level_distribution
from rlsuite.envs.maze import render_text

register_worlds()


def test_worlds_are_registered_once():
    register_worlds()
    assert gymnax.registered_envs.count("GridWorld-v0") == 1


def test_make_uses_the_first_draw_of_the_named_distribution():
    world, level = gymnax.make("GridWorld-v0", level="sparse", observation="index")
    expected, _ = level_distribution("sparse").sample(jax.random.key(0))
    assert world == level_distribution("sparse").world
    assert world.name == "GridWorld-v0"
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), level, expected))


def test_make_shows_dense_in_one_hot_form_by_default():
    world, level = gymnax.make("GridWorld-v0")
    seen, _ = world.reset(jax.random.key(0), level)
    assert int(level.side) == 11
    assert seen.shape == (world.num_states + 1,)


def test_unknown_level():
    with pytest.raises(ValueError, match="unknown level distribution 'dence'; known: dense, "):
        gymnax.make("GridWorld-v0", level="dence")


def test_the_maze_is_an_empty_one_by_default():
    world, level = gymnax.make("Maze-v0", side=5)
    assert world.name == "Maze-v0" and render_text(world, level).startswith(">")
    assert not level.walls.any() and int(level.max_steps_in_episode) == 250
