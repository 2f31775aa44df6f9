"""That the tests check annotations: each of these calls is wrong in its own way."""

import jax
import jax.numpy as jnp
import pytest

from rlsuite.agents import side_by_side
from rlsuite.envs.cheap_talk import append_message
from rlsuite.envs.gridworld import GridWorld, render_text


def test_numbers_of_axes_are_checked():
    append_message(jnp.zeros((2, 3)), jnp.zeros(2))
    with pytest.raises(Exception, match="message"):
        append_message(jnp.zeros((2, 3)), jnp.zeros((2, 3)))


def test_types_of_numbers_are_checked_while_tracing_too():
    with pytest.raises(Exception, match="message"):
        jax.eval_shape(append_message, jnp.zeros(2), jnp.zeros(2, jnp.int32))


def test_classes_are_checked():
    world = GridWorld(max_side=3)
    assert "@" in render_text(world, world.default_params)
    with pytest.raises(Exception, match="level"):
        render_text(world, "a level")


def test_generic_named_tuples_are_checked():
    with pytest.raises(Exception, match="actor"):
        side_by_side("an actor", "a predictor")
