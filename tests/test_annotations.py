"""That the tests check annotations: each of these calls is wrong in its own way."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from annotations import checked
from jaxtyping import Array, Float, Int

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


def defined_anew(hint, default=None):
    """What checks a function that each call of this one defines."""

    def taking(value: hint, other: Any = default):
        del value, other

    return checked(taking)


HINTS = [
    lambda: Float[Array, "row"],
    lambda: Float[Array, "row column"],
    lambda: Int[Array, "row"],
    lambda: Float[np.ndarray, "row"],
    lambda: Float[Array, "row"] | None,
    lambda: tuple[Float[Array, "row"], int],
    lambda: Callable[[Float[Array, "row"]], int],
    lambda: Literal[1],
    lambda: Literal[True],
    lambda: bool,
]


@pytest.mark.parametrize("hint", HINTS)
def test_functions_that_are_defined_anew_share_what_checks_them(hint):
    assert defined_anew(hint()) is defined_anew(hint())
    others = [defined_anew(other()) for other in HINTS if other is not hint]
    assert defined_anew(hint()) not in others


def test_functions_that_are_defined_anew_are_checked_by_their_own_annotations():
    for _ in range(2):
        defined_anew(Float[Array, "row"])(jnp.zeros(2))
        defined_anew(Float[Array, "row column"])(jnp.zeros((2, 2)))
        with pytest.raises(Exception, match="value"):
            defined_anew(Float[Array, "row"])(jnp.zeros((2, 2)))


def test_functions_with_other_defaults_are_others():
    defaults = [object(), object()]
    first, second = (defined_anew(int, default) for default in defaults)
    assert first is not second
    assert [defined_anew(int, default) for default in defaults] == [first, second]
