"""Loops of a program, and from which turn of one a number comes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, jaxpr_as_fun
from jaxtyping import Array, Bool


class Number(NamedTuple):
    """One number of several arrays: which array, and where in it."""

    array: int
    position: int


class Moment(NamedTuple):
    """A number of what a turn of a loop returns; turn -1 is what the loop begins with."""

    turn: int
    number: Number


def is_bad(array: Any) -> Bool[np.ndarray, "*shape"]:
    """Which numbers of an array are not finite; none of one that holds no floats."""
    dtype = jnp.result_type(array)
    if not jnp.issubdtype(dtype, jnp.inexact):
        return np.zeros(np.shape(array), bool)
    return ~np.asarray(jnp.isfinite(array))


class Loop(NamedTuple):
    """A `scan` or a `while` with what it was given.

    Its body takes constants, what is carried and one slice of each sequence; it returns what is
    carried, and perhaps slices of new sequences.

    Attributes:
      body: one turn.
      constants: given to every turn.
      carried: what the first turn is given.
      sequences: one slice for each turn, along the first axis.
      num_turns: that were made.
      reverse: whether the first turn takes the last slices.
      num_before: operands of the loop before the body's constants.
    """

    body: ClosedJaxpr
    constants: Sequence[Array]
    carried: Sequence[Array]
    sequences: Sequence[Array]
    num_turns: int
    reverse: bool
    num_before: int

    @classmethod
    def of(cls, equation: JaxprEqn, operands: Sequence[Array]) -> "Loop":
        """The loop that an operation is."""
        parameters = equation.params
        if equation.primitive.name == "scan":
            body, num_constants = parameters["jaxpr"], parameters["num_consts"]
            first = num_constants + parameters["num_carry"]
            parts = operands[:num_constants], operands[num_constants:first], operands[first:]
            return cls(body, *parts, parameters["length"], parameters["reverse"], 0)
        before = parameters["cond_nconsts"]
        first = before + parameters["body_nconsts"]
        constants, carried, body = (
            operands[before:first],
            operands[first:],
            parameters["body_jaxpr"],
        )
        condition = parameters["cond_jaxpr"]
        num_turns = _num_turns(condition, operands[:before], body, constants, carried)
        return cls(body, constants, carried, (), num_turns, False, before)

    def last(self, number: Number) -> Moment:
        """The moment that a number of the loop's results comes from."""
        index = number.array - len(self.carried)
        if index < 0:
            return Moment(self.num_turns - 1, number)
        shape = self.body.jaxpr.outvars[number.array].aval.shape
        turn, position = divmod(number.position, int(np.prod(shape)))
        return Moment(self._slice(turn), Number(number.array, position))

    def first(self, moment: Moment) -> Moment:
        """The moment from which on a number that is carried was never finite up to this one."""
        if moment.number.array >= len(self.carried):
            return moment
        seen = _bad_after_turns(self, moment.number)[: moment.turn + 1]
        finite = np.flatnonzero(~seen)
        return moment._replace(turn=min(int(finite[-1]) + 1 if finite.size else 0, moment.turn))

    def inputs(self, turn: int) -> list[Array]:
        """What the body was given in a turn."""
        slices = [sequence[self._slice(turn)] for sequence in self.sequences]
        return [*self.constants, *_carried_into(self, turn), *slices]

    def is_carried(self, found: Number) -> bool:
        """Whether a number of the body's inputs is of what is carried."""
        return 0 <= found.array - len(self.constants) < len(self.carried)

    def before(self, found: Number, turn: int) -> Moment:
        """The moment at which a number that is carried into a turn was returned."""
        return Moment(turn - 1, found._replace(array=found.array - len(self.constants)))

    def operand(self, found: Number, turn: int) -> Number:
        """The number of the loop's operands that a number of the body's inputs is."""
        array = self.num_before + found.array
        if found.array < len(self.constants):
            return found._replace(array=array)
        shape = self.body.jaxpr.invars[found.array].aval.shape
        return Number(array, self._slice(turn) * int(np.prod(shape)) + found.position)

    def initial(self, number: Number) -> Number:
        """The number of the loop's operands that the first turn is given for one it carries."""
        return number._replace(array=self.num_before + len(self.constants) + number.array)

    def _slice(self, turn: int) -> int:
        return self.num_turns - 1 - turn if self.reverse else turn

    def _turn(self, carried: Sequence[Array], turn: Any) -> list[Array]:
        slices = [sequence[self._slice(turn)] for sequence in self.sequences]
        outputs = jaxpr_as_fun(self.body)(*self.constants, *carried, *slices)
        return list(outputs[: len(self.carried)])


def _num_turns(
    condition: ClosedJaxpr,
    of_condition: Sequence[Array],
    body: ClosedJaxpr,
    of_body: Sequence[Array],
    carried: Sequence[Array],
) -> int:
    def goes_on(state):
        return jaxpr_as_fun(condition)(*of_condition, *state[1])[0]

    def turn(state):
        return state[0] + 1, jaxpr_as_fun(body)(*of_body, *state[1])

    return int(jax.lax.while_loop(goes_on, turn, (jnp.zeros((), jnp.int32), list(carried)))[0])


def _carried_into(loop: Loop, turn: int) -> list[Array]:
    """What is carried into a turn."""
    return jax.lax.fori_loop(
        0, turn, lambda turn, carried: loop._turn(carried, turn), list(loop.carried)
    )


def _bad_after_turns(loop: Loop, number: Number) -> Bool[np.ndarray, " turn"]:
    """Whether a number that is carried is not finite, after each turn."""

    def turn(carried, turn):
        carried = loop._turn(carried, turn)
        return carried, ~jnp.isfinite(carried[number.array].reshape(-1)[number.position])

    return np.asarray(jax.lax.scan(turn, list(loop.carried), jnp.arange(loop.num_turns))[1])
