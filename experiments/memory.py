"""How much memory a program takes at least, from shapes alone, and how much there is."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxprs_in_params
from jax.interpreters.partial_eval import dce_jaxpr

_PRODUCTS = {"dot_general", "conv_general_dilated"}


def bytes_of(tree: Any) -> int:
    """The size of arrays, or of what stands for them."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def least_bytes(program: ClosedJaxpr) -> int:
    """A lower bound of the memory that a program needs beside its arguments.

    It is the most that has to exist at once of what loops are given, what they return and what
    products of matrices are. Anything else a compiler may compute where it is read. What a loop
    carries is updated in place, and the results of the program itself are not counted.
    """
    needed, _ = dce_jaxpr(program.jaxpr, [True] * len(program.jaxpr.outvars), instantiate=True)
    return _Body().most_bytes(needed)


def memory_bytes(num_devices: int = 1) -> int:
    """The memory of some devices, or of their machines where the processor is the device.

    A limit on the processes of a container counts as the machine's.

    Args:
      num_devices: devices that share the work.
    """
    statistics = jax.local_devices()[0].memory_stats() or {}
    if jax.default_backend() != "cpu" and "bytes_limit" in statistics:
        return statistics["bytes_limit"] * num_devices
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup") / file
        text = path.read_text().strip() if path.exists() else ""
        limits += [int(text)] if text.isdigit() else []
    return min(limits) * jax.process_count()


def readable(num_bytes: int) -> str:
    """As people write it: `readable(3 << 29)` is "1.5 GiB"."""
    size, units = float(num_bytes), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.3g} {units[0]}"


@dataclass(eq=False)
class _Buffer:
    """An array that has to exist, from the moment it is made to that of its last use."""

    size: int
    made: int
    used: int
    is_result: bool = False


@dataclass(frozen=True)
class _Value:
    """What is known of a variable: whether it exists as an array, and which ones it is made of."""

    exists: bool
    buffers: frozenset[_Buffer] = frozenset()


_GIVEN = _Value(exists=True)


class _Body:
    """A program, or one turn of a loop: the buffers it makes, in the order of its operations.

    Calls are taken as if they were written out.
    """

    def __init__(self) -> None:
        self._buffers: list[_Buffer] = []
        # The most that each operation's own bodies hold beside what is here.
        self._inside: list[int] = []

    def most_bytes(self, jaxpr: Jaxpr) -> int:
        """What is held at the worst moment, beside what is given and what is returned."""
        given = [_GIVEN] * len(jaxpr.invars)
        results = self._run(jaxpr, given)
        # What is computed of arrays and returned needs them to the end.
        self._happen([value for value in results if not value.exists], 0)
        for value in results:
            for buffer in value.buffers if value.exists else ():
                buffer.is_result = True
        changes = [0] * (len(self._inside) + 1)
        for buffer in self._buffers:
            if not buffer.is_result:
                changes[buffer.made] += buffer.size
                changes[buffer.used + 1] -= buffer.size
        held, most = 0, 0
        for change, inside in zip(changes, self._inside, strict=False):
            held += change
            most = max(most, held + inside)
        return most

    def _run(self, jaxpr: Jaxpr, given: Iterable[_Value]) -> list[_Value]:
        known = dict.fromkeys(jaxpr.constvars, _GIVEN)
        known.update(zip(jaxpr.invars, given, strict=True))

        def read(var: Var | Literal) -> _Value:
            return _Value(exists=False) if isinstance(var, Literal) else known[var]

        for operation in jaxpr.eqns:
            values = [read(var) for var in operation.invars]
            known.update(zip(operation.outvars, self._apply(operation, values), strict=True))
        return [read(var) for var in jaxpr.outvars]

    def _apply(self, operation: JaxprEqn, values: list[_Value]) -> list[_Value]:
        name, bodies = operation.primitive.name, list(jaxprs_in_params(operation.params))
        if name in ("scan", "while", "cond"):
            return self._loop(operation, values, bodies)
        if name in _PRODUCTS:
            made = [self._make(var) for var in operation.outvars]
            self._happen(values, 0)
            return made
        if len(bodies) == 1 and len(bodies[0].invars) == len(values):
            return self._run(bodies[0], values)
        buffers = frozenset().union(*(value.buffers for value in values))
        return [_Value(exists=False, buffers=buffers)] * len(operation.outvars)

    def _loop(self, operation: JaxprEqn, values: list[_Value], bodies: list[Jaxpr]) -> list[_Value]:
        """A loop needs arrays, of what it is given as of what it returns."""
        arrays = [
            value if value.exists else self._make(var)
            for var, value in zip(operation.invars, values, strict=True)
        ]
        carried = _carried(operation, arrays)
        made = [self._make(var) for var in operation.outvars[len(carried) :]]
        self._happen([*values, *arrays], max(_Body().most_bytes(body) for body in bodies))
        return carried + made

    def _make(self, var: Var | Literal) -> _Value:
        now = len(self._inside)
        size = 0 if isinstance(var, Literal) else bytes_of(var.aval)
        self._buffers.append(_Buffer(size, made=now, used=now))
        return _Value(exists=True, buffers=frozenset(self._buffers[-1:]))

    def _happen(self, values: Iterable[_Value], inside: int) -> None:
        for value in values:
            for buffer in value.buffers:
                buffer.used = len(self._inside)
        self._inside.append(inside)


def _carried(operation: JaxprEqn, values: list[_Value]) -> list[_Value]:
    """Those values that a loop hands on from turn to turn, and returns first."""
    parameters = operation.params
    if operation.primitive.name == "scan":
        first = parameters["num_consts"]
        return values[first : first + parameters["num_carry"]]
    if operation.primitive.name == "while":
        return values[parameters["cond_nconsts"] + parameters["body_nconsts"] :]
    return []
