import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.debugging import Operand, Operation, origin

X = jnp.array([0.5, 2.0, -1.0, 3.0])


def line_of(function, text: str) -> int:
    """The number of the line of a function's source that holds a text."""
    lines, first = inspect.getsourcelines(function)
    return first + next(index for index, line in enumerate(lines) if text in line)


def logarithm(x):
    harmless = jnp.where(x > 100, x, jnp.nan)
    y = x * jnp.where(jnp.isnan(harmless), 2.0, harmless)
    return jnp.log(y).sum()  # culprit


def no_over_no(x):
    zero = (x - x).sum()
    return jnp.ones(2) + zero / (2 * zero)  # culprit


def root_at_zero(x):
    return jax.grad(lambda x: jnp.sqrt((x - x[0]) ** 2).sum())(x)  # culprit


def overflow(x):
    large = jnp.exp(x * 100.0)  # culprit
    return large.mean() * 0.5


def in_scan(x):
    def turn(total, one):
        total = total + jnp.log(one)  # culprit
        return total, total * 2

    return jax.lax.scan(turn, jnp.zeros(()), x)[0]


def in_sequence_of_scan(x):
    doubled = jax.lax.scan(lambda c, one: (c, jnp.log(one)), 0.0, x, reverse=True)[1]  # culprit
    return doubled * 2


def in_while(x):
    def turn(state):
        count, y = state
        return count + 1, jnp.sqrt(y - 1.0)  # culprit

    return jax.lax.while_loop(lambda state: state[0] < 5, turn, (0, x[1] * 2))[1]


def in_branch(x):
    branches = [lambda y: y, lambda y: jnp.log(-y)]  # culprit
    return jax.lax.switch(1, branches, jnp.abs(x))


def in_lanes(x):
    def lane(one):
        return jax.lax.cond(one > 2.5, lambda y: jnp.log(-y), lambda y: y, one)  # culprit

    return jax.vmap(lane)(x)


def in_call(x):
    inner = jax.jit(lambda y: jnp.arccos(y))  # culprit
    return jax.checkpoint(lambda y: inner(y) + 1)(x)


@jax.custom_jvp
def own_rule(x):
    return x**2


@own_rule.defjvp
def _(primals, tangents):
    return own_rule(*primals), tangents[0] / jnp.zeros(())  # culprit


def in_own_derivative(x):
    return jax.grad(lambda x: own_rule(x).sum())(x)


@jax.custom_vjp
def backwards(x):
    return x**2


def backwards_backward(x, cotangent):
    return (cotangent * jnp.log(x - x),)


backwards.defvjp(lambda x: (backwards(x), x), backwards_backward)


def in_own_backward_pass(x):
    # JAX says of a backward pass only for which call it was.
    return jax.grad(lambda x: backwards(x).sum())(x)  # culprit


def by_gathering(x):
    table = jnp.log(x)  # culprit
    return jnp.concatenate([x, table[jnp.array([3, 2, 1])]]).reshape(7, 1) @ jnp.ones((1, 2))


@pytest.mark.parametrize(
    ("function", "where", "operation", "number"),
    [
        (logarithm, None, "log", -2.0),
        (no_over_no, None, "div", 0.0),
        (overflow, None, "exp", 200.0),
        (in_scan, None, "log", -1.0),
        (in_sequence_of_scan, None, "log", -1.0),
        (in_while, None, "sqrt", None),
        (in_branch, None, "log", -0.5),
        (in_lanes, None, "log", -3.0),
        (in_call, None, "acos", 2.0),
        (in_own_derivative, _, "div", 1.0),
        (in_own_backward_pass, None, "log", 0.0),
        (by_gathering, None, "log", -1.0),
    ],
)
def test_the_operation_that_made_it_is_named(function, where, operation, number):
    for traced in (function, jax.jit(function)):
        found = origin(traced, X)
        assert found.operation.name == operation
        line = line_of(where or function, "# culprit")
        assert f"test_debugging.py:{line} (" in found.operation.place
        assert not np.isfinite(found.operation.result)
        if number is not None:
            assert found.operation.operands[0].number == pytest.approx(number)


def test_what_made_nan_of_an_infinity_is_named_as_well():
    found = origin(lambda x: jnp.exp(x * 100.0) - jnp.exp(x * 100.0), X)
    assert (found.operation.name, found.operation.result) == ("exp", np.inf)
    assert found.later.name == "sub" and np.isnan(found.later.result)
    assert [operand.number for operand in found.later.operands] == [np.inf, np.inf]

    found = origin(root_at_zero, X)
    assert (found.operation.name, found.later.name) == ("div", "mul")
    assert f":{line_of(root_at_zero, '# culprit')} (" in found.operation.place


def test_operands_are_described():
    found = origin(lambda x, y: (jnp.log(x)[:, None] * y).sum(), X, jnp.ones((4, 2)))
    (operand,) = found.operation.operands
    assert operand == Operand("float32[4]", low=-1.0, high=3.0, number=-1.0)
    assert np.isnan(found.operation.result)


@pytest.mark.parametrize(("function", "turn"), [(in_scan, 2), (in_sequence_of_scan, 1)])
def test_the_turn_of_a_loop_is_the_first_in_which_it_is_bad(function, turn):
    (found,) = origin(function, X).turns
    assert (found.loop, found.turn) == ("scan", turn)
    assert "test_debugging.py" in found.place


def test_loops_within_loops():
    def inner(y):
        return jax.lax.while_loop(lambda s: s[0] < 9, lambda s: (s[0] + 1, s[1] * 1e10), (0, y))[1]

    def outer(y, one):
        return y + inner(one), None

    found = origin(lambda x: jax.lax.scan(outer, 0.0, x)[0], jnp.array([0.0, 0.0, 1.0, 0.0]))
    # 1e40 is too large.
    assert [(turn.loop, turn.turn) for turn in found.turns] == [("scan", 2), ("while", 3)]
    assert found.operation.name == "mul"


def test_a_number_that_wanders_through_what_a_loop_carries():
    def turn(carried, count):
        first, second = carried
        return (jnp.where(count == 3, jnp.log(first - 1), second), first), None

    found = origin(lambda x: jax.lax.scan(turn, (x[0], x[0]), jnp.arange(10))[0][0], X)
    assert found.operation.name == "log" and found.turns[0].turn == 3


def test_a_number_that_was_there_before_the_loop():
    def function(x):
        start = jnp.log(x)
        return jax.lax.fori_loop(0, jnp.abs(x[0] * 8).astype(int), lambda i, y: y * 2, start)

    found = origin(function, X)
    assert found.operation.name == "log" and found.turns == ()
    assert np.isnan(found.operation.result) and found.operation.operands[0].number == -1


@pytest.mark.parametrize("place", ["literal", "array"])
def test_constants_are_origins(place):
    constant = jnp.nan if place == "literal" else jnp.array([0.0, 0.0, np.nan, 0.0])
    found = origin(lambda x: x * constant, X)
    assert found.operation.name == "constant" and np.isnan(found.operation.result)
    assert "test_debugging.py" in found.operation.place


def test_arguments_are_origins():
    state = {"a": jnp.ones(3), "b": jnp.array([[1.0, np.inf]])}
    found = origin(lambda x, state: state["a"].sum() + state["b"][0] * 2 + x, 1.0, state)
    assert found.operation == Operation("argument", "['b']", np.inf)
    assert found.argument == (2, 1)


def test_nothing_is_found_where_all_is_finite():
    assert origin(lambda x: jnp.nansum(jnp.where(x > 0, jnp.log(x), jnp.nan)), X) is None
    assert origin(lambda x: x.astype(int), X) is None


def test_harmless_numbers_of_the_same_array_are_not_followed():
    def function(x):
        unreported = jnp.where(x > 2.5, jnp.nan, x)  # The last one.
        logs = jnp.log(unreported)  # NaN of -1, too.
        return logs[:3].sum()

    found = origin(function, X)
    assert found.operation.name == "log"
    assert found.operation.operands[0].number == -1


def test_random_keys_pass_through():
    def function(key, x):
        def turn(key, one):
            key, noise_key = jax.random.split(key)
            return key, jnp.log(one - jnp.abs(jax.random.normal(noise_key)) * 0)

        return jax.lax.scan(turn, key, x)[1]

    found = origin(function, jax.random.key(0), X)
    assert found.operation.name == "log" and found.turns[0].turn == 2


def test_what_a_function_of_jax_does_inside_is_placed_where_it_was_called():
    def spread_out(x):
        return x.std()

    for function in (spread_out, lambda x: jnp.var(x), lambda x: jnp.linalg.norm(x)):
        found = origin(function, jnp.array([1e30, -1e30, 3.0]))
        assert found is not None and Path(__file__).name in found.operation.place
