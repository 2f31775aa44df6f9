"""Making the worlds of this package known to gymnax, on request."""

from typing import Literal

import gymnax
import jax

from rlsuite.envs.control import Pendulum, Reacher
from rlsuite.envs.gridworld import GridWorld, level_distribution
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.envs.maze import Maze
from rlsuite.envs.redundant_arm import RedundantArm
from rlsuite.envs.sparse_point import SparsePoint


def make_grid_world(
    *, level: str = "dense", observation: Literal["index", "one_hot"] = "one_hot"
) -> GridWorld:
    """Make a grid world whose default level is a named distribution's draw with key 0.

    Args:
        level: A name in `rlsuite.envs.gridworld.LEVEL_DISTRIBUTIONS`.
        observation: The tabular form of observation; non-tabular levels show planes.

    Raises:
        ValueError: If the level or the observation is unknown.
    """
    distribution = level_distribution(level, observation=observation)
    default_params, _ = distribution.sample(jax.random.key(0))
    world = distribution.world
    return GridWorld(
        max_side=world.max_side,
        max_objects=world.max_objects,
        max_types=world.max_types,
        tabular=world.tabular,
        observation=observation,
        default_params=default_params,
    )


def register_worlds() -> None:
    """Make every world of this package known to `gymnax.make`; doing so again changes nothing."""
    for name, make in _WORLDS.items():
        if name not in gymnax.registered_envs:
            gymnax.register(name, make)


_WORLDS = {
    "GridWorld-v0": make_grid_world,
    "KeyDoors-v0": KeyDoors,
    "Maze-v0": Maze,
    "Pendulum-control": Pendulum,
    "Reacher-control": Reacher,
    "RedundantArm-v0": RedundantArm,
    "SparsePoint-v0": SparsePoint,
}
