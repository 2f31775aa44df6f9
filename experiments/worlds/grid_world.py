"""The grid world of learned policy gradients: its level distributions and mazes."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from rlsuite.agents import AgentConfig
from rlsuite.envs.gridworld import (
    LEVEL_DISTRIBUTIONS,
    edit_grid_level,
    level_distribution,
    optimal_return,
    picture_key,
    render,
)
from rlsuite.envs.gridworld.editing import is_valid
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.level_design import LevelDesign
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.worlds.gymnax_worlds import ppo_settings
from rlsuite.lifetime import Task

_TABLE = AgentConfig()
_SMALL_PERCEPTRON = AgentConfig("perceptron", (32,), (), "adam", 1e-3, 1e-3, 0.5)


@cache
def grid_world(name: str, **sizes: int) -> WorldSpec:
    """The world of a level distribution.

    Args:
      name: of the distribution.
      **sizes: `max_side`, `max_objects` and `max_types`, to have levels of several distributions in
        one world.
    """
    distribution = level_distribution(name, **sizes)
    world = distribution.world
    return WorldSpec(
        name=name,
        world=world,
        sample_task=lambda key: Task(*distribution.sample(key)),
        lifetime_range=distribution.lifetime_range,
        agent=_TABLE if world.tabular else _SMALL_PERCEPTRON,
        ppo=ppo_settings(name),
        optimal_return=partial(optimal_return, world) if world.tabular else None,
        draw=partial(render, world),
        key=picture_key,
        design=LevelDesign(
            editors={"levels": partial(edit_grid_level, name, world)},
            drawn={},
            is_solvable=lambda level: is_valid(level, world),
            measures={"walls": lambda level: level.walls.sum()},
        ),
    )


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    for parameter in parameters:
        raise ConfigError(f"tasks.{parameter}: levels of '{name}' have no parameters to set")
    return grid_world(name)


FAMILY = WorldFamily(
    "level distributions of the grid world", lambda: LEVEL_DISTRIBUTIONS, _make, word="grid"
)
