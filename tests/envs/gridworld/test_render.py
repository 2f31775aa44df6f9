import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.gridworld import GridWorld, picture_key, render, render_text
from rlsuite.envs.pictures import AGENT_CORE_COLOUR, FRAME_COLOUR, WALL_COLOUR

WORLD = GridWorld(max_side=5, max_objects=3, max_types=3)
PIXELS, FRAME = 16, 4


@pytest.fixture
def level(draw_level):
    return draw_level(WORLD, "@.# .01 2..", rewards=(1.0, -1.0, 0.0), termination=(0.0, 0.5))


def centre(image, row, column):
    return image[FRAME + row * PIXELS + PIXELS // 2, FRAME + column * PIXELS + PIXELS // 2]


def test_only_the_levels_own_part_is_shown_in_a_frame(level):
    image = render(WORLD, level)
    assert image.shape == (3 * PIXELS + 2 * FRAME, 3 * PIXELS + 2 * FRAME, 3)
    assert image.dtype == np.uint8
    assert (image[:FRAME] == FRAME_COLOUR).all()
    assert (image[:, -FRAME:] == FRAME_COLOUR).all()


def test_colours_tell_what_is_where(level):
    image = render(WORLD, level).astype(int)
    assert (centre(image, 0, 0) == AGENT_CORE_COLOUR).all()
    assert (centre(image, 0, 2) == WALL_COLOUR).all()
    assert centre(image, 0, 1).min() > 220
    gain, loss, nothing = centre(image, 1, 1), centre(image, 1, 2), centre(image, 2, 0)
    assert gain[2] > gain[0] + 50
    assert loss[0] > loss[2] + 50
    assert np.ptp(nothing) < 10


def test_terminating_objects_have_a_dark_ring(level):
    image = render(WORLD, level, cell_pixels=32).astype(int)
    harmless, terminating = (image[8 + 48, 8 + 32 * column + 16 + 11] for column in (1, 2))
    assert harmless.min() > 200
    assert terminating.max() < 100


def test_the_key_shows_what_pictures_show(level):
    image, key = render(WORLD, level), picture_key()
    for meaning, (row, column) in {
        "agent": (0, 0),
        "wall": (0, 2),
        "reward 1": (1, 1),
        "no reward": (2, 0),
    }.items():
        corner = FRAME + row * PIXELS, FRAME + column * PIXELS
        cell = image[corner[0] : corner[0] + PIXELS, corner[1] : corner[1] + PIXELS].astype(int)
        # Floors are of two colours; what stands on them is the same.
        assert np.abs(cell[3:-3, 3:-3] - key[meaning][3:-3, 3:-3]).max() < 10
    loss = centre(image, 1, 2)
    assert (key["reward −1"][PIXELS // 2, PIXELS // 2] == loss).all()
    ring = image[FRAME + PIXELS + 8, FRAME + 2 * PIXELS + 13]
    assert ring.max() < 100
    assert (key["may end the episode"][8, 13] == ring).all()


def test_a_state_shows_what_is_there_now(level):
    _, state = WORLD.reset(jax.random.key(0), level)
    state = state.replace(
        position=jnp.int32(2 * 5 + 2), object_exists=jnp.array([False, True, True])
    )
    image = render(WORLD, level, state).astype(int)
    assert (centre(image, 2, 2) == AGENT_CORE_COLOUR).all()
    assert centre(image, 1, 1).min() > 220
    assert centre(image, 0, 0).min() > 220
    assert render_text(WORLD, level, state) == "..#\n..1\n2.@"


def test_text(level):
    assert render_text(WORLD, level) == "@.#\n.01\n2.."


def test_tiny_cells_are_refused(level):
    with pytest.raises(ValueError, match="cell_pixels is 4; it must be at least 8"):
        render(WORLD, level, cell_pixels=4)
