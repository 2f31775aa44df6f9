"""The partially observed maze of environment design, in three sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from math import isqrt
from typing import Annotated, Any

import jax.numpy as jnp
from annotated_types import Interval

from rlsuite.agents import ActorCriticConfig, AgentConfig
from rlsuite.envs.maze import (
    MAZE_KINDS,
    SMALL_MAZES,
    STANDARD_MAZES,
    TINY_MAZES,
    UNREACHABLE,
    Maze,
    Params,
    edit_cells,
    enlarge,
    is_solvable,
    mutate,
    optimal_return,
    parse_level,
    picture_key,
    random_level,
    render,
    render_path,
    shortest_path,
)
from rlsuite.envs.maze.construction import MazeConstruction
from rlsuite.envs.maze.levels import check_budget
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.level_design import LevelDesign, LevelKind
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_fields
from rlsuite.lifetime import Task
from rlsuite.methods.dr import PUBLISHED_PPO
from rlsuite.ranges import Count

_Side = Annotated[int, Interval(ge=2, le=101)]
_Walls = Annotated[int, Interval(ge=0, le=101**2)]


@dataclass(frozen=True)
class MazeConfig:
    """Which mazes are drawn at random.

    Attributes:
      side: cells along each side.
      max_walls: draws of a wall, with replacement.
      min_walls: the number of draws is uniform from here to the budget; none takes the budget.
      max_steps_in_episode: the limit of an episode.
    """

    side: _Side = 13
    max_walls: _Walls = 60
    min_walls: _Walls | None = None
    max_steps_in_episode: Count = 250


MAZES: Mapping[str, MazeConfig] = {
    "maze": MazeConfig(),
    "small_maze": MazeConfig(side=9, max_walls=25, max_steps_in_episode=80),
    "tiny_maze": MazeConfig(side=4, max_walls=3, max_steps_in_episode=20),
}
"""Random mazes by name: those of publications, those of a laptop, and those of tests."""

_PPO = replace(PUBLISHED_PPO, learning_rate=1e-3, anneal_learning_rate=False)
_SETTINGS = PPOSettings(
    networks=ActorCriticConfig("perceptron", (32,), recurrent_width=32),
    ppo=_PPO,
    num_workers=32,
    rollout_length=64,
    lifetime=1000,
)
_AGENT = AgentConfig("perceptron", (32,), (), "adam", 1e-3, 1e-3, 0.5, recurrent_width=32)


@cache
def maze(name: str, config: MazeConfig) -> WorldSpec:
    """The world of random mazes.

    Raises:
      ConfigError: if the budget of walls exceeds the cells.
    """
    world = Maze(config.side)
    try:
        check_budget(world, config.max_walls, config.min_walls)
    except ValueError as error:
        raise ConfigError(f"tasks.{error}") from error
    limit = config.max_steps_in_episode
    default = world.default_params.replace(max_steps_in_episode=jnp.int32(limit))
    world = Maze(config.side, default_params=default)

    def sample(max_walls, min_walls, key):
        level = random_level(key, world, max_walls, min_walls, limit)
        return Task(level, jnp.int32(_SETTINGS.lifetime))

    sample_task = partial(sample, config.max_walls, config.min_walls)

    return WorldSpec(
        name=name,
        world=world,
        sample_task=sample_task,
        lifetime_range=(_SETTINGS.lifetime, _SETTINGS.lifetime),
        agent=_AGENT,
        ppo=_SETTINGS,
        optimal_return=partial(optimal_return, world),
        draw=partial(render, world),
        key=picture_key,
        design=LevelDesign(
            editors={
                "cells": lambda num_edits: edit_cells(world, num_edits),
                "mutations": lambda num_edits: mutate(world, num_edits),
            },
            starts={"empty": partial(sample, 0, None)},
            drawn=_drawn(world, limit),
            read=partial(_read, world, limit),
            is_solvable=partial(is_solvable, world),
            measures={"walls": _num_walls, "path_length": partial(_path_length, world)},
            construction=partial(MazeConstruction, world),
            place=lambda state: state.position,
            draw_path=partial(render_path, world),
            kinds={
                name: LevelKind(kind.world, kind.sample, partial(optimal_return, kind.world))
                for name, kind in MAZE_KINDS.items()
            },
            # The largest takes minutes.
            usual_kinds=tuple(name for name in MAZE_KINDS if name != "PerfectMazeXL"),
            levels_name="mazes",
        ),
    )


def _drawn(world: Maze, limit: int) -> dict[str, Params]:
    """Mazes drawn by hand of the largest size that fits."""
    for drawn in (STANDARD_MAZES, SMALL_MAZES, TINY_MAZES):
        if max(map(len, next(iter(drawn.values())).split())) <= world.side:
            return {name: _read(world, limit, text) for name, text in drawn.items()}
    return {}


def _read(world: Maze, limit: int, text: str) -> Params:
    """The level that text shows, walled in where the world is larger."""
    level = parse_level(text, limit)
    return enlarge(level, Maze(isqrt(level.walls.size)), world)


def _num_walls(level: Params):
    return level.walls.sum()


def _path_length(world: Maze, level: Params):
    steps = shortest_path(world, level)
    return jnp.where(steps < UNREACHABLE, steps.astype(jnp.float32), jnp.nan)


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    return maze(name, with_fields(MAZES[name], parameters))


FAMILY = WorldFamily("random mazes", lambda: tuple(MAZES), _make, word="mazes")
