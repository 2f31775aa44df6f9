"""What pictures of grids are made of: floors and walls, agents, objects, a frame."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

Colours = Float[np.ndarray, "... 3"]
Colour = tuple[float, float, float]
Picture = UInt8[np.ndarray, "height width 3"]

FRAME_COLOUR = (38, 42, 54)
WALL_COLOUR = (62, 68, 84)
FLOOR_COLOURS = ((246, 245, 241), (238, 237, 232))
AGENT_COLOUR = (38, 42, 54)
AGENT_CORE_COLOUR = (255, 196, 37)
TERMINATING_RING_COLOUR = (38, 42, 54)
HARMLESS_RING_COLOUR = (255, 255, 255)
REWARD_STOPS = (-1.0, -0.5, 0.0, 0.5, 1.0)
REWARD_COLOURS = ((165, 15, 41), (240, 128, 98), (212, 212, 208), (104, 172, 217), (8, 72, 152))


def draw_floor(walls: Bool[np.ndarray, "side side"], cell_pixels: int) -> Colours:
    """Walls are dark and the floor is light.

    Raises:
        ValueError: If `cell_pixels` is less than 8.
    """
    if cell_pixels < 8:
        raise ValueError(f"cell_pixels is {cell_pixels}; it must be at least 8")
    floor = np.array(FLOOR_COLOURS, float)[np.indices(walls.shape).sum(0) % 2]
    cells = np.where(walls[..., None], np.array(WALL_COLOUR, float), floor)
    return cells.repeat(cell_pixels, 0).repeat(cell_pixels, 1)


def single_cell(colour: Colour, cell_pixels: int) -> Colours:
    """A cell by itself, for a key."""
    return np.full((cell_pixels, cell_pixels, 3), colour, float)


def cell_view(image: Colours, row: int, column: int, cell_pixels: int) -> Colours:
    """The part of an image that shows a cell, to be drawn in."""
    top, left = cell_pixels * row, cell_pixels * column
    return image[top : top + cell_pixels, left : left + cell_pixels]


def framed(image: Colours, cell_pixels: int) -> Picture:
    """The finished picture, with a frame of a quarter of a cell."""
    frame = max(2, cell_pixels // 4)
    shape = (image.shape[0] + 2 * frame, image.shape[1] + 2 * frame, 3)
    picture = np.full(shape, FRAME_COLOUR, float)
    picture[frame:-frame, frame:-frame] = image
    return finished(picture)


def finished(image: Colours) -> Picture:
    """Colours as whole numbers."""
    return np.rint(image).astype(np.uint8)


def draw_object(cell: Colours, reward: float, terminates: bool) -> None:
    """A disc from red (reward -1) over grey to blue (1), ringed dark if it can end the episode."""
    ring = TERMINATING_RING_COLOUR if terminates else HARMLESS_RING_COLOUR
    fill = [
        np.interp(reward, REWARD_STOPS, channel) for channel in zip(*REWARD_COLOURS, strict=True)
    ]
    vertical, horizontal = _offsets(cell)
    from_centre = np.hypot(vertical, horizontal)
    _paint(cell, ring, from_centre - 0.40)
    _paint(cell, fill, from_centre - 0.31)


def draw_agent(cell: Colours) -> None:
    """A dark diamond with a golden core."""
    vertical, horizontal = _offsets(cell)
    from_centre = (np.abs(vertical) + np.abs(horizontal)) / np.sqrt(2)
    _paint(cell, AGENT_COLOUR, from_centre - 0.32)
    _paint(cell, AGENT_CORE_COLOUR, from_centre - 0.19)


def draw_looking_agent(cell: Colours, row_step: int, column_step: int) -> None:
    """A dark wedge with a golden core, which points where a step forward leads."""
    vertical, horizontal = _offsets(cell)
    forward = row_step * vertical + column_step * horizontal
    sideways = np.abs(row_step * horizontal - column_step * vertical)
    to_flank = (forward + 2 * sideways) / np.sqrt(5) - 0.18
    to_edge = np.maximum(to_flank, -forward - 0.32)
    _paint(cell, AGENT_COLOUR, to_edge)
    _paint(cell, AGENT_CORE_COLOUR, to_edge + 0.09)


def shade(cell: Colours, colour: Colour, share: float) -> None:
    """Tint a whole cell, in place."""
    cell += share * (np.array(colour, float) - cell)


def _offsets(cell: Colours) -> tuple[np.ndarray, np.ndarray]:
    """Distances of a cell's pixels from its centre, in cells."""
    pixels = cell.shape[0]
    along = (np.arange(pixels) + 0.5) / pixels - 0.5
    return along[:, None], along[None, :]


def _paint(cell: Colours, colour: tuple | list, distance: np.ndarray) -> None:
    """Paint, in place, where the signed distance to a shape's edge (in cells) is negative."""
    coverage = np.clip(0.5 - distance * cell.shape[0], 0.0, 1.0)[..., None]
    cell += coverage * (np.array(colour, float) - cell)
