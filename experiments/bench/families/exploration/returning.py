"""The speed of Go-Explore's two phases."""

from collections.abc import Callable
from typing import Any

import jax

from rlsuite.compiling import jit
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, copy, median
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.registry import Methods
from rlsuite.method import Method

FLOAT_BYTES = 4


def go_explore(num_steps: int = 100, repeats: int = REPEATS, preset: str = "laptop") -> Figures:
    """Cells per second that the first phase comes by, and steps of the world in the second.

    A step of the first phase writes its archive anew, so beside it an array as large is copied as
    often. What is timed is the presets' own programs, from their beginning on: the first phase
    for one explorer, the second for all its agents.

    Args:
      num_steps: of each phase in one call.
      repeats: timed calls of each.
      preset: of both methods.
    """
    explorer, both = _plan("go-explore", preset), _plan("robustify", preset)
    method = explorer.experiment.method
    archive = jax.eval_shape(method.init, jax.random.key(0)).archive
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(archive))
    copying = copy((size // FLOAT_BYTES,), num_steps)
    exploring, learning, copied = alternate_seconds(
        _steps(method, num_steps),
        _second_phase(both, num_steps),
        copying.run,
        repeats=repeats,
    )
    cells = num_steps * explorer.experiment.world_steps_per_step / exploring
    steps = num_steps * both.experiment.world_steps_per_step / learning
    written, rate = num_steps * size / exploring, copying.amount / copied
    return {
        "million_cells_per_second": median(cells) / 1e6,
        "archive_gigabytes_written_per_second": median(written) / 1e9,
        "copy_gigabytes_written_per_second": median(rate) / 1e9,
        "archive_fraction_of_copy_rate": median(written / rate),
        "thousand_steps_per_second_of_the_second_phase": median(steps) / 1e3,
    }


def _plan(name: str, preset: str) -> Plan:
    spec = Methods().find(name)
    return Plan(spec, name, preset, default_run(spec, preset))


def _steps(method: Method, num_steps: int, state: Any = None) -> Callable[[], Any]:
    state = jit(method.init, program="once")(jax.random.key(0)) if state is None else state
    program = jit(
        lambda state: jax.lax.scan(lambda s, _: method.step(s), state, length=num_steps)[0]
    )
    return lambda: program(state)


def _second_phase(plan: Plan, num_steps: int) -> Callable[[], Any]:
    """From where the first phase has handed over."""
    method, first_steps = plan.experiment.method, plan.run.method.explore_steps
    start = jit(method.init, program="once")(jax.random.key(0))
    return _steps(method, num_steps, _steps(method, first_steps, start)())
