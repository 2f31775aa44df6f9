"""Runs as programs to be timed: compiled as a run compiles them and with the state donated."""

import time
from collections.abc import Callable
from typing import Any

import jax

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.processes import peak_resident_bytes
from rlsuite.experiments.compiling import enable_compilation_cache
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import abstract_state, initial_state
from rlsuite.experiments.specs import Experiment, MethodSpec
from rlsuite.method import State


def preset_plan(spec: MethodSpec, preset: str) -> Plan:
    """A method's preset as it stands."""
    return Plan(spec, spec.name, preset, default_run(spec, preset))


def lower_step(experiment: Experiment, state: State) -> jax.stages.Lowered:
    """One step, traced and not yet compiled; it reuses the memory of the state it is given."""
    return experiment.jit(experiment.method.step, donate_argnums=0).lower(state)


def stepper(plan: Plan) -> Callable[[], Any]:
    """A run from its start: each call makes the next step and returns the state and metrics."""
    experiment = plan.experiment
    state = initial_state(experiment.method, plan.run.seed)
    program = lower_step(experiment, state).compile()

    def advance():
        nonlocal state
        state, metrics = program(state)
        return state, metrics

    return advance


def temporary_megabytes(plan: Plan) -> float | None:
    """What a step takes beside its state, as the compiler tells; none if it doesn't."""
    experiment = plan.experiment
    return _temporary_megabytes(lower_step(experiment, abstract_state(experiment.method)).compile())


def seconds_before_the_first_step(plan: Plan) -> Figures:
    """Seconds that a run waits for before its first step, by phase; for a fresh process.

    What builds and checks the experiment counts as part of the initial state.
    """
    enable_compilation_cache()
    times = [time.perf_counter()]
    experiment = plan.experiment
    state = jax.block_until_ready(initial_state(experiment.method, plan.run.seed))
    times.append(time.perf_counter())
    lowered = lower_step(experiment, state)
    times.append(time.perf_counter())
    lowered.compile()
    times.append(time.perf_counter())
    return {
        "initial_state": times[1] - times[0],
        "tracing": times[2] - times[1],
        "compiling": times[3] - times[2],
        "all_three": times[3] - times[0],
    }


def megabytes_of_steps(plan: Plan, num_steps: int = 3) -> Figures:
    """Megabytes that a run's steps take, by kind of memory; for a fresh process.

    Args:
      plan: of the run.
      num_steps: steps made before the peak is read.
    """
    experiment = plan.experiment
    state = initial_state(experiment.method, plan.run.seed)
    program = lower_step(experiment, state).compile()
    for _ in range(num_steps):
        state, _ = program(state)
    jax.block_until_ready(state)
    megabytes = {"peak_resident": peak_resident_bytes() / 1e6}
    temporary = _temporary_megabytes(program)
    return megabytes if temporary is None else {**megabytes, "compiled_temporary": temporary}


def _temporary_megabytes(program: jax.stages.Compiled) -> float | None:
    analysis = program.memory_analysis()
    return None if analysis is None else analysis.temp_size_in_bytes / 1e6
