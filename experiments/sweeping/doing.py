"""Training and testing jobs of a sweep in this process."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rlsuite.experiments import training
from rlsuite.experiments.compiling import enable_compilation_cache
from rlsuite.experiments.errors import BAD_INPUT, UserError, say
from rlsuite.experiments.evaluate import evaluate_each
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.locking import HeldError
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.folder import open_sweep, run_folder
from rlsuite.experiments.sweeping.grid import Job, jobs, plan_of
from rlsuite.experiments.sweeping.stages import Stage, progress
from rlsuite.experiments.usual_numbers import usual_numbers

_SECONDS_TO_WAIT = 60.0
"""For a run that another process still writes: the one before this one, which is about to end."""


def do(directory: Path, names: Sequence[str]) -> int:
    """Trains and tests jobs of a sweep that differ in their seeds alone, from where each is.

    They are one program. One that diverges, or whose folder can't be read, stops no other.

    Args:
      directory: the sweep's folder.
      names: the folders' names of the jobs.

    Returns:
      The exit status: 0, 2 if a job failed, or 130 if this process was asked to stop.

    Raises:
      UserError: if the folder can't be read.
    """
    by_name = {job.folder: job for job in jobs(open_sweep(directory))}
    methods = Methods()
    enable_compilation_cache()
    with usual_numbers():
        found = {run_folder(directory, by_name[name]): by_name[name] for name in names}
        readable = {path: job for path, job in found.items() if _can_be_read(path, methods)}
        status = _said(lambda: _train(readable, methods))
        if status == INTERRUPTED:
            return status
        status = _said(lambda: _test(readable, methods)) or status
    return status if len(readable) == len(found) else BAD_INPUT


def _said(act: Callable[[], int]) -> int:
    """The exit status of something, and a line if it fails."""
    try:
        return act()
    except UserError as error:
        say(str(error))
        return BAD_INPUT


def _can_be_read(directory: Path, methods: Methods) -> bool:
    def look() -> int:
        progress(directory, methods)
        return 0

    return _said(look) == 0


def _train(found: Mapping[Path, Job], methods: Methods) -> int:
    stages = {path: progress(path, methods).stage for path in found}
    begun = [path for path in found if stages[path] is Stage.BEGUN]
    missing = [path for path in found if path in begun or stages[path] is Stage.MISSING]
    if not missing:
        return 0
    # A run that is there already goes on as it was begun, however often it logs and saves.
    plans: dict[Path, Plan] = {
        path: open_run(path, methods) if path in begun else plan_of(found[path], methods)
        for path in missing
    }
    # What a run's folder keeps as its command is one that makes the run without the sweep.
    commands = {path: found[path].command for path in missing}
    return _when_free(
        lambda: training.begin(plans, methods, going_on=True, commands=commands),
    )


def _test(found: Mapping[Path, Job], methods: Methods) -> int:
    """Tests those that are trained, at once: what they are all compared with is tested once."""
    trained = [path for path in found if progress(path, methods).stage is Stage.TRAINED]
    if trained:
        evaluate_each([open_run(path, methods) for path in trained])
    return 0


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
