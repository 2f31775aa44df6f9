from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.gridworld import edit_grid_level, level_distribution
from rlsuite.envs.gridworld.editing import is_valid, reflect
from rlsuite.envs.gridworld.recipes import RECIPES

NUM = 400
NAMES = ("small", "longer", "rand_small")


def edited(name, num_edits, world, key):
    """A level of a distribution, and the same edited."""
    draw_key, edit_key = jax.random.split(key)
    level, _ = level_distribution(name, max_side=world.max_side).sample(draw_key)
    return level, edit_grid_level(name, world, num_edits)(edit_key, level)


@pytest.fixture(scope="module", params=NAMES)
def before_and_after(request):
    """Many levels and what four edits made of them, as NumPy arrays."""
    world = level_distribution(request.param, max_side=9).world
    keys = jax.random.split(jax.random.key(0), NUM)
    both = jax.jit(jax.vmap(partial(edited, request.param, 4, world)))(keys)
    return request.param, world, *jax.tree.map(np.asarray, both)


def test_edited_levels_are_valid(before_and_after):
    _, world, before, after = before_and_after
    valid = jax.jit(jax.vmap(lambda level: is_valid(level, world)))
    assert valid(before).all() and valid(after).all()
    assert ((after.object_type >= 0).sum(axis=1) >= 1).all()


def test_ranges_are_those_of_the_distribution(before_and_after):
    name, _, before, after = before_and_after
    recipe = RECIPES[name]
    sides, limits = after.side, after.max_steps_in_episode
    if name == "small":
        assert sides.min() == 4 and sides.max() == 6
        assert limits.min() >= 20 and limits.max() <= 100
        assert (sides != before.side).any() and (limits != before.max_steps_in_episode).any()
        assert after.type_reward[:, 1:].min() < 0
    else:
        assert (sides == recipe.side).all() and (limits == recipe.max_steps).all()
    assert after.type_reward[:, 0].min() >= 0 and np.abs(after.type_reward).max() <= 1
    termination, respawn = after.type_termination_probability, after.type_respawn_probability
    changed = termination != before.type_termination_probability
    assert changed.any() and termination[changed].min() >= 0.01 and termination.max() <= 1
    changed = respawn != before.type_respawn_probability
    assert changed.any() and respawn[changed].min() >= 0.001 and respawn[changed].max() <= 0.1


def test_few_things_differ(before_and_after):
    name, world, before, after = before_and_after
    # Walls outside a level are cleared when its side changes: those inside the smallest never are.
    smallest = np.min(RECIPES[name].side)
    flipped = (after.walls != before.walls).reshape(NUM, world.max_side, world.max_side)
    assert (flipped[:, :smallest, :smallest].sum(axis=(1, 2)) <= 4).all()
    assert ((after.object_type != before.object_type).sum(axis=1) <= 4).all()
    fields = [
        *("walls", "start", "object_type", "object_position"),
        *("type_reward", "type_termination_probability", "type_respawn_probability"),
    ]
    for field in fields:
        share = np.mean(
            [
                (a != b).any()
                for a, b in zip(getattr(before, field), getattr(after, field), strict=True)
            ]
        )
        assert 0.1 < share < 0.9, field


def test_no_edits_change_nothing_and_the_same_key_does_the_same():
    distribution = level_distribution("small")
    level, _ = jax.jit(distribution.sample)(jax.random.key(0))
    none, three = (
        jax.jit(edit_grid_level("small", distribution.world, num_edits)) for num_edits in (0, 3)
    )

    def same(one, other):
        return jax.tree.all(jax.tree.map(np.array_equal, one, other))

    assert same(none(jax.random.key(0), level), level)
    assert same(three(jax.random.key(1), level), three(jax.random.key(1), level))


@settings(max_examples=50, deadline=None)
@given(
    value=st.floats(-5, 5, width=32),
    low=st.sampled_from([-1.0, 0.0]),
)
def test_reflection_is_what_folding_gives(value, low):
    expected = value
    while not low <= expected <= 1:
        expected = 2 * low - expected if expected < low else 2 - expected
    assert float(reflect(jnp.float32(value), low, 1.0)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "num_edits", "message"),
    [
        ("smal", 1, "unknown level distribution 'smal'; known: dense, "),
        ("small", -1, "num_edits: -1 is not allowed; it must be at least 0"),
    ],
)
def test_bad_input(name, num_edits, message):
    with pytest.raises(ValueError, match=message):
        edit_grid_level(name, level_distribution("small").world, num_edits)
