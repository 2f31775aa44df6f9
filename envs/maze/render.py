"""A maze as a picture or as text, with what the agent sees shaded."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from rlsuite.envs.maze.levels import AGENTS, GOAL
from rlsuite.envs.maze.view import EAST, NORTH, SOUTH, WEST
from rlsuite.envs.maze.world import Maze, Params, State
from rlsuite.envs.pictures import (
    AGENT_CORE_COLOUR,
    FLOOR_COLOURS,
    WALL_COLOUR,
    Picture,
    cell_view,
    draw_floor,
    draw_looking_agent,
    draw_object,
    finished,
    framed,
    shade,
    single_cell,
)

SEEN_SHARE = 0.3
"""How strongly what the agent sees is tinted with its own gold."""

PATH_SHARE = 0.55
"""How strongly the cells are where it has been."""

_STEPS = {EAST: (0, 1), SOUTH: (1, 0), WEST: (0, -1), NORTH: (-1, 0)}


def render(
    world: Maze, level: Params, state: State | None = None, *, cell_pixels: int = 16
) -> Picture:
    """Draw a level, or a state of it.

    Walls are dark and the floor is light, and both are golden where the agent sees them. The agent
    is a dark wedge with a golden core that points where it looks; the goal is a blue disc, ringed
    dark as all that ends an episode.

    Args:
        world: The world the level is made for.
        level: One level, not a batch.
        state: What to draw; by default the start.
        cell_pixels: Width of a cell, at least 8.

    Returns:
        An RGB image with a frame of a quarter of a cell around the grid.

    Raises:
        ValueError: If `cell_pixels` is less than 8.
    """
    state = _start(level) if state is None else state
    image = draw_floor(_walls(world, level), cell_pixels)

    def shown(cell: int) -> np.ndarray:
        return cell_view(image, *divmod(cell, world.side), cell_pixels)

    for cell in np.asarray(world.seen_cells(state)).ravel().tolist():
        if cell < world.cells:
            shade(shown(cell), AGENT_CORE_COLOUR, SEEN_SHARE)
    draw_object(shown(int(level.goal)), 1.0, True)
    draw_looking_agent(shown(int(state.position)), *_STEPS[int(state.direction)])
    return framed(image, cell_pixels)


def render_path(
    world: Maze, level: Params, cells: Sequence[int], *, cell_pixels: int = 16
) -> Picture:
    """Draw a level at its start, the floor golden in the cells where the agent has been.

    Args:
        world: The world the level is made for.
        level: One level, not a batch.
        cells: Where it has been, in any order.
        cell_pixels: Width of a cell, at least 8.

    Raises:
        ValueError: If `cell_pixels` is less than 8.
    """
    image, start = draw_floor(_walls(world, level), cell_pixels), _start(level)

    def shown(cell: int) -> np.ndarray:
        return cell_view(image, *divmod(cell, world.side), cell_pixels)

    for cell in set(cells):
        shade(shown(cell), AGENT_CORE_COLOUR, PATH_SHARE)
    draw_object(shown(int(level.goal)), 1.0, True)
    draw_looking_agent(shown(int(start.position)), *_STEPS[int(start.direction)])
    return framed(image, cell_pixels)


def picture_key(*, cell_pixels: int = 16) -> dict[str, Picture]:
    """What is found in the pictures of `render`: by meaning, a cell that shows it."""
    shown = {
        meaning: single_cell(FLOOR_COLOURS[0], cell_pixels)
        for meaning in ("agent", "goal", "seen by the agent")
    }
    shown["wall"] = single_cell(WALL_COLOUR, cell_pixels)
    draw_looking_agent(shown["agent"], *_STEPS[EAST])
    draw_object(shown["goal"], 1.0, True)
    shade(shown["seen by the agent"], AGENT_CORE_COLOUR, SEEN_SHARE)
    return {meaning: finished(image) for meaning, image in shown.items()}


def render_text(world: Maze, level: Params, state: State | None = None) -> str:
    """Draw a level or a state as `parse_level` reads it, one line per row."""
    state = _start(level) if state is None else state
    canvas = np.where(_walls(world, level), "#", ".")
    canvas[divmod(int(level.goal), world.side)] = GOAL
    canvas[divmod(int(state.position), world.side)] = AGENTS[int(state.direction)]
    return "\n".join("".join(row) for row in canvas)


def _start(level: Params) -> State:
    return State(
        time=jnp.zeros((), jnp.int32),
        position=jnp.asarray(level.start),
        direction=jnp.asarray(level.direction),
    )


def _walls(world: Maze, level: Params) -> Bool[np.ndarray, "side side"]:
    return np.asarray(level.walls).reshape(world.side, world.side)
