import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.gridworld import (
    LEVEL_DISTRIBUTIONS,
    MAZES,
    TABULAR_LEVELS,
    GridWorld,
    level_distribution,
    optimal_return,
    resize,
)
from rlsuite.envs.gridworld.mazes import parse_layout
from rlsuite.envs.gridworld.recipes import RECIPES, FixedLevel

DRAWS = 300
KEYS = jax.random.split(jax.random.key(0), DRAWS)

SAMPLED_RANGES = {
    # name: side, step limit, objects, lifetime, most walls, tabular
    "small": ((4, 6), (20, 100), (1, 3), (250, 250), 7, True),
    "medium": ((6, 8), (100, 250), (2, 4), (1000, 1000), 10, True),
    "large": ((8, 10), (250, 750), (2, 5), (2500, 2500), 15, True),
    "all": ((4, 10), (20, 750), (1, 5), (1000, 1000), 15, True),
    "rand_all": ((4, 10), (20, 750), (1, 5), (25_000, 25_000), 15, False),
    "all_shortlife": ((4, 10), (20, 750), (1, 5), (250, 250), 15, True),
    "all_randlife": ((4, 10), (20, 750), (1, 5), (50, 250), 15, True),
    "all_vrandlife": ((4, 10), (20, 750), (1, 5), (10, 250), 15, True),
}
FIXED_LEVELS = {
    # name: side, step limit, types, rewards, termination, respawn, walls
    "dense": (11, 500, (0, 0, 1, 2), (1, -1, -1), (0, 0.5, 0), (0.05, 0.1, 0.5), 0),
    "sparse": (13, 50, (0, 1), (1, -1), (1, 1), (0, 0), 0),
    "long": (11, 1000, (0, 0, 1, 1), (1, -1), (0, 0.5), (0.01, 1), 0),
    "longer": (9, 2000, (0, 0, 1, 1, 1), (1, -1), (0.1, 0.8), (0.01, 1), 7),
    "long_dense": (11, 2000, (0, 0, 0, 0), (1,), (0,), (0.005,), 17),
    "rand_dense": (11, 500, (0, 0, 1, 2), (1, -1, -1), (0, 0.5, 0), (0.05, 0.1, 0.5), 0),
    "rand_long": (11, 1000, (0, 0, 1, 1), (1, -1), (0, 0.5), (0.01, 1), 0),
    "rand_small": (7, 500, (0, 0, 1, 1), (1, -1), (0, 0.5), (0.05, 0.1), 2),
    "rand_sparse": (7, 50, (0, 1, 1), (1, -1), (1, 1), (1, 1), 0),
    "rand_very_dense": (11, 2000, (0,), (1,), (0,), (1,), 0),
}


def drawn(name):
    """Many draws of a distribution, as NumPy arrays."""
    distribution = level_distribution(name)
    return distribution, *jax.tree.map(np.asarray, jax.jit(jax.vmap(distribution.draw))(KEYS))


def reaches_an_object(open_cells, start, targets):
    """Breadth-first search in plain Python over a square boolean array."""
    reached, frontier = {start}, [start]
    while frontier:
        row, column = frontier.pop()
        if (row, column) in targets:
            return True
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = all(0 <= index < len(open_cells) for index in cell)
            if inside and open_cells[cell] and cell not in reached:
                reached.add(cell)
                frontier.append(cell)
    return False


def check_valid(world, level):
    side = int(level.side)
    assert 2 <= side <= world.max_side
    is_open = ~level.walls.reshape(world.max_side, world.max_side)[:side, :side]
    used = level.object_position[level.object_type >= 0]
    cells = [divmod(int(cell), world.max_side) for cell in (level.start, *used)]
    assert len(set(cells)) == len(cells)
    assert all(max(cell) < side and is_open[cell] for cell in cells)
    assert reaches_an_object(is_open, cells[0], set(cells[1:]))


@pytest.mark.parametrize("name", LEVEL_DISTRIBUTIONS)
def test_every_level_is_valid(name):
    distribution, levels, lifetimes, mended = drawn(name)
    for draw in range(DRAWS):
        check_valid(distribution.world, jax.tree.map(lambda leaf, i=draw: leaf[i], levels))
    low, high = distribution.lifetime_range
    assert low <= lifetimes.min() <= lifetimes.max() <= high
    assert mended.mean() < 0.06
    if name in SAMPLED_RANGES:
        check_ranges(distribution, levels, lifetimes, *SAMPLED_RANGES[name])
    elif name in MAZES:
        assert not mended.any()
        assert (levels.walls == parse_layout(MAZES[name]).ravel()).all()
        assert (levels.type_reward >= 0).all()
        assert set(levels.max_steps_in_episode) == set(range(25, 51))
        assert (levels.object_type == [0, 1, 2]).all()
        assert (lifetimes == 2500).all()
        check_probabilities(levels)
    else:
        assert not mended.any()
        check_fixed(distribution, levels, lifetimes, *FIXED_LEVELS[name])


def check_probabilities(levels):
    for probability, low, high in (
        (levels.type_termination_probability, 0.01, 1.0),
        (levels.type_respawn_probability, 0.001, 0.1),
    ):
        assert low <= probability.min() <= probability.max() <= high
        # The logarithm is uniform: its mean lies within five standard errors of the middle.
        position = np.log(probability / low) / np.log(high / low)
        assert abs(position.mean() - 0.5) < 5 * np.sqrt(1 / 12 / position.size)


def check_ranges(distribution, levels, lifetimes, side, steps, objects, lifetime, walls, tabular):
    world = distribution.world
    assert world == GridWorld(
        max_side=side[1], max_objects=objects[1], max_types=objects[1], tabular=tabular
    )
    assert set(levels.side) == set(range(side[0], side[1] + 1))
    assert steps[0] <= levels.max_steps_in_episode.min()
    assert levels.max_steps_in_episode.max() <= steps[1]
    position = np.log(levels.max_steps_in_episode / steps[0]) / np.log(steps[1] / steps[0])
    assert abs(position.mean() - 0.5) < 5 * np.sqrt(1 / 12 / DRAWS) + 0.01
    counts = (levels.object_type >= 0).sum(axis=1)
    assert set(counts) == set(range(objects[0], objects[1] + 1))
    slots = np.arange(world.max_objects)
    assert (levels.object_type == np.where(slots < counts[:, None], slots, -1)).all()
    assert set(levels.walls.sum(axis=1)) == {0, walls} or (levels.walls.sum(axis=1) == walls).all()
    assert (np.abs(levels.type_reward) <= 1).all()
    assert (levels.type_reward[:, 0] >= 0).all()
    assert (levels.type_reward[:, 1:] < -0.8).any()
    check_probabilities(levels)
    assert lifetime == distribution.lifetime_range
    assert lifetime[1] - lifetimes.max() <= 0.05 * lifetime[1]


def check_fixed(distribution, levels, lifetimes, side, steps, types, rewards, ends, respawn, walls):
    tabular = not distribution.name.startswith("rand_")
    assert distribution.world == GridWorld(
        max_side=side, max_objects=len(types), max_types=len(rewards), tabular=tabular
    )
    assert (lifetimes == (2500 if tabular else 25_000)).all()
    assert (levels.side == side).all()
    assert (levels.max_steps_in_episode == steps).all()
    assert (levels.walls.sum(axis=1) == walls).all()
    for leaf, expected in (
        (levels.object_type, types),
        (levels.type_reward, rewards),
        (levels.type_termination_probability, ends),
        (levels.type_respawn_probability, respawn),
    ):
        np.testing.assert_array_equal(leaf, np.broadcast_to(np.float32(expected), leaf.shape))
    assert len(set(levels.start)) > 20
    assert len(set(levels.object_position[:, 0])) > 20


def walled(name):
    recipe = RECIPES[name]
    assert isinstance(recipe, FixedLevel)
    return {tuple(cell) for cell in np.argwhere(parse_layout(recipe.layout)).tolist()}


def test_walls_of_the_fixed_levels():
    assert walled("longer") == {(row, 4) for row in range(9)} - {(1, 4), (7, 4)}
    vertical = {(row, 5) for row in range(11)} - {(0, 5), (7, 5)}
    horizontal = {(4, column) for column in range(11)} - {(4, 2), (4, 8)}
    assert walled("long_dense") == vertical | horizontal
    assert walled("rand_small") == {divmod(9, 7), divmod(25, 7)}


def test_names():
    assert set(LEVEL_DISTRIBUTIONS) == {*FIXED_LEVELS, *SAMPLED_RANGES, *MAZES}
    assert set(TABULAR_LEVELS) <= set(FIXED_LEVELS)
    with pytest.raises(ValueError, match="unknown level distribution 'al'; known: dense, sparse"):
        level_distribution("al")


def test_the_same_distribution_is_the_same_object():
    assert level_distribution("all") is level_distribution("all")


def test_a_larger_world_gives_the_same_level():
    own, larger = level_distribution("small"), level_distribution("small", max_side=9, max_types=4)
    assert larger.world == GridWorld(max_side=9, max_objects=3, max_types=4)
    level, lifetime = jax.jit(own.sample)(jax.random.key(5))
    resized, same_lifetime = jax.jit(larger.sample)(jax.random.key(5))
    expected = resize(level, own.world, larger.world)
    jax.tree.map(np.testing.assert_array_equal, resized, expected)
    assert lifetime == same_lifetime


def test_resizing_keeps_the_task():
    distribution = level_distribution("small")
    larger = GridWorld(max_side=8, max_objects=4, max_types=5)

    @jax.jit
    @jax.vmap
    def solve_twice(key):
        level, _ = distribution.sample(key)
        resized = resize(level, distribution.world, larger)
        before = optimal_return(distribution.world, level)
        return level, resized, before, optimal_return(larger, resized)

    levels, resized, before, after = solve_twice(jax.random.split(jax.random.key(1), 20))
    np.testing.assert_allclose(after, before, rtol=1e-5)
    row, column = jnp.divmod(levels.start, distribution.world.max_side)
    np.testing.assert_array_equal(resized.start, row * 8 + column)


@pytest.mark.parametrize("field", ["max_side", "max_objects", "max_types"])
def test_a_world_too_small_is_refused(field):
    with pytest.raises(ValueError, match=f"{field} is 2; it must be at least"):
        level_distribution("all", **{field: 2})
