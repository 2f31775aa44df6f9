"""The speed of Go-Explore's first phase."""

import jax

from rlsuite.compiling import jit
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, copy, median
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.registry import Methods

FLOAT_BYTES = 4


def go_explore(num_steps: int = 100, repeats: int = REPEATS, preset: str = "laptop") -> Figures:
    """Cells per second that the first phase comes by.

    A step writes its archive anew, so beside it an array as large is copied as often. What is timed
    is a preset's own program, from its beginning on, for one explorer.

    Cells are those of steps that the world makes: what is computed after an episode's end is none.

    Args:
      num_steps: in one call.
      repeats: timed calls.
      preset: of the method.
    """
    spec = Methods().find("go-explore")
    method = Plan(spec, spec.name, preset, default_run(spec, preset)).experiment.method
    state = jit(method.init, program="once")(jax.random.key(0))
    program = jit(
        lambda state: jax.lax.scan(lambda s, _: method.step(s), state, length=num_steps)[0]
    )
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(state.archive))
    copying = copy((size // FLOAT_BYTES,), num_steps)
    exploring, copied = alternate_seconds(lambda: program(state), copying.run, repeats=repeats)
    cells = int(program(state).steps) / exploring
    written, rate = num_steps * size / exploring, copying.amount / copied
    return {
        "million_cells_per_second": median(cells) / 1e6,
        "archive_gigabytes_written_per_second": median(written) / 1e9,
        "copy_gigabytes_written_per_second": median(rate) / 1e9,
        "archive_fraction_of_copy_rate": median(written / rate),
    }
