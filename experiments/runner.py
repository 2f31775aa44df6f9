"""Runs a method: compiled chunks of steps, and between chunks all that people need.

The host wakes once per chunk of `config.log_every` steps. Chunks start and end at multiples of
that length, so a run that was interrupted and resumed executes the same programs on the same
states as one that never was, and ends with the same bits.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console

from rlsuite.compiling import jit
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.progress import Bar, Lines, display, figures
from rlsuite.experiments.specs import Experiment, Run
from rlsuite.experiments.storage import Checkpoints, MetricsLog
from rlsuite.experiments.trackers import Tracker, tensorboard, weights_and_biases
from rlsuite.method import Method, State


class Outcome(NamedTuple):
    """How far a run came, and whether that is the end of it."""

    step: int
    finished: bool


def run(experiment: Experiment, config: Run, directory: Path, *, console: Console) -> Outcome:
    """Runs an experiment from its last checkpoint, or from the start, to its last step.

    SIGINT and SIGTERM end the run after the current chunk, with a checkpoint; a second one ends it
    at once.

    Args:
      experiment: what the method's spec made of the configuration.
      config: how long to run, and how often to log and to save.
      directory: the run's folder, from `rlsuite.experiments.storage.create_run`.
      console: where progress is shown: a live bar on a terminal, otherwise a line now and then.

    Raises:
      UserError: if the run has diverged, before any of that is saved: at the end of a chunk the
        norm of what is learned is not finite, or in any of its steps a watched metric was not.
    """
    with Checkpoints(directory) as checkpoints:
        step = checkpoints.latest_step() or 0
        if step >= config.steps:
            return Outcome(step, finished=True)
        with (
            MetricsLog(directory, step, _trackers(config, directory, step)) as log,
            display(console, step, config.steps) as progress,
            _stop_on_signal() as stop,
        ):
            return _run(experiment, config, checkpoints, log, progress, stop)


def _trackers(config: Run, directory: Path, step: int) -> list[Tracker]:
    trackers = [tensorboard(directory, step)]
    if config.wandb is not None:
        trackers.append(weights_and_biases(directory, config.wandb))
    return trackers


def initial_state(method: Method, seed: int) -> State:
    """The state at step 0, with the types it will have ever after.

    Weak types are made strong: a checkpoint does not record them, and the step may compute another
    result for a state that has them.
    """
    return jit(_strongly_typed_init(method), program="once")(jax.random.key(seed))


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
    log: MetricsLog,
    progress: Bar | Lines,
    stop: threading.Event,
) -> Outcome:
    saved = checkpoints.latest_step()
    step = saved or 0
    progress.compiling()
    if saved is None:
        state = initial_state(experiment.method, config.seed)
    else:
        state = checkpoints.restore(abstract_state(experiment.method))

    program, length = None, 0
    while step < config.steps and not stop.is_set():
        chunk = min(config.log_every - step % config.log_every, config.steps - step)
        if program is None or chunk != length:
            progress.compiling()
            program = trace_chunk(experiment, state, chunk).lower().compile()
            length = chunk
            continue  # A stop asked for during compilation need not wait for a chunk.
        began = time.monotonic()
        state, (means, signs) = program(state)
        metrics = {name: float(value) for name, value in jax.device_get(means).items()}
        seconds = time.monotonic() - began

        step += chunk
        last = log.last
        log.write(
            {
                "step": step,
                "seconds": last.get("seconds", 0.0) + seconds,
                "agent_updates_per_second": chunk * experiment.agent_updates_per_step / seconds,
                "world_steps_per_second": chunk * experiment.world_steps_per_step / seconds,
                **metrics,
            }
        )
        seconds_left = (config.steps - step) * seconds / chunk
        progress.show(step, figures(log.last, experiment.headline, seconds_left))
        reported = {name for name, value in last.items() if value is not None}
        _check_finite(step, signs, {*(experiment.watched or ()), *reported}, saved)
        if step // config.checkpoint_every > (step - chunk) // config.checkpoint_every:
            checkpoints.save(step, state)
            saved = step
    if saved != step:
        checkpoints.save(step, state)
    return Outcome(step, finished=step >= config.steps)


class _Signs(NamedTuple):
    """By which a chunk of steps shows that its method has diverged.

    Attributes:
      has_norm: whether what is learned has a finite norm after the last step.
      watched: metrics of each step.
    """

    has_norm: jax.Array
    watched: dict[str, jax.Array]


def trace_chunk(experiment: Experiment, state: State, length: int) -> jax.stages.Traced:
    """The program of `length` steps, which reuses the memory of the state it is given.

    Args:
      experiment: whose steps they are.
      state: arrays, or their shapes and types.
      length: number of steps.
    """

    def steps(state: State) -> tuple[State, tuple[dict[str, jax.Array], _Signs]]:
        state, metrics = jax.lax.scan(
            lambda state, _: experiment.method.step(state), state, length=length
        )
        means = {name: jnp.nanmean(values) for name, values in metrics.items()}
        watched = {name: metrics[name] for name in experiment.watched_among(metrics)}
        return state, (means, _Signs(_has_norm(experiment.learned(state)), watched))

    return experiment.jit(steps, donate_argnums=0).trace(state)


def _has_norm(tree: Any) -> jax.Array:
    """Whether the norm of all numbers is finite: none is NaN, or so large that squares overflow."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.isfinite(optax.tree.norm(leaves, squared=True))


def _check_finite(step: int, signs: _Signs, reported: set[str], saved: int | None) -> None:
    """Stops a run that has diverged.

    A NaN only says that there was nothing to report, but for metrics that are always `reported`
    and those that were a number in an earlier step.
    """
    for name, values in jax.device_get(signs.watched).items():
        was_number = (name in reported) | np.logical_or.accumulate(np.isfinite(values))
        wrong = np.isinf(values) | (np.isnan(values) & was_number)
        if wrong.any():
            first = step - len(values) + 1 + int(wrong.argmax())
            since = f" (since step {first})" if first < step else ""
            _stop(f"{name}: {values[wrong][0]} at step {step}{since} is not finite", saved)
    if not signs.has_norm:
        _stop(f"parameters: their norm at step {step} is not finite", saved)


def _stop(reason: str, saved: int | None) -> NoReturn:
    kept = f"the last checkpoint is of step {saved}" if saved else "there is no checkpoint yet"
    raise UserError(f"{reason}, so the run was stopped; {kept}; a smaller learning rate may help")


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second is handled as it was before."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Only the main thread may handle signals.
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in signals}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: Any) -> None:
        stop.set()
        restore()

    for number in signals:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
