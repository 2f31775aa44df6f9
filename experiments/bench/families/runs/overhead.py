"""What a run does besides computing, as a share of the time that it computes."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import preset_plan
from rlsuite.experiments.bench.timing import REPEATS, median
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.divergence import divergence, finite_optimisers, signs
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import MetricsLog
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.programs import initial_state, trace_chunk
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.trackers import open_trackers

RUNS = (("groove", "laptop"), ("ta-lpg", "laptop"), ("ppo", "laptop"))


def overhead(plans: Sequence[Plan] | None = None, repeats: int = REPEATS) -> Figures:
    """Per cent of the time of chunks that is taken by what lies between them, for some runs.

    Each part is timed by itself, since the whole is less than the noise of a machine: a line of
    metrics with its events and a look at the signs of divergence for each chunk, and, as often as a
    run is saved, a checkpoint with its digests. The checks within the program are timed as a
    program of their own.

    Args:
      plans: of runs; by default laptop runs of GROOVE, TA-LPG and PPO.
      repeats: how often each part is timed.
    """
    methods = Methods()
    plans = plans or [preset_plan(methods.find(name), preset) for name, preset in RUNS]
    figures: Figures = {}
    for plan in plans:
        name = f"{plan.spec.name}_{plan.preset}".replace("-", "_")
        parts = _parts(plan, repeats)
        chunks = plan.run.checkpoint_every / plan.run.log_every
        between = parts.line + parts.checks + parts.checkpoint / chunks
        figures |= {
            f"{name}_overhead_percent": 100 * between / parts.chunk,
            f"{name}_checkpoint_milliseconds": 1e3 * parts.checkpoint,
            f"{name}_line_milliseconds": 1e3 * parts.line,
            f"{name}_checks_milliseconds": 1e3 * parts.checks,
            f"{name}_chunk_milliseconds": 1e3 * parts.chunk,
        }
    return figures


class _Parts(NamedTuple):
    """Seconds of a chunk, and of what comes with each or with some."""

    chunk: float
    line: float
    checks: float
    checkpoint: float


def _parts(plan: Plan, repeats: int) -> _Parts:
    experiment, run = plan.experiment, plan.run
    state = initial_state(experiment.method, run.seed)
    program = trace_chunk(experiment, state, run.log_every).lower().compile()
    state, (means, found) = program(state)

    def chunk():
        nonlocal state, means, found
        state, (means, found) = program(state)
        return means

    def checked(state):
        return signs(experiment, finite_optimisers(state), state, {})

    check = jax.jit(checked)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        create_run(directory, plan.describe())
        with (
            Checkpoints(directory) as checkpoints,
            MetricsLog(directory, 0, open_trackers(directory, 0, None)) as log,
        ):
            steps = iter(range(run.log_every, 2**31, run.log_every))

            def line():
                log.write({"step": next(steps), **{name: float(m) for name, m in means.items()}})

            return _Parts(
                _seconds(chunk, repeats),
                _seconds(line, 4 * repeats),
                _seconds(lambda: check(state), repeats)
                + _seconds(lambda: divergence(run.log_every, found, set()), repeats),
                _seconds(lambda: checkpoints.save(next(steps), state), repeats),
            )


def _seconds(function: Callable[[], Any], repeats: int) -> float:
    """The median of several calls, after one to warm up."""
    jax.block_until_ready(function())
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - began)
    return median(np.array(seconds))
