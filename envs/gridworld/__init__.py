"""The grid world of learned policy gradients: worlds, levels, their solution and pictures."""

from envs.gridworld.levels import (
    LEVEL_DISTRIBUTIONS,
    TABULAR_LEVELS,
    LevelDistribution,
    level_distribution,
    resize,
)
from envs.gridworld.mazes import MAZES
from envs.gridworld.render import render, render_text
from envs.gridworld.solver import optimal_return
from envs.gridworld.world import GridWorld, Params, State, TabularObservation

__all__ = [
    "LEVEL_DISTRIBUTIONS",
    "MAZES",
    "TABULAR_LEVELS",
    "GridWorld",
    "LevelDistribution",
    "Params",
    "State",
    "TabularObservation",
    "level_distribution",
    "optimal_return",
    "render",
    "render_text",
    "resize",
]
