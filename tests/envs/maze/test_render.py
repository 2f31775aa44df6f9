import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import Maze, parse_level, picture_key, render, render_path, render_text
from rlsuite.envs.maze.view import EAST, NORTH, SOUTH, WEST
from rlsuite.envs.maze.world import State
from rlsuite.envs.pictures import AGENT_CORE_COLOUR, FRAME_COLOUR, WALL_COLOUR

WORLD = Maze(7, view=3)
LEVEL = parse_level("....... ..#.... ..^.... .#..... ....... ....... ......G")
PIXELS, FRAME = 16, 4


def cell(image, row, column):
    top, left = FRAME + row * PIXELS, FRAME + column * PIXELS
    return image[top : top + PIXELS, left : left + PIXELS].astype(int)


def test_what_is_where():
    image = render(WORLD, LEVEL)
    assert image.shape == (7 * PIXELS + 2 * FRAME,) * 2 + (3,) and image.dtype == np.uint8
    assert (image[:FRAME] == FRAME_COLOUR).all()
    assert (cell(image, 3, 1) == WALL_COLOUR).all()
    assert (cell(image, 2, 2)[8, 8] == AGENT_CORE_COLOUR).all()
    goal = cell(image, 6, 6)[8, 8]
    assert goal[2] > goal[0] + 50
    assert cell(image, 5, 5).min() > 220


def test_what_the_agent_sees_is_golden():
    image = render(WORLD, LEVEL)

    def golden(row, column):
        red, _, blue = cell(image, row, column)[0, 0]
        return red > blue + 20

    seen = {(row, column) for row in range(7) for column in range(7) if golden(row, column)}
    assert seen == {(row, column) for row in range(3) for column in range(1, 4)}


@pytest.mark.parametrize(
    ("direction", "step"),
    [(EAST, (0, 1)), (SOUTH, (1, 0)), (WEST, (0, -1)), (NORTH, (-1, 0))],
)
def test_the_agent_points_where_it_looks(direction, step):
    state = State(time=jnp.int32(0), position=jnp.int32(24), direction=jnp.int32(direction))
    here = cell(render(WORLD, LEVEL, state), 3, 3)
    dark = np.argwhere(here.sum(axis=-1) < 300)
    # A wedge is widest at its back: its middle lies behind that of the cell.
    assert (dark.mean(axis=0) - 7.5) @ step < -0.5


def test_the_key_shows_what_pictures_show():
    image, key = render(WORLD, LEVEL.replace(direction=jnp.int32(EAST))), picture_key()
    assert list(key) == ["agent", "goal", "seen by the agent", "wall"]
    for meaning, place in {"goal": (6, 6), "wall": (3, 1), "seen by the agent": (2, 4)}.items():
        assert np.abs(cell(image, *place) - key[meaning]).max() < 10
    assert (key["agent"][8, 8] == AGENT_CORE_COLOUR).all()


def test_text_of_a_state():
    state = State(time=jnp.int32(0), position=jnp.int32(0), direction=jnp.int32(SOUTH))
    rows = render_text(WORLD, LEVEL, state).split()
    assert rows[0] == "v......" and rows[2] == "......." and rows[6] == "......G"


def test_tiny_cells_are_refused():
    with pytest.raises(ValueError, match="cell_pixels is 4; it must be at least 8"):
        render(WORLD, LEVEL, cell_pixels=4)


def test_a_path_is_golden_floor_and_all_else_is_as_it_is_at_the_start():
    world = Maze(4)
    level = world.default_params
    plain, drawn = (render_path(world, level, cells) for cells in ((), (1, 2, 1)))
    changed = np.argwhere((plain != drawn).any(axis=-1))
    # A frame of 4 pixels, then 16 for each cell of the first row.
    assert changed.min(axis=0).tolist() == [4, 20] and changed.max(axis=0).tolist() == [19, 51]
    assert len(changed) == 2 * 16 * 16
