"""Tests of building mazes: what each step does, and that whatever is built is a level."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import Maze, check_level
from rlsuite.envs.maze.construction import MazeConstruction

WORLD = MazeConstruction(Maze(4), num_walls=6, num_noise=2)


def build(actions, key=0):
    """Levels after each step, with ends and what is seen before the step."""

    def step(carry, inputs):
        observation, state = carry
        key, action = inputs
        after, state, reward, ended, info = WORLD.step_env(key, state, action, WORLD.default_params)
        return (after, state), (observation, info["extra"], reward, ended)

    key = jax.random.key(key)
    start = WORLD.reset_env(key, WORLD.default_params)
    keys = jax.random.split(key, WORLD.num_steps)
    return jax.lax.scan(step, start, (keys, actions))[1]


def test_steps_place_the_goal_turn_and_place_the_agent_then_walls():
    actions = jnp.array([5, 7, 2, 9, 9, 10, 5, 2, 11])
    observations, levels, rewards, ended = jax.jit(build)(actions)
    last = jax.tree.map(lambda leaf: leaf[-1], levels)
    assert (last.goal, last.direction, last.start) == (5, 3, 2)
    # Up and down again at 9; nothing where goal and agent are.
    np.testing.assert_array_equal(np.flatnonzero(last.walls), [10, 11])
    np.testing.assert_array_equal(ended, [False] * 8 + [True])
    assert not rewards.any()
    image = np.asarray(observations.image)
    assert not image[0].any() and image[3, 1, 1, 1] == 1 and image[3, 0, 2, 2] == 1
    assert image[4, 2, 1, 0] == 1 and image[5, 2, 1, 0] == 0
    np.testing.assert_allclose(observations.progress[:, 0], np.arange(9) / 9)
    np.testing.assert_array_equal(observations.noise, np.tile(observations.noise[:1], (9, 1)))


def test_whatever_is_built_is_a_level():
    keys = jax.random.split(jax.random.key(1), 50)
    actions = jax.random.randint(jax.random.key(2), (50, WORLD.num_steps), 0, WORLD.num_actions)
    # Where the goal is chosen again for the agent, it goes elsewhere.
    actions = actions.at[:25, 2].set(actions[:25, 0])
    built = jax.jit(jax.vmap(lambda actions, key: build(actions, 0)[1]))(actions, keys)
    for index in range(50):
        check_level(WORLD.maze, jax.tree.map(lambda leaf, i=index: leaf[i, -1], built))
    assert len(set(np.asarray(built.start[:25, -1]).tolist())) >= 1


def test_more_walls_than_cells_are_refused():
    with pytest.raises(ValueError, match="max_walls: 15 is not allowed"):
        MazeConstruction(Maze(4), num_walls=15)
