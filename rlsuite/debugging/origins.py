"""Where a number that is not finite comes from: one number, followed back through a program.

A program is played operation by operation, and one number of its result is followed from the
operation that returned it to that of its operands to which it owes being NaN or infinite, and so on
until an operation is reached that made it of finite numbers. Numbers that are not finite and that
the result does not depend on, such as a NaN that a `where` puts aside, are never met.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun
from jax.interpreters.partial_eval import dce_jaxpr
from jaxtyping import Array

from rlsuite.debugging.loops import Loop, Number, is_bad
from rlsuite.debugging.places import UNKNOWN, place

# What stands in place of numbers that are not finite: few functions have an edge or a pole there.
_ORDINARY = 0.5


class Operand(NamedTuple):
    """What an operation was given.

    Attributes:
      type: its type and shape, as in `float32[4,4]`.
      low: the least of its numbers that are finite; NaN if none is.
      high: the greatest of them; likewise.
      number: the one that belongs to the number that was followed, where that can be said.
    """

    type: str
    low: float
    high: float
    number: float | None


class Operation(NamedTuple):
    """An operation that returned a number that is not finite.

    Attributes:
      name: of JAX's primitive; `constant` or `argument` where there was no operation.
      place: file, line and function of the code that asked for it; where an argument is.
      result: the number.
      operands: what it was given.
    """

    name: str
    place: str
    result: float
    operands: tuple[Operand, ...] = ()


class Turn(NamedTuple):
    """The turn of a loop, counted from 0, in which an operation was met."""

    loop: str
    place: str
    turn: int


class Origin(NamedTuple):
    """Where a number that is not finite comes from.

    Attributes:
      operation: the one that made it of finite numbers.
      turns: of the loops that the operation is in, the outermost first.
      later: where the operation made an infinity, the one that made NaN of it.
      argument: where an argument is the origin, the number of it that is, as leaf and position.
    """

    operation: Operation
    turns: tuple[Turn, ...] = ()
    later: Operation | None = None
    argument: Number | None = None


def origin(function: Callable[..., Array], *arguments: Any) -> Origin | None:
    """Where the first number of a function's result that is not finite comes from.

    Operations in loops, branches, calls and derivatives are met as any others; `shard_map` and
    kernels are operations themselves. Where an operation has several operands that are each enough
    to make its result what it is, one of them is followed. What became of a number that was turned
    into a decision, such as an index, is not known: a constant that was chosen by it is an origin.

    Args:
      function: returns one array of floats.
      *arguments: pytrees of arrays.

    Returns:
      None if all numbers of the result are finite when operations are run one at a time.
    """
    named = jax.tree_util.tree_leaves_with_path(arguments)
    paths, leaves = [path for path, _ in named], [leaf for _, leaf in named]
    structure = jax.tree.structure(arguments)
    program = jax.make_jaxpr(lambda *leaves: function(*jax.tree.unflatten(structure, leaves)))(
        *leaves
    )
    bad = np.flatnonzero(is_bad(jaxpr_as_fun(program)(*leaves)[0]))
    if not bad.size:
        return None
    try:
        found = _follow(program, leaves, Number(0, int(bad[0])))
    except _LostError:
        return None
    if isinstance(found, Origin):
        return found
    name = jax.tree_util.keystr(paths[found.array][1:])
    argument = Operation("argument", name, _at(leaves[found.array], found.position))
    return Origin(argument, argument=found)


class _LostError(Exception):
    """A number that is finite after all, where operations are run one at a time."""


def _follow(program: ClosedJaxpr, inputs: Sequence[Array], number: Number) -> Number | Origin:
    """From a number of a program's outputs to its origin, or to a number of the inputs."""
    jaxpr = _needed(program.jaxpr, number.array)
    values = dict(zip(jaxpr.constvars, program.consts, strict=True))
    values.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom):
        return atom.val if isinstance(atom, Literal) else values[atom]

    made_by: dict[Any, tuple[JaxprEqn, int]] = {}
    for equation in jaxpr.eqns:
        results = _run(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, results, strict=True))
        made_by.update({var: (equation, index) for index, var in enumerate(equation.outvars)})

    (atom,), position = jaxpr.outvars, number.position
    later, user = None, None
    if np.isfinite(_at(read(atom), position)):
        raise _LostError
    while not isinstance(atom, Literal) and atom in made_by:
        user, index = made_by[atom]
        operands = [read(one) for one in user.invars]
        found = _through(user, operands, Number(index, position))
        if isinstance(found, Origin):
            return found._replace(later=found.later or later)
        cause = _at(operands[found.array], found.position)
        if np.isnan(_at(read(atom), position)) and not np.isnan(cause):
            later = _operation(user, operands, read(atom), position)
        atom, position = user.invars[found.array], found.position
    if not isinstance(atom, Literal) and atom in jaxpr.invars:
        return Number(jaxpr.invars.index(atom), position)
    constant = Operation("constant", place(user) if user else "", _at(read(atom), position))
    return Origin(constant, later=later)


def _needed(jaxpr: Jaxpr, output: int) -> Jaxpr:
    """What of a program is needed for one of its outputs; it takes the inputs that it took."""
    used = [index == output for index in range(len(jaxpr.outvars))]
    return dce_jaxpr(jaxpr, used, instantiate=True)[0]


def _through(equation: JaxprEqn, operands: Sequence[Array], number: Number) -> Number | Origin:
    """From a number that an operation returned to its origin, or to a number of an operand."""
    name = equation.primitive.name
    try:
        if name in ("scan", "while"):
            return _through_loop(equation, operands, number)
        if name == "cond":
            branch = equation.params["branches"][int(operands[0])]
            return _shifted(_follow(branch, operands[1:], number), 1)
        if body := _called(equation):
            return _within(equation, _follow(body, operands, number))
    except _LostError:
        pass  # It is as near as one can come.
    cause = _cause(equation, operands, number)
    if cause is not None:
        return cause
    result = _run(equation, operands)[number.array]
    return Origin(_operation(equation, operands, result, number.position))


def _through_loop(equation: JaxprEqn, operands: Sequence[Array], number: Number) -> Number | Origin:
    loop = Loop.of(equation, operands)
    at = loop.last(number)
    while at.turn >= 0:
        at = loop.first(at)
        found = _follow(loop.body, loop.inputs(at.turn), at.number)
        if isinstance(found, Origin):
            turn = Turn(equation.primitive.name, place(equation), at.turn)
            return found._replace(turns=(turn, *found.turns))
        if not loop.is_carried(found):
            return loop.operand(found, at.turn)
        at = loop.before(found, at.turn)
    return loop.initial(at.number)


def _called(equation: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an operation stands for, if it is a call of one."""
    bodies = [equation.params.get(name) for name in ("jaxpr", "call_jaxpr")]
    body = next((body for body in bodies if isinstance(body, Jaxpr | ClosedJaxpr)), None)
    if body is None or equation.primitive.name == "shard_map":
        return None
    body = body if isinstance(body, ClosedJaxpr) else ClosedJaxpr(body, ())
    return body if len(body.jaxpr.invars) == len(equation.invars) else None


def _within(call: JaxprEqn, found: Number | Origin) -> Number | Origin:
    """What was found within a call; where nothing there has a place, that of the call is it."""
    if isinstance(found, Number):
        return found

    def placed(operation: Operation) -> Operation:
        is_lost = operation.place == UNKNOWN
        return operation._replace(place=place(call)) if is_lost else operation

    later = None if found.later is None else placed(found.later)
    return found._replace(operation=placed(found.operation), later=later)


def _shifted(found: Number | Origin, by: int) -> Number | Origin:
    return found if isinstance(found, Origin) else found._replace(array=found.array + by)


def _cause(equation: JaxprEqn, operands: Sequence[Array], number: Number) -> Number | None:
    """The number among an operation's operands that makes its result what it is.

    It is such that the result is finite with the numbers before it, and those after it replaced by
    ordinary ones, and no longer with it; numbers that are NaN go first. None if the result
    is not finite with ordinary numbers only: then it is made here.
    """
    bad = [
        Number(index, int(position))
        for index, operand in enumerate(operands)
        for position in np.flatnonzero(is_bad(operand))
    ]
    bad.sort(key=lambda one: not np.isnan(_at(operands[one.array], one.position)))

    def is_enough(count: int) -> bool:
        given = [_replaced(operand, index, bad[count:]) for index, operand in enumerate(operands)]
        return not np.isfinite(_at(_run(equation, given)[number.array], number.position))

    if is_enough(0):
        return None
    too_few, enough = 0, len(bad)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if is_enough(middle) else (middle, enough)
    return bad[enough - 1]


def _replaced(operand: Array, index: int, numbers: Sequence[Number]) -> Array:
    """An operand with ordinary numbers at some positions."""
    positions = np.array([one.position for one in numbers if one.array == index], int)
    if not positions.size:
        return operand
    flat = np.array(operand).reshape(-1)
    flat[positions] = _ORDINARY
    return jnp.asarray(flat.reshape(np.shape(operand)))


def _run(equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """What an operation returns, run by itself."""
    primitive = equation.primitive
    with equation.ctx.manager:
        results = primitive.bind(*operands, **primitive.get_bind_params(equation.params))
    return list(results) if primitive.multiple_results else [results]


def _at(array: Array, position: int) -> float:
    return float(np.asarray(array).reshape(-1)[position])


def _operation(
    equation: JaxprEqn, operands: Sequence[Array], result: Array, position: int
) -> Operation:
    shape = np.shape(result)
    described = tuple(_operand(operand, shape, position) for operand in operands)
    name, value = equation.primitive.name, _at(result, position)
    return Operation(name, place(equation), value, described)


def _operand(operand: Array, shape: tuple[int, ...], position: int) -> Operand:
    dtype = jnp.result_type(operand)
    of_numbers = jnp.issubdtype(dtype, jnp.number)
    numbers = np.asarray(operand).astype(np.float64).reshape(-1) if of_numbers else np.zeros(0)
    finite = numbers[np.isfinite(numbers)]
    low, high = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    number = None
    if numbers.size == 1 or (of_numbers and np.shape(operand) == shape):
        number = float(numbers[0 if numbers.size == 1 else position])
    sizes = ",".join(map(str, np.shape(operand)))
    return Operand(f"{dtype}[{sizes}]", float(low), float(high), number)
