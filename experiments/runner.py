"""Runs a method: compiled chunks of steps, and between chunks all that people need.

The host wakes once per chunk of `config.log_every` steps. Chunks start and end at multiples of
that length, so a run that was interrupted and resumed executes the same programs on the same
states as one that never was, and ends with the same bits.

Runs that differ in their seeds alone can be made by one program, side by side. Each has its own
folder, and is the same to its last bit however often they were interrupted, together or not, as
long as they are always resumed together.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from rich.console import Console

from rlsuite.experiments import hosts
from rlsuite.experiments.diagnosis import diagnose
from rlsuite.experiments.divergence import Divergence, divergence, stopped
from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.interruption import Stop, stop_on_signal
from rlsuite.experiments.lanes import Lane
from rlsuite.experiments.options import typed
from rlsuite.experiments.programs import Programs, under
from rlsuite.experiments.progress import Bar, Lines, display, figures
from rlsuite.experiments.retention import Schedule
from rlsuite.experiments.specs import Experiment, Run
from rlsuite.experiments.streams import shown
from rlsuite.experiments.symptoms import Examination
from rlsuite.method import State
from rlsuite.sharding import make_mesh


class Outcome(NamedTuple):
    """What has become of a run.

    Attributes:
      step: how far it came.
      finished: whether that is the end of it.
      divergence: what has ended it before its time, if anything has.
    """

    step: int
    finished: bool
    divergence: UserError | None = None


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
    explain = partial(_explained, experiment, console) if debug_nans else None
    (outcome,) = _run(experiment, {directory: config}, console, mesh, explain)
    if outcome.divergence is not None:
        raise outcome.divergence
    return outcome


def run_together(
    experiment: Experiment,
    configs: Mapping[Path, Run],
    *,
    console: Console,
    mesh: Mesh | None = None,
) -> list[Outcome]:
    """Runs an experiment with several seeds side by side, as one program.

    Each is as `run` has it: it goes on from its own last checkpoint, and one that is behind the
    others catches up with them. One that diverges ends there, and the others go on. What the
    program takes of time is shared equally by all that it is made for.

    Args:
      experiment: what the method's spec made of the configuration.
      configs: by folder, alike but for the seed.
      console: where progress is shown.
      mesh: devices that share the seeds, or the agents of each.

    Returns:
      What has become of each.
    """
    return _run(experiment, configs, console, mesh, None)


def _run(
    experiment: Experiment,
    configs: Mapping[Path, Run],
    console: Console,
    mesh: Mesh | None,
    explain: Callable[..., str] | None,
) -> list[Outcome]:
    def tell(line: str) -> None:
        console.print(shown(line, console.encoding), markup=False, highlight=False)

    with ExitStack() as opened:
        lanes = [opened.enter_context(Lane(config, path)) for path, config in configs.items()]
        if any(lane.is_running for lane in lanes):
            last = lanes[0].config.steps
            with (
                display(console, _step(lanes), last) as progress,
                stop_on_signal(tell, f"continue with: {typed('resume', *configs)}") as stop,
                under(mesh),
            ):
                _Loop(experiment, lanes, progress, stop, explain).to_the_end()
        return [Outcome(lane.step, lane.is_finished, lane.divergence) for lane in lanes]


def _step(lanes: Sequence[Lane]) -> int:
    """How far those are that are least far."""
    return min(lane.step for lane in lanes)


class _Loop:
    """The chunks of the runs of one program."""

    def __init__(
        self,
        experiment: Experiment,
        lanes: Sequence[Lane],
        progress: Bar | Lines,
        stop: Stop,
        explain: Callable[..., str] | None,
    ):
        self._experiment, self._lanes, self._explain = experiment, lanes, explain
        self._progress, self._stop = progress, stop
        self._programs = Programs(experiment, [lane.config.seed for lane in lanes])
        self._config = lanes[0].config
        self._examinations = [Examination(experiment.symptoms) for _ in lanes]
        self._compiled: dict[int, jax.stages.Compiled] = {}

    def to_the_end(self) -> None:
        """Makes chunks until all runs are at their ends, or are asked to stop."""
        state = self._start()
        # Hosts save together: the clock of the first one counts for all.
        minutes = self._config.checkpoint_minutes if hosts.is_first() else None
        schedule = Schedule(self._config.checkpoint_every, minutes)
        is_asked = False
        while not is_asked and (running := [lane for lane in self._lanes if lane.is_running]):
            step = _step(running)
            active = [lane.is_running and lane.step == step for lane in self._lanes]
            state, length = self._advance(state, step, active)
            is_due = schedule.is_due(step + length, step)
            is_asked, is_due = hosts.any_of(self._stop.asked, is_due)
            if is_due:
                self._save(state)
        self._save(state)

    def _start(self) -> State:
        self._progress.compiling()
        with self._stop.at_once():
            template = self._programs.restored_as()
            return self._programs.start([lane.restored(template) for lane in self._lanes])

    def _advance(self, state: State, step: int, active: Sequence[bool]) -> tuple[State, int]:
        """One chunk of those that are active, from a step that all of them are at."""
        every, last = self._config.log_every, self._config.steps
        length = min(every - step % every, last - step)
        program = self._program(state, length)
        # The program takes the memory of the state that it is given.
        kept = jax.tree.map(jnp.copy, state) if self._explain or not all(active) else None
        began = time.monotonic()
        state, found = program(state)
        found = jax.device_get(found)
        seconds = time.monotonic() - began
        for index, lane in enumerate(self._lanes):
            if active[index]:
                self._record(lane, self._programs.one_of(found, index), length, seconds, kept)
                self._examine(index, length)
        seconds_left = (last - step - length) * seconds / length
        self._show(step + length, active, seconds_left)
        return state if all(active) else self._programs.where(active, state, kept), length

    def _program(self, state: State, length: int) -> jax.stages.Compiled:
        if length not in self._compiled:
            self._progress.compiling()
            with nullcontext() if self._compiled else self._stop.at_once():
                # One at a time: the others may never be needed again.
                self._compiled = {length: self._programs.chunk(state, length)}
        return self._compiled[length]

    def _record(
        self, lane: Lane, found: Any, length: int, seconds: float, kept: State | None
    ) -> None:
        means, signs = found
        step, reported = lane.step + length, lane.reported(self._experiment)
        metrics = {name: float(value) for name, value in means.items()}
        lane.log(
            step, {**self._speed(metrics, length, seconds), **metrics}, seconds / len(self._lanes)
        )
        if diverged := divergence(step, signs, reported):
            more = [self._explain(kept, step - length, step, diverged)] if self._explain else []
            lane.divergence = stopped(diverged, lane.saved, *more)
            if len(self._lanes) > 1:
                say(f"'{lane.directory}': {lane.divergence}")

    def _examine(self, index: int, length: int) -> None:
        lane = self._lanes[index]
        for noticed in self._examinations[index].look(lane.step, length, lane.last):
            if hosts.is_first():
                say(f"'{lane.directory}' {noticed}")

    def _speed(
        self, metrics: Mapping[str, float], num_steps: int, seconds: float
    ) -> dict[str, float]:
        experiment, num_steps = self._experiment, num_steps * len(self._lanes)
        return {
            "agent_updates_per_second": num_steps * experiment.agent_updates_per_step / seconds,
            "world_steps_per_second": num_steps * experiment.world_steps(metrics) / seconds,
        }

    def _show(self, step: int, active: Sequence[bool], seconds_left: float) -> None:
        lines = [
            lane.last for lane, is_active in zip(self._lanes, active, strict=True) if is_active
        ]
        self._progress.show(step, figures(_mean(lines), self._experiment.headline, seconds_left))

    def _save(self, state: State) -> None:
        for index, lane in enumerate(self._lanes):
            if lane.divergence is None and lane.saved != lane.step:
                lane.save(self._programs.one(state, index))


def _mean(lines: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Of each value, the mean over those lines that have it."""
    found: dict[str, float | None] = {}
    for name in lines[0]:
        values = [value for line in lines if (value := line.get(name)) is not None]
        found[name] = float(np.mean(values)) if values else None
    return found


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
