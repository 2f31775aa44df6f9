import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.maze import (
    SMALL_MAZES,
    STANDARD_MAZES,
    Maze,
    check_level,
    enlarge,
    parse_level,
    random_level,
    render_text,
    shortest_path,
)
from rlsuite.envs.maze.view import EAST, WEST

WORLD = Maze(13)
GOOD = parse_level(">#. ..G ...")


def draw(world, *budget):
    return jax.jit(lambda key: random_level(key, world, *budget))


DRAWS = {
    (world, budget): draw(world, *budget)
    for world, budget in ((Maze(2), (2,)), (Maze(3), (7, 0)), (Maze(5), (23,)), (Maze(4), (0,)))
}


@pytest.mark.parametrize(("world", "budget"), DRAWS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_levels_are_good_and_within_their_budget(world, budget, seed):
    level = DRAWS[world, budget](jax.random.key(seed))
    check_level(world, level)
    assert int(level.walls.sum()) <= budget[0]


@pytest.mark.parametrize(("budget", "mean"), [((25,), 23.3), ((60,), 50.6), ((60, 0), None)])
def test_walls_are_drawn_with_replacement(budget, mean):
    num = 2000
    levels = jax.jit(jax.vmap(lambda key: random_level(key, WORLD, *budget)))(
        jax.random.split(jax.random.key(0), num)
    )
    walls = np.asarray(levels.walls.sum(axis=1))
    if mean is None:
        numbers = np.arange(61)
        mean = float((169 * (1 - (1 - 1 / 169) ** numbers)).mean())
        assert walls.min() < 5
    assert abs(walls.mean() - mean) < 5 * walls.std() / np.sqrt(num) + 0.05
    # Every cell is as likely to be a wall, a start or a goal, and every direction.
    shares = levels.walls.mean(axis=0)
    assert float(jnp.abs(shares - mean / 169).max()) < 5 * np.sqrt(0.25 / num)
    for cells in (levels.start, levels.goal):
        counts = np.bincount(cells, minlength=169)
        assert ((counts - num / 169) ** 2 / (num / 169)).sum() < 169 + 5 * np.sqrt(2 * 169)
    directions = np.bincount(levels.direction, minlength=4)
    assert abs(directions - num / 4).max() < 5 * np.sqrt(num * 3 / 16)


def test_the_same_key_gives_the_same_level():
    one, two, other = (DRAWS[Maze(5), (23,)](jax.random.key(seed)) for seed in (3, 3, 4))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), one, two))
    assert not jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), one, other))


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ((168,), "max_walls: 168 is not allowed; it must be from 0 to 167, two less than the 169"),
        ((-1,), "max_walls: -1 is not allowed"),
        ((10, 11), "min_walls: 11 is not allowed; it must be from 0 to max_walls, 10"),
    ],
)
def test_budgets_out_of_range(budget, message):
    with pytest.raises(ValueError, match=message):
        random_level(jax.random.key(0), WORLD, *budget)


def test_text_is_read_and_written():
    text = ".#.\n<.G\n..."
    level = parse_level(text, max_steps=7)
    assert level.walls.tolist() == [False, True] + [False] * 7
    assert (int(level.start), int(level.goal), int(level.direction)) == (3, 5, 2)
    assert int(level.max_steps_in_episode) == 7
    assert render_text(Maze(3), level) == text


@pytest.mark.parametrize(
    ("world", "text"),
    [
        *(pytest.param(WORLD, text, id=name) for name, text in STANDARD_MAZES.items()),
        *(pytest.param(Maze(7), text, id=name) for name, text in SMALL_MAZES.items()),
    ],
)
def test_mazes_that_are_drawn_are_good_levels(world, text):
    level = parse_level(text)
    check_level(world, level)
    assert render_text(world, level) == "\n".join(text.split())


def test_a_flipped_labyrinth_is_the_labyrinth_in_a_mirror():
    plain, flipped = (
        parse_level(STANDARD_MAZES[name]) for name in ("Labyrinth", "LabyrinthFlipped")
    )
    np.testing.assert_array_equal(
        flipped.walls.reshape(13, 13), plain.walls.reshape(13, 13)[:, ::-1]
    )
    assert (int(plain.start), int(flipped.start)) == (0, 12)
    assert (int(plain.direction), int(flipped.direction)) == (EAST, WEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">G. ..G ...", "goal: 2 of them are not allowed; there must be one"),
        (">.. ... ...", "goal: 0 of them are not allowed"),
        (">G. ..< ...", "agent: 2 of them are not allowed"),
        (".G. ... ...", "agent: 0 of them are not allowed"),
        (">G. ...", "must be square"),
        (">Gx ... ...", "may hold only"),
    ],
)
def test_bad_drawings(text, message):
    with pytest.raises(ValueError, match=message):
        parse_level(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 1}, "start: 1 is not allowed; it must be a cell without wall"),
        ({"goal": 1}, "goal: 1 is not allowed; it must be a cell without wall"),
        ({"goal": [5, 6]}, r"goal: \[5, 6\] is not allowed; there must be one"),
        ({"goal": 0}, "goal: 0 is not allowed; it must not be the start's cell"),
        ({"start": 9}, "start: 9 is not allowed; it must be from 0 to 8"),
        ({"direction": 4}, "direction: 4 is not allowed; it must be from 0 to 3"),
        ({"max_steps_in_episode": 0}, "max_steps_in_episode: 0 is not allowed; it must be from 1"),
    ],
)
def test_bad_levels(change, message):
    check_level(Maze(3), GOOD)
    bad = GOOD.replace(**{name: jnp.array(value) for name, value in change.items()})
    with pytest.raises(ValueError, match=message) as caught:
        check_level(Maze(3), bad)
    assert "\n" not in str(caught.value)


def test_a_level_of_another_world():
    with pytest.raises(ValueError, match=r"walls: shape \(9,\) is not allowed; it must be \(16,\)"):
        check_level(Maze(4), GOOD)


def test_a_larger_world_holds_the_same_maze():
    level = enlarge(GOOD, Maze(3), Maze(5))
    check_level(Maze(5), level)
    assert render_text(Maze(5), level) == ">#.##\n..G##\n...##\n#####\n#####"
    assert int(shortest_path(Maze(5), level)) == int(shortest_path(Maze(3), GOOD))
    with pytest.raises(ValueError, match="side: 2 is not allowed; it must be at least 3"):
        enlarge(GOOD, Maze(3), Maze(2))
