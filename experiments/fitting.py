"""Whether a run fits the machine, asked before anything is written."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from rlsuite.experiments.contracts import check_step, world_complaints
from rlsuite.experiments.errors import ConfigError, TooLargeError
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves, replace_at
from rlsuite.experiments.memory import bytes_of, least_bytes, memory_bytes, readable
from rlsuite.experiments.programs import abstract_state, trace_chunk
from rlsuite.experiments.specs import Run, WorldSpec

if TYPE_CHECKING:
    from rlsuite.experiments.plans import Plan


_GIANT = 2**20


class Need(NamedTuple):
    """Lower bounds of the bytes that a run takes: for its state, and beside it for its steps."""

    state: int
    steps: int


def least_need(plan: "Plan", memory: float, num_seeds: int | None = None) -> Need:
    """What a run needs at least, from shapes alone.

    Args:
      plan: of the run.
      memory: where the state alone takes more than these bytes, its steps aren't looked at.
      num_seeds: of runs side by side, in all of which it is; none for one alone.

    Raises:
      TooLargeError: if that can't even be said.
      ConfigError: if the configuration can't be run.
    """
    experiment, run = plan.experiment, plan.run
    state = abstract_state(experiment.method, num_seeds)
    if bytes_of(state) > memory:
        return Need(bytes_of(state), 0)
    with building(run, plan.world):
        check_step(experiment)
        chunk = trace_chunk(experiment, state, min(run.log_every, run.steps), num_seeds)
    return Need(bytes_of(state), least_bytes(chunk.jaxpr))


def check_fits(plan: "Plan", num_devices: int = 1, num_seeds: int = 1) -> None:
    """Refuses a run whose state or steps need more memory than its devices have.

    Args:
      plan: of the run.
      num_devices: devices that share it.
      num_seeds: of runs side by side.

    Raises:
      ConfigError: one line with the size, the limit and the field to change.
    """
    memory = memory_bytes(num_devices)
    try:
        need = least_need(plan, memory, num_seeds if num_seeds > 1 else None)
    except TooLargeError as error:
        raise too_large(plan, error) from error
    if sum(need) <= memory:
        return
    part, size = ("the state", need.state) if need.state > memory else ("a step", sum(need))
    if num_seeds > 1 and sum(least_need(plan, memory)) <= memory:
        field = f"seeds: {num_seeds} side by side are not allowed on this machine"
    else:
        field = _field_to_change(plan, memory)
    raise ConfigError(
        f"{field}; {part} would take {readable(size)} of memory at least, "
        f"and there are {readable(memory)}"
    )


@contextmanager
def building(run: Run, world: WorldSpec | None = None) -> Iterator[None]:
    """A block in which what a configuration describes is built.

    What is neither of these is a mistake in a method or a world, and left with its traceback.

    Args:
      run: the configuration.
      world: in which agents live, if they live in any.

    Raises:
      ConfigError: in place of a ValueError that names a field first, as in `name: value is not
        allowed; it must be …`; and of whatever else, if the world is not as worlds must be.
      TooLargeError: in place of what JAX and NumPy say of sizes that they can't count or hold.
    """
    try:
        yield
    except (OverflowError, MemoryError, jax.errors.JaxRuntimeError) as error:
        raise TooLargeError(str(error).split("\n")[0]) from error
    except (TypeError, ValueError) as error:
        line = str(error).split("\n")[0]
        if isinstance(error, ValueError) and _NAMES_A_FIELD.match(line):
            raise ConfigError(line) from error
        if _IS_OF_SIZES.search(line) and _has_giants(run):
            raise TooLargeError(line) from error
        _blame(world, error)
        raise
    except (ArithmeticError, AssertionError, AttributeError, LookupError) as error:
        _blame(world, error)
        raise


def _blame(world: WorldSpec | None, error: Exception) -> None:
    """Says what of a world is not as it must be, where that may have led to an error.

    Raises:
      ConfigError: if there is something.
    """
    if world is None:
        return
    try:
        complaints = world_complaints(world.world)
    except Exception:  # The world's own mistake, which the error that is at hand may be, too.
        return
    if complaints:
        raise ConfigError(f"tasks: '{world.name}': {complaints[0]}") from error


_NAMES_A_FIELD = re.compile(r"[a-z_][a-zA-Z0-9_.]*: ")
# Of NumPy, the last where a number was too large for any of its types.
_IS_OF_SIZES = re.compile(r"size exceeded|dimension exceeded|too big|no callable \w+ method")


def _has_giants(run: Run) -> bool:
    """Whether a product of two or three sizes may be more than JAX can count."""
    sizes = (leaf.value for leaf in leaves(run.method).values() if _is_size(leaf.value))
    return any(max(size if isinstance(size, tuple) else (size,)) >= _GIANT for size in sizes)


def too_large(plan: "Plan", error: TooLargeError) -> ConfigError:
    """The error for a plan whose needs can't even be said; it names the field to change."""
    field = _field_to_change(plan, memory_bytes())
    return ConfigError(f"{field}; it is too large for arrays: {error}")


def _field_to_change(plan: "Plan", memory: float) -> str:
    """Of the sizes that differ from the preset's the one without which a run is smallest.

    Where the preset itself doesn't fit, of all sizes the one that is best halved.
    """
    usual, found = leaves(plan.preset_run), leaves(plan.run)
    sizes = {name: leaf for name, leaf in found.items() if _is_size(leaf.value)}
    smaller = {name: usual[name].value for name in sizes if found[name].value != usual[name].value}
    if not smaller or _least(plan, plan.preset_run, memory) > memory:
        smaller = {name: _halved(leaf.value) for name, leaf in sizes.items()}

    def least_with(name: str) -> float:
        return _least(plan, replace_at(plan.run, sizes[name].path, smaller[name]), memory)

    name = min(smaller, key=least_with) if len(smaller) > 1 else next(iter(smaller))
    return f"{name}: {to_text(found[name].value)} is not allowed on this machine"


def _least(plan: "Plan", run: Run, memory: float) -> float:
    try:
        return sum(least_need(replace(plan, run=run), memory))
    except ConfigError:
        return math.inf


def _is_size(value: Any) -> bool:
    numbers = value if isinstance(value, tuple) else (value,)
    return any(isinstance(number, int) and number > 1 for number in numbers)


def _halved(value: Any) -> Any:
    return tuple(map(_halved, value)) if isinstance(value, tuple) else max(value // 2, 1)
