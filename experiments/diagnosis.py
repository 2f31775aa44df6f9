"""Why a run has become not-a-number: its last chunk is played again, and an operation named."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from rlsuite.debugging import Operand, Operation, Origin, origin
from rlsuite.experiments.divergence import Divergence
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Metrics, State


class Diagnosis(NamedTuple):
    """What made a run not-a-number.

    Attributes:
      summary: one line.
      details: lines about operations and loops, if those were found.
    """

    summary: str
    details: tuple[str, ...] = ()


def diagnose(
    experiment: Experiment, state: State, step: int, last: int, found: Divergence
) -> Diagnosis:
    """Finds the operation that made a number not finite.

    The steps of a chunk are made one at a time up to the first after which what diverged is not
    finite. That step is followed back, operation by operation, and where it was given the number
    by the step before, so is that.

    Args:
      experiment: what was run.
      state: at the start of the chunk, all of whose watched parts are finite.
      step: the step of that state.
      last: the last step of the chunk.
      found: how the run has diverged in it.
    """
    chunk = _Chunk(experiment, state, step)

    def value(state: State, metrics: Metrics) -> Array:
        return found.value(experiment, state, metrics)

    steps = range(step + 1, last + 1)
    number = found.step or next((n for n in steps if chunk.has_bad(value, n)), None)
    if number is None:
        largest = _largest(value(*chunk.outcome(last)))
        return Diagnosis(f"its numbers have grown up to {largest:.3g}, and their squares overflow")
    return chunk.diagnosis(value, number)


Value = Callable[[State, Metrics], Array]
"""From a state, and the metrics of the step that led there, to an array."""


class _Chunk:
    """Steps that are made again from the state before the first of them."""

    def __init__(self, experiment: Experiment, state: State, step: int):
        self._experiment, self._step = experiment, step
        self._first: tuple[int, State, Metrics] = (step, state, {})
        self._latest = self._first
        self._make_step = experiment.jit(experiment.method.step)

    def outcome(self, number: int) -> tuple[State, Metrics]:
        """The state after a step, and the metrics of that step."""
        made, state, metrics = self._latest if number >= self._latest[0] else self._first
        for _ in range(number - made):
            state, metrics = self._make_step(state)
        self._latest = (number, state, metrics)
        return state, metrics

    def has_bad(self, value: Value, number: int) -> bool:
        """Whether a value is not finite after a step."""
        return not np.isfinite(value(*self.outcome(number))).all()

    def diagnosis(self, value: Value, number: int) -> Diagnosis:
        """What made a value not finite in a step, or in one before it."""
        before, _ = self.outcome(number - 1)
        make_step = _with_places(self._experiment.method.step)
        found = origin(lambda state: value(*make_step(state)), before)
        if found is None:
            return Diagnosis(f"step {number}, played one operation at a time, stays finite")
        if found.argument is None:
            return _told(found, number, _largest(self._experiment.learned(before)))
        if number == self._step + 1:
            return Diagnosis(f"{found.operation.place} was not finite at step {self._step} already")
        return self.diagnosis(_number_of_state(*found.argument), number - 1)


def _with_places(step: Callable[[State], Any]) -> Callable[[State], Any]:
    """The step as it was written: where it is compiled in place, its lines are forgotten."""
    return getattr(step, "__wrapped__", step) if isinstance(step, jax.stages.Wrapped) else step


def _largest(tree: Any) -> float:
    """The largest size of any number."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return max((float(jnp.abs(leaf).max()) for leaf in leaves if leaf.size), default=0.0)


def _number_of_state(leaf: int, position: int) -> Value:
    return lambda state, metrics: jax.tree.leaves(state)[leaf].reshape(-1)[position]


def _told(found: Origin, step: int, largest: float) -> Diagnosis:
    operations = [one for one in (found.operation, found.later) if one is not None]
    turns = [f"in turn {one.turn} of '{one.loop}' at {one.place}" for one in reversed(found.turns)]
    details = [_lines(found.operation), turns, _lines(found.later) if found.later else []]
    summary = ", and then ".join(map(_sentence, operations))
    return Diagnosis(
        f"in step {step} {summary}; the largest parameter before that was {largest:.3g}",
        tuple(line for part in details for line in part),
    )


def _sentence(operation: Operation) -> str:
    result = f"{operation.result:.3g}"
    if not operation.operands:
        return f"a {operation.name} was {result} at {operation.place}"
    numbers = [one.number for one in operation.operands]
    of = "" if None in numbers else f" of {' and '.join(f'{number:.3g}' for number in numbers)}"
    return f"'{operation.name}' made {result}{of} at {operation.place}"


def _lines(operation: Operation) -> list[str]:
    return [_sentence(operation), *(f"  {_range(operand)}" for operand in operation.operands)]


def _range(operand: Operand) -> str:
    if np.isnan(operand.low):
        return f"{operand.type}, none of it finite"
    return f"{operand.type} between {operand.low:.3g} and {operand.high:.3g}"
