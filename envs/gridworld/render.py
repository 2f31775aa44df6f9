"""A level or a state as a picture or as text."""

import numpy as np
from jaxtyping import Float, UInt8

from rlsuite.envs.gridworld.world import GridWorld, Params, State

Colours = Float[np.ndarray, "... 3"]

FRAME_COLOUR = (38, 42, 54)
WALL_COLOUR = (62, 68, 84)
FLOOR_COLOURS = ((246, 245, 241), (238, 237, 232))
AGENT_COLOUR = (38, 42, 54)
AGENT_CORE_COLOUR = (255, 196, 37)
TERMINATING_RING_COLOUR = (38, 42, 54)
HARMLESS_RING_COLOUR = (255, 255, 255)
REWARD_STOPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
REWARD_COLOURS = ((165, 15, 41), (240, 128, 98), (212, 212, 208), (104, 172, 217), (8, 72, 152))


def render(
    world: GridWorld, level: Params, state: State | None = None, *, cell_pixels: int = 16
) -> UInt8[np.ndarray, "height width 3"]:
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
    if cell_pixels < 8:
        raise ValueError(f"cell_pixels is {cell_pixels}; it must be at least 8")
    side = int(level.side)
    grid = np.stack(np.divmod(np.arange(side * side), side), -1).reshape(side, side, 2)
    floor = np.array(FLOOR_COLOURS, float)[grid.sum(-1) % 2]
    walls = _walls(world, level)[..., None]
    cells = np.where(walls, np.array(WALL_COLOUR, float), floor)
    image = cells.repeat(cell_pixels, 0).repeat(cell_pixels, 1)
    rewards = np.asarray(level.type_reward)
    terminates = np.asarray(level.type_termination_probability) > 0
    for position, kind in _objects(level, state):
        cell = _cell_view(image, world, position, cell_pixels)
        _draw_object(cell, float(rewards[kind]), bool(terminates[kind]))
    agent = int(level.start if state is None else state.position)
    _draw_agent(_cell_view(image, world, agent, cell_pixels))
    frame = max(2, cell_pixels // 4)
    framed = np.full((image.shape[0] + 2 * frame, image.shape[1] + 2 * frame, 3), FRAME_COLOUR)
    framed[frame:-frame, frame:-frame] = np.rint(image)
    return framed.astype(np.uint8)


def picture_key(*, cell_pixels: int = 16) -> dict[str, UInt8[np.ndarray, "height width 3"]]:
    """What is found in the pictures of `render`: by meaning, a cell that shows it."""

    def cell(colour: tuple[int, int, int] = FLOOR_COLOURS[0]) -> Colours:
        return np.full((cell_pixels, cell_pixels, 3), colour, float)

    shown = {"agent": cell(), "wall": cell(WALL_COLOUR)}
    _draw_agent(shown["agent"])
    for meaning, reward, terminates in (
        ("reward 1", 1.0, False),
        ("no reward", 0.0, False),
        ("reward −1", -1.0, False),
        ("may end the episode", 0.0, True),
    ):
        # A darker floor, on which the white ring is seen.
        shown[meaning] = cell(FLOOR_COLOURS[1])
        _draw_object(shown[meaning], reward, terminates)
    return {meaning: np.rint(image).astype(np.uint8) for meaning, image in shown.items()}


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


def _walls(world: GridWorld, level: Params) -> np.ndarray:
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


def _cell_view(image: Colours, world: GridWorld, cell: int, cell_pixels: int) -> Colours:
    row, column = (cell_pixels * index for index in divmod(cell, world.max_side))
    return image[row : row + cell_pixels, column : column + cell_pixels]


def _draw_object(cell: Colours, reward: float, terminates: bool) -> None:
    ring = TERMINATING_RING_COLOUR if terminates else HARMLESS_RING_COLOUR
    fill = [
        np.interp(reward, REWARD_STOPS, channel) for channel in zip(*REWARD_COLOURS, strict=True)
    ]
    vertical, horizontal = _offsets(cell)
    from_centre = np.hypot(vertical, horizontal)
    _paint(cell, ring, from_centre - 0.40)
    _paint(cell, fill, from_centre - 0.31)


def _draw_agent(cell: Colours) -> None:
    vertical, horizontal = _offsets(cell)
    from_centre = (np.abs(vertical) + np.abs(horizontal)) / np.sqrt(2)
    _paint(cell, AGENT_COLOUR, from_centre - 0.32)
    _paint(cell, AGENT_CORE_COLOUR, from_centre - 0.19)


def _offsets(cell: Colours) -> tuple[np.ndarray, np.ndarray]:
    """Distances of a cell's pixels from its centre, in cells."""
    pixels = cell.shape[0]
    along = (np.arange(pixels) + 0.5) / pixels - 0.5
    return along[:, None], along[None, :]


def _paint(cell: Colours, colour: tuple | list, distance: np.ndarray) -> None:
    """Paint, in place, where the signed distance to a shape's edge (in cells) is negative."""
    coverage = np.clip(0.5 - distance * cell.shape[0], 0.0, 1.0)[..., None]
    cell += coverage * (np.array(colour, float) - cell)
