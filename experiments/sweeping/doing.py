"""Training and testing jobs of a sweep in this process."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax

from rlsuite.experiments import training
from rlsuite.experiments.compiling import enable_compilation_cache
from rlsuite.experiments.errors import BAD_INPUT, UserError, say
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.locking import HeldError
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.folder import open_sweep, run_folder
from rlsuite.experiments.sweeping.grid import Job, jobs, plan_of
from rlsuite.experiments.sweeping.stages import Stage, progress

_SECONDS_TO_WAIT = 60.0
"""For a run that another process still writes: the one before this one, which is about to end."""


def do(directory: Path, names: Sequence[str]) -> int:
    """Trains and tests jobs of a sweep, each from where it is. One that fails stops no other.

    Args:
      directory: the sweep's folder.
      names: the folders' names of the jobs.

    Returns:
      The exit status: 0, 2 if a job failed, or 130 if this process was asked to stop.

    Raises:
      UserError: if the folder can't be read.
    """
    by_name = {job.folder: job for job in jobs(open_sweep(directory))}
    methods, status = Methods(), 0
    enable_compilation_cache()
    with jax.enable_x64(False):
        for name in names:
            try:
                stopped = _do(by_name[name], run_folder(directory, by_name[name]), methods)
            except UserError as error:
                say(str(error))
                status = BAD_INPUT
                continue
            if stopped:
                return stopped
    return status


def _do(job: Job, directory: Path, methods: Methods) -> int:
    stage = progress(directory, methods).stage
    if stage in (Stage.MISSING, Stage.BEGUN):
        status = _when_free(lambda: _train(job, directory, methods))
        if status:
            return status
    if progress(directory, methods).stage is Stage.TRAINED:
        evaluate(open_run(directory, methods))
    return 0


def _train(job: Job, directory: Path, methods: Methods) -> int:
    if progress(directory, methods).stage is not Stage.MISSING:
        return training.go_on(directory, methods)
    # What a run's folder keeps as its command is one that makes the run without the sweep.
    sys.argv = job.command
    return training.begin(plan_of(job, methods), directory, methods)


def _when_free(act: Callable[[], int]) -> int:
    """Does something in a folder once no other process has it."""
    until = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            return act()
        except HeldError:
            if time.monotonic() > until:
                raise
        time.sleep(0.5)
