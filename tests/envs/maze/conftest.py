"""Levels of a maze, for tests."""

from typing import NamedTuple

import jax
import numpy as np
import pytest

from rlsuite.envs.maze import Maze, Params, random_level


class Levels(NamedTuple):
    """A world and a batch of its levels, as one pytree and one by one."""

    world: Maze
    batch: Params
    each: list[Params]


@pytest.fixture(scope="session")
def random_levels() -> Levels:
    """Empty ones, crowded ones and all between, unsolvable ones among them."""
    world = Maze(6)
    keys = jax.random.split(jax.random.key(0), 48)
    draw = jax.jit(jax.vmap(lambda key: random_level(key, world, 30, 0, max_steps=40)))
    batch = draw(keys)
    arrays = jax.tree.map(np.asarray, batch)
    each = [jax.tree.map(lambda leaf, i=i: leaf[i], arrays) for i in range(len(keys))]
    return Levels(world, batch, each)
