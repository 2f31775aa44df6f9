"""The partially observed maze: worlds, levels, their edits, shortest paths and pictures."""

from rlsuite.envs.maze.drawn import SMALL_MAZES, STANDARD_MAZES, TINY_MAZES
from rlsuite.envs.maze.editing import Editor, edit_cells, mutate
from rlsuite.envs.maze.kinds import (
    MAZE_KINDS,
    MazeKind,
    corridor,
    crossing,
    four_rooms,
    perfect_maze,
)
from rlsuite.envs.maze.levels import check_level, enlarge, parse_level, random_level
from rlsuite.envs.maze.paths import (
    UNREACHABLE,
    best_actions,
    is_solvable,
    optimal_return,
    shortest_path,
    steps_to_goal,
)
from rlsuite.envs.maze.render import picture_key, render, render_path, render_text
from rlsuite.envs.maze.solver import PolicyValue, every_state, every_view, policy_value
from rlsuite.envs.maze.world import Maze, Params, State, View

__all__ = [
    "MAZE_KINDS",
    "SMALL_MAZES",
    "STANDARD_MAZES",
    "TINY_MAZES",
    "UNREACHABLE",
    "Editor",
    "Maze",
    "MazeKind",
    "Params",
    "PolicyValue",
    "State",
    "View",
    "best_actions",
    "check_level",
    "corridor",
    "crossing",
    "edit_cells",
    "enlarge",
    "every_state",
    "every_view",
    "four_rooms",
    "is_solvable",
    "mutate",
    "optimal_return",
    "parse_level",
    "perfect_maze",
    "picture_key",
    "policy_value",
    "random_level",
    "render",
    "render_path",
    "render_text",
    "shortest_path",
    "steps_to_goal",
]
