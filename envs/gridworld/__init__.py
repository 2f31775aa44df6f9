"""The grid world of learned policy gradients: worlds, levels, their solution and pictures."""

from rlsuite.envs.gridworld.editing import edit_grid_level
from rlsuite.envs.gridworld.levels import (
    LEVEL_DISTRIBUTIONS,
    TABULAR_LEVELS,
    LevelDistribution,
    level_distribution,
    resize,
)
from rlsuite.envs.gridworld.mazes import MAZES
from rlsuite.envs.gridworld.render import picture_key, render, render_text
from rlsuite.envs.gridworld.solver import optimal_return
from rlsuite.envs.gridworld.world import GridWorld, Params, State, TabularObservation

__all__ = [
    "LEVEL_DISTRIBUTIONS",
    "MAZES",
    "TABULAR_LEVELS",
    "GridWorld",
    "LevelDistribution",
    "Params",
    "State",
    "TabularObservation",
    "edit_grid_level",
    "level_distribution",
    "optimal_return",
    "picture_key",
    "render",
    "render_text",
    "resize",
]
