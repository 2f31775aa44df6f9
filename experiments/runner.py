"""Runs a method: compiled chunks of steps, and between chunks all that people need.

The host wakes once per chunk of `config.log_every` steps. Chunks start and end at multiples of
that length, so a run that was interrupted and resumed executes the same programs on the same
states as one that never was, and ends with the same bits.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console

from rlsuite.compiling import jit
from rlsuite.experiments import hosts
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.diagnosis import diagnose
from rlsuite.experiments.divergence import (
    Divergence,
    Signs,
    divergence,
    finite_optimisers,
    signs,
    stopped,
)
from rlsuite.experiments.interruption import Stop, stop_on_signal
from rlsuite.experiments.metrics import MetricsLog, UnwrittenLog
from rlsuite.experiments.options import typed
from rlsuite.experiments.progress import Bar, Lines, display, figures
from rlsuite.experiments.retention import Schedule
from rlsuite.experiments.specs import Experiment, Run
from rlsuite.experiments.streams import shown
from rlsuite.experiments.trackers import open_trackers
from rlsuite.method import Method, Metrics, State
from rlsuite.sharding import make_mesh


class Outcome(NamedTuple):
    """How far a run came, and whether that is the end of it."""

    step: int
    finished: bool


def run(
    experiment: Experiment,
    config: Run,
    directory: Path,
    *,
    console: Console,
    mesh: Mesh | None = None,
    debug_nans: bool = False,
) -> Outcome:
    """Runs an experiment from its last checkpoint, or from the start, to its last step.

    SIGINT, SIGTERM and SIGHUP end the run after the current chunk, with a checkpoint. A second one
    ends the process at once with exit status 130, and so does the first while programs compile.

    Args:
      experiment: what the method's spec made of the configuration.
      config: how long to run, and how often to log and to save.
      directory: the run's folder, from `rlsuite.experiments.folder.create_run`.
      console: where progress is shown: a live bar on a terminal, otherwise a line now and then.
      mesh: devices that share the agents; none for one device. A run may go on with other devices
        than it was begun with.
      debug_nans: whether each chunk's first state is kept, so that the chunk in which the run
        diverges can be played again to find the operation that did it.

    Raises:
      UserError: if the run has diverged, before any of that is saved: see
        `rlsuite.experiments.divergence`.
    """

    def say(line: str) -> None:
        console.print(shown(line, console.encoding), markup=False, highlight=False)

    kept, keep_every = config.checkpoints_kept, config.keep_every
    with Checkpoints(directory, kept=kept, keep_every=keep_every) as checkpoints:
        step = checkpoints.latest_step() or 0
        if step >= config.steps:
            return Outcome(step, finished=True)
        with (
            _open_log(config, directory, step) as log,
            display(console, step, config.steps) as progress,
            stop_on_signal(say, f"continue with: {typed('resume', directory)}") as stop,
            under(mesh),
        ):
            explain = partial(_explained, experiment, console) if debug_nans else None
            return _run(experiment, config, checkpoints, log, progress, stop, explain)


def _open_log(config: Run, directory: Path, step: int) -> MetricsLog | UnwrittenLog:
    if not hosts.is_first():
        return UnwrittenLog(directory, step)
    return MetricsLog(directory, step, open_trackers(directory, step, config.wandb))


def under(mesh: Mesh | None) -> AbstractContextManager[Any]:
    """Where programs are traced for the devices of a mesh; for one device if there is none."""
    return nullcontext() if mesh is None else jax.set_mesh(mesh)


def initial_state(method: Method, seed: int) -> State:
    """The state at step 0, with the types it will have ever after.

    Weak types are made strong: a checkpoint does not record them, and the step may compute another
    result for a state that has them.
    """
    return _compiled_init(method)(np.uint32(seed))


def _compiled_init(method: Method) -> jax.stages.Compiled:
    init = _strongly_typed_init(method)
    # Of a seed, since a key would lie on one device of one host.
    program = jit(lambda seed: init(jax.random.key(seed)), program="once")
    return program.lower(np.uint32(0)).compile()


def _placed_state(method: Method) -> State:
    """Shapes and types of the state, and where its leaves are if devices share them."""
    state = abstract_state(method)
    if jax.sharding.get_abstract_mesh().empty:
        return state
    return jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        state,
        _compiled_init(method).output_shardings,
    )


def abstract_state(method: Method) -> State:
    """The shapes and types of the state of a method; nothing is computed."""
    return jax.eval_shape(_strongly_typed_init(method), jax.random.key(0))


def _strongly_typed_init(method: Method) -> Callable[[jax.Array], State]:
    def strong(leaf: Any) -> jax.Array:
        leaf = jnp.asarray(leaf)
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return leaf if is_key else jax.lax.convert_element_type(leaf, leaf.dtype)

    return lambda key: jax.tree.map(strong, method.init(key))


def _run(
    experiment: Experiment,
    config: Run,
    checkpoints: Checkpoints,
    log: MetricsLog | UnwrittenLog,
    progress: Bar | Lines,
    stop: Stop,
    explain: Callable[..., str] | None,
) -> Outcome:
    saved = checkpoints.latest_step()
    step = saved or 0
    progress.compiling()
    with stop.at_once():
        if saved is None:
            state = initial_state(experiment.method, config.seed)
        else:
            state = checkpoints.restore(_placed_state(experiment.method))

    # Hosts save together: the clock of the first one counts for all.
    minutes = config.checkpoint_minutes if hosts.is_first() else None
    schedule = Schedule(config.checkpoint_every, minutes)
    program, length = None, 0
    is_asked = False
    while step < config.steps and not is_asked:
        chunk = min(config.log_every - step % config.log_every, config.steps - step)
        if program is None or chunk != length:
            progress.compiling()
            with stop.at_once() if step == (saved or 0) else nullcontext():
                program = trace_chunk(experiment, state, chunk).lower().compile()
            length = chunk
        # The program takes the memory of the state that it is given.
        kept = jax.tree.map(jnp.copy, state) if explain else None
        began = time.monotonic()
        state, (means, found) = program(state)
        metrics = {name: float(value) for name, value in jax.device_get(means).items()}
        seconds = time.monotonic() - began

        step += chunk
        last = log.last
        log.write(
            {
                "step": step,
                "seconds": (last.get("seconds") or 0.0) + seconds,
                **_speed(experiment, chunk, seconds),
                **metrics,
            }
        )
        seconds_left = (config.steps - step) * seconds / chunk
        progress.show(step, figures(log.last, experiment.headline, seconds_left))
        if diverged := divergence(step, found, _reported(experiment, last)):
            more = [explain(kept, step - chunk, step, diverged)] if explain else []
            raise stopped(diverged, saved, *more)
        is_asked, is_due = hosts.any_of(stop.asked, schedule.is_due(step, step - chunk))
        if is_due:
            checkpoints.save(step, state)
            saved = step
    if saved != step:
        checkpoints.save(step, state)
    return Outcome(step, finished=step >= config.steps)


def _speed(experiment: Experiment, num_steps: int, seconds: float) -> dict[str, float]:
    return {
        "agent_updates_per_second": num_steps * experiment.agent_updates_per_step / seconds,
        "world_steps_per_second": num_steps * experiment.world_steps_per_step / seconds,
    }


def _reported(experiment: Experiment, last: Mapping[str, Any]) -> set[str]:
    """Metrics that are always a number, or were one in the last line."""
    return {*(experiment.watched or ()), *(name for name in last if last[name] is not None)}


def _explained(
    experiment: Experiment,
    console: Console,
    state: State,
    step: int,
    last: int,
    diverged: Divergence,
) -> str:
    """Why a run has diverged, in a line; all that was found is shown at once."""

    def show(line: str) -> None:
        line = shown(line, console.encoding)
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    show(f"steps {step + 1} to {last} are played again, one operation at a time …")
    # On one device: what many do together is one operation, within which none is named.
    alone = make_mesh(1)
    with jax.set_mesh(alone):
        state = jax.device_put(state, NamedSharding(alone, PartitionSpec()))
        diagnosis = diagnose(experiment, state, step, last, diverged)
    for line in diagnosis.details:
        show(line)
    return diagnosis.summary


def trace_chunk(experiment: Experiment, state: State, length: int) -> jax.stages.Traced:
    """The program of `length` steps, which reuses the memory of the state it is given.

    Args:
      experiment: whose steps they are.
      state: arrays, or their shapes and types.
      length: number of steps.
    """

    def steps(state: State) -> tuple[State, tuple[Metrics, Signs]]:
        # Read before a step is made, so that the memory of the state is free by then.
        before, state = jax.lax.optimization_barrier((finite_optimisers(state), state))
        state, metrics = jax.lax.scan(
            lambda state, _: experiment.method.step(state), state, length=length
        )
        means = {name: jnp.nanmean(values) for name, values in metrics.items()}
        return state, (means, signs(experiment, before, state, metrics))

    return experiment.jit(steps, donate_argnums=0, **_as_before(state)).trace(state)


def _as_before(state: State) -> dict[str, Any]:
    """Tells `jit` to leave the state divided among devices as it is, and the rest everywhere."""
    mesh = jax.sharding.get_mesh()
    if mesh.empty or not all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state)):
        return {}
    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    return {"out_shardings": (places, NamedSharding(mesh, PartitionSpec()))}
