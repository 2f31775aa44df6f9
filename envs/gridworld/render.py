"""A level or a state as a picture or as text."""

import numpy as np
from jaxtyping import Bool

from rlsuite.envs.gridworld.world import GridWorld, Params, State
from rlsuite.envs.pictures import (
    FLOOR_COLOURS,
    WALL_COLOUR,
    Picture,
    cell_view,
    draw_agent,
    draw_floor,
    draw_object,
    finished,
    framed,
    single_cell,
)


def render(
    world: GridWorld, level: Params, state: State | None = None, *, cell_pixels: int = 16
) -> Picture:
    """Draw the `side` x `side` part of a level.

    Walls are dark and the floor is light. The agent is a dark diamond with a golden core. Objects
    are discs from red (reward -1) over grey to blue (reward 1), with a dark ring if they can
    terminate the episode and a white one if not.

    Args:
        world: The world the level is made for.
        level: One level, not a batch.
        state: What to draw; by default the start with all objects where the level puts them.
        cell_pixels: Width of a cell, at least 8.

    Returns:
        An RGB image with a frame of a quarter of a cell around the grid.

    Raises:
        ValueError: If `cell_pixels` is less than 8.
    """
    image = draw_floor(_walls(world, level), cell_pixels)
    rewards = np.asarray(level.type_reward)
    terminates = np.asarray(level.type_termination_probability) > 0
    for position, kind in _objects(level, state):
        cell = cell_view(image, *divmod(position, world.max_side), cell_pixels)
        draw_object(cell, float(rewards[kind]), bool(terminates[kind]))
    agent = int(level.start if state is None else state.position)
    draw_agent(cell_view(image, *divmod(agent, world.max_side), cell_pixels))
    return framed(image, cell_pixels)


def picture_key(*, cell_pixels: int = 16) -> dict[str, Picture]:
    """What is found in the pictures of `render`: by meaning, a cell that shows it."""
    shown = {
        "agent": single_cell(FLOOR_COLOURS[0], cell_pixels),
        "wall": single_cell(WALL_COLOUR, cell_pixels),
    }
    draw_agent(shown["agent"])
    for meaning, reward, terminates in (
        ("reward 1", 1.0, False),
        ("no reward", 0.0, False),
        ("reward −1", -1.0, False),
        ("may end the episode", 0.0, True),
    ):
        # A darker floor, on which the white ring is seen.
        shown[meaning] = single_cell(FLOOR_COLOURS[1], cell_pixels)
        draw_object(shown[meaning], reward, terminates)
    return {meaning: finished(image) for meaning, image in shown.items()}


def render_text(world: GridWorld, level: Params, state: State | None = None) -> str:
    """Draw the `side` x `side` part of a level as text, one line per row.

    "#" is a wall, "." the floor, "@" the agent, and a digit an object (its type's last digit).
    """
    canvas = np.where(_walls(world, level), "#", ".")
    for position, kind in _objects(level, state):
        canvas[divmod(position, world.max_side)] = str(kind)[-1]
    agent = int(level.start if state is None else state.position)
    canvas[divmod(agent, world.max_side)] = "@"
    return "\n".join("".join(row) for row in canvas)


def _walls(world: GridWorld, level: Params) -> Bool[np.ndarray, "side side"]:
    side = int(level.side)
    return np.asarray(level.walls).reshape(world.max_side, world.max_side)[:side, :side]


def _objects(level: Params, state: State | None) -> list[tuple[int, int]]:
    """Cell and type of every object to be drawn."""
    kinds = np.asarray(level.object_type)
    if state is None:
        positions, exists = np.asarray(level.object_position), kinds >= 0
    else:
        positions, exists = np.asarray(state.object_position), np.asarray(state.object_exists)
    return [
        (int(cell), int(kind)) for cell, kind in zip(positions[exists], kinds[exists], strict=True)
    ]
