"""Operations, bytes and started programs of a JAX program, loops as often as they turn.

XLA's own cost analysis counts the body of a loop once, so that a training step of a thousand turns
looks like one of one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxprs_in_params
from jax.interpreters.partial_eval import dce_jaxpr

from rlsuite.experiments.costs.operations import (
    NEEDING_ARRAYS,
    PARTIAL,
    TRANSCENDENTAL,
    add_operation,
    bytes_of,
    is_fused,
)
from rlsuite.experiments.costs.work import Body, Count, Work

Turns = Callable[[JaxprEqn], float | None]
"""How often a `while` turns whose turns depend on what is computed; none if that can't be said."""

_LOOPS = ("scan", "while", "cond")
_UPDATING = ("scatter", "dynamic_update_slice")


def unknown_turns(loop: JaxprEqn) -> None:
    """Where nothing is known of turns."""
    del loop


def count(program: ClosedJaxpr, turns: Turns = unknown_turns, platform: str | None = None) -> Count:
    """What a program does.

    Operations are those that XLA counts, and products with the zeros that pad what is convolved,
    which it leaves out. Of bytes and started programs, a model: what is computed
    of arrays number by number is computed where it is read, once; reductions, products, draws,
    sorts and what loops are given and return are written.

    Args:
      program: traced.
      turns: of loops whose turns depend on what is computed; those that it doesn't know turn once.
      platform: what it is compiled for, where parts of it depend on that; none is any that these
        don't name.
    """
    needed, _ = dce_jaxpr(program.jaxpr, [True] * len(program.jaxpr.outvars), instantiate=True)
    counter = _Counter(turns, platform)
    counter.body(needed, "", 1.0)
    return Count(tuple(reversed(counter.bodies)), counter.unknown, counter.equations)


@dataclass
class _Counter:
    """Goes through a program, loop by loop."""

    turns: Turns
    platform: str | None
    bodies: list[Body] = field(default_factory=list)
    unknown: dict[str, float] = field(default_factory=dict)
    equations: int = 0

    def body(self, jaxpr: Jaxpr, name: str, times: float) -> None:
        work = Work(turns=1.0 if name else 0.0)
        steps, results = _written_out(jaxpr)
        self.equations += len(steps)
        loops = Counter[str]()
        for step in steps:
            if step.kind in _LOOPS:
                loops[step.kind] += 1
                inner = f"{name}/{step.kind} {loops[step.kind]}".removeprefix("/")
                self._loop(step.operation, inner, times)
            else:
                add_operation(work, step.operation)
        _add_kernels(work, steps, results)
        self.bodies.append(Body(name, times, work))

    def _loop(self, loop: JaxprEqn, name: str, times: float) -> None:
        kind = loop.primitive.name
        if kind == "cond":
            branches = [self._alone(branch.jaxpr, name, times) for branch in self._may_run(loop)]
            dearest = max(branches, key=_weight)
            self.bodies += dearest.bodies
            self.unknown |= dearest.unknown
            self.equations += sum(branch.equations for branch in branches)
            return
        if kind == "scan":
            self.body(loop.params["jaxpr"].jaxpr, name, times * loop.params["length"])
            return
        turns = self.turns(loop)
        self.unknown[name] = 1.0 if turns is None else turns
        for part in ("body_jaxpr", "cond_jaxpr"):
            self.body(loop.params[part].jaxpr, name, times * self.unknown[name])

    def _may_run(self, choice: JaxprEqn) -> Sequence[ClosedJaxpr]:
        """The branches, or that of the platform where it chooses."""
        branches, platforms = choice.params["branches"], choice.params.get("branches_platforms")
        by_platforms = list(zip(branches, platforms or (), strict=False))
        its_own = [branch for branch, names in by_platforms if names and self.platform in names]
        of_all_others = [branch for branch, names in by_platforms if names is None]
        return its_own or of_all_others or branches

    def _alone(self, jaxpr: Jaxpr, name: str, times: float) -> "_Counter":
        counter = _Counter(self.turns, self.platform)
        counter.body(jaxpr, name, times)
        return counter


def _weight(counter: _Counter) -> float:
    """What one branch is compared with another by."""
    return sum(
        body.times * (body.work.operations + 8 * body.work.transcendental + body.work.bytes_moved)
        for body in counter.bodies
    )


class _Value(NamedTuple):
    """A variable, and the place of the operation that makes it: bodies may be called twice."""

    var: Any
    place: int


class _Step(NamedTuple):
    """An operation with what it reads and makes; literals are left out."""

    operation: JaxprEqn
    read: list[_Value]
    made: list[_Value]

    @property
    def kind(self) -> str:
        return self.operation.primitive.name


def _written_out(jaxpr: Jaxpr) -> tuple[list[_Step], list[_Value]]:
    """The operations of a program and of what it calls, and its results."""
    steps: list[_Step] = []
    same: dict[Any, _Value | None] = {}

    def values(variables: Iterable[Any]) -> list[_Value | None]:
        return [
            None if isinstance(var, Literal) else same.get(var, _Value(var, 0)) for var in variables
        ]

    def write_out(jaxpr: Jaxpr) -> list[_Value | None]:
        for operation in jaxpr.eqns:
            read, called = values(operation.invars), _called(operation)
            if called is not None:
                same.update(zip(called.invars, read, strict=True))
                same.update(zip(operation.outvars, write_out(called), strict=True))
                continue
            made = [_Value(var, len(steps) + 1) for var in operation.outvars]
            steps.append(_Step(operation, [value for value in read if value], made))
            same.update(zip(operation.outvars, made, strict=True))
        return values(jaxpr.outvars)

    return steps, [value for value in write_out(jaxpr) if value]


def _called(operation: JaxprEqn) -> Jaxpr | None:
    """The body of what is no more than a call; reductions do theirs number by number."""
    if operation.primitive.name in _LOOPS or operation.primitive.name.startswith("reduce"):
        return None
    bodies = list(jaxprs_in_params(operation.params))
    if len(bodies) == 1 and len(bodies[0].invars) == len(operation.invars):
        return bodies[0]
    return None


def _add_kernels(work: Work, steps: list[_Step], results: list[_Value]) -> None:
    """Adds the programs that are started, and the bytes that they read and write."""
    written = _written(steps, results)
    # Of each value: bytes that are read for it, by the arrays that they are of.
    sources: dict[_Value, dict[_Value, int]] = {}
    for step in steps:
        if step.kind in _LOOPS:
            continue
        read = _sources(step, sources)
        if written.isdisjoint(step.made):
            sources |= dict.fromkeys(step.made, read)
            continue
        work.kernels += 1
        for source, num_bytes in read.items():
            work.move(num_bytes, bytes_of(source.var))
        # What exists is updated in place; zeros to be added to have to be written first.
        in_place = step.kind.startswith(_UPDATING) and step.read[0] not in sources
        for value in [] if in_place else step.made:
            work.move(bytes_of(value.var), bytes_of(value.var))


def _sources(step: _Step, sources: Mapping[_Value, Mapping[_Value, int]]) -> dict[_Value, int]:
    found: dict[_Value, int] = {}
    for value in step.read[1:] if step.kind.startswith(_UPDATING) else step.read:
        for source, num_bytes in sources.get(value, {value: bytes_of(value.var)}).items():
            found[source] = max(found.get(source, 0), num_bytes)
    if step.kind in PARTIAL:
        most = sum(bytes_of(value.var) for value in step.made)
        found = {source: min(num_bytes, most) for source, num_bytes in found.items()}
    return found


def _written(steps: list[_Step], results: list[_Value]) -> set[_Value]:
    """Values that exist as arrays: those that must, and those that are dear to compute twice."""
    read = Counter(value for step in steps for value in step.read)
    needed, found = set(results), set[_Value]()
    for step in steps:
        if step.kind in _LOOPS or step.kind in NEEDING_ARRAYS:
            needed.update(step.read)
        if step.kind not in _LOOPS and not is_fused(step.kind):
            found.update(step.made)
        if step.kind in TRANSCENDENTAL or step.kind in ("div", "rem"):
            found.update(value for value in step.made if read[value] > 1)
    computed = {value for step in steps if step.kind not in _LOOPS for value in step.made}
    return found | needed & computed
