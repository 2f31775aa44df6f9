"""Jobs as jobs of SLURM, through submitit.

They go on in SLURM when whoever leads the sweep has gone; the same command finds them again. One
that is preempted, or comes to its time limit, saves a checkpoint, is requeued, and goes on there.
"""

import os
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import ConfigError, UserError, nearest
from rlsuite.experiments.files import read_bytes, write_text
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.sweeping.engines import (
    Ending,
    Program,
    Room,
    Share,
    ask_to_stop,
    handed_on,
    launch,
    on_this_machine,
    wait_for,
)

FOLDER = Path("logs", "slurm")
"""Of a sweep's folder, where submitit keeps its files."""

_OWN, _TRIAL = "slurm", "local"
_DEFAULTS = {"timeout_min": 60}
_MOST_REQUEUES = 1000
_MANY = 1000
_WAITING = ("PENDING", "RUNNING", "REQUEUED", "COMPLETING", "CONFIGURING", "SUSPENDED", "PREEMPTED")
_RUNNING: dict[Program, subprocess.Popen] = {}
"""The process of the program that this process of SLURM has."""


class Work:
    """What SLURM runs: it starts the process of a program and waits for its end.

    Args:
      program: what the process does.
      environment: variables that go before those of the machine.
      folder: the current one of the process.
    """

    def __init__(self, program: Program, environment: Mapping[str, str], folder: str):
        self._program, self._environment, self._folder = program, dict(environment), folder

    def __call__(self) -> int:
        """Runs the program; returns how it ended, as `subprocess` has it."""
        environment = on_this_machine(self._environment)
        process = launch(self._program, Share(), environment, self._folder)
        _RUNNING[self._program] = process
        return wait_for(process)

    def checkpoint(self) -> Any:
        """Called by submitit before the job is preempted: what is to be run in its place."""
        from submitit.core.utils import DelayedSubmission

        process = _RUNNING.get(self._program)
        if process is not None:  # None if it was preempted before it had started any.
            ask_to_stop(process)
            process.wait()
        return DelayedSubmission(self)


class SlurmRunning:
    """A job of SLURM."""

    def __init__(self, job: Any, *, survives: bool, has_all: bool = True):
        self._job, self._survives, self._has_all = job, survives, has_all
        self._is_left = False

    def ending(self) -> Ending | None:
        """How it ended, or that it was left to itself."""
        if self._is_left:
            return Ending(INTERRUPTED)
        if not self._job.done():
            return None
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            status = self._job.result()
            if status == 0 and not self._has_all:
                return Ending(None, "an earlier SLURM job had only some of these seeds")
            return Ending(status)
        except FailedJobError as error:  # Which is an UncompletedJobError as well.
            lines = [line for line in str(error).splitlines() if line.strip()]
            return Ending(1, lines[-1])
        except UncompletedJobError:
            state = self._job.state
            if state.startswith("CANCELLED"):
                return Ending(1, "its SLURM job was cancelled")
            return Ending(None, f"its SLURM job has died ({state})")

    def stop(self) -> None:
        """Leaves it to itself, if it can be found again, or cancels it."""
        self._is_left = self._survives
        if not self._survives:
            self._job.cancel()


class SlurmEngine:
    """SLURM, as submitit speaks with it.

    Args:
      directory: the sweep's folder.
      parameters: submitit's.
      slots: jobs that wait or run at once.
      cluster: "slurm", or "local" for submitit's own processes in its place.
    """

    def __init__(
        self, directory: Path, parameters: Mapping[str, Any], slots: int, cluster: str = _OWN
    ):
        import submitit

        self._folder = (directory / FOLDER).absolute()
        try:
            self._executor = submitit.AutoExecutor(
                self._folder, cluster=cluster, slurm_max_num_timeout=_MOST_REQUEUES
            )
            self._executor.update_parameters(**parameters)
        except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"slurm: {str(error).splitlines()[0]}") from error
        self._survives = cluster == _OWN
        self.slots, self.room = slots, Room(slots)
        self.described = "SLURM" if self._survives else "submitit's processes in place of SLURM"
        self.farewell = (
            f"the jobs go on in SLURM; their numbers are in {self._folder}"
            if self._survives
            else "the jobs stop after their chunks, with checkpoints"
        )

    def start(self, program: Program) -> SlurmRunning:
        """Submits a program, or finds the job again that has it."""
        for name in program.jobs:
            job, jobs = self._found(name)
            if job is not None:
                has_all = jobs.issuperset(program.jobs)
                return SlurmRunning(job, survives=True, has_all=has_all)
        try:
            job = self._executor.submit(Work(program, handed_on(), str(Path.cwd())))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise UserError(f"slurm: {str(error).splitlines()[0]}") from error
        for name in program.jobs:
            write_text(self._folder / f"{name}.job", " ".join([job.job_id, *program.jobs]) + "\n")
        return SlurmRunning(job, survives=self._survives)

    def _found(self, name: str) -> tuple[Any, frozenset[str]]:
        """What SLURM has of an earlier command for a job, and which jobs that does."""
        content = read_bytes(self._folder, f"{name}.job")
        if content is None or not self._survives:
            return None, frozenset()
        from submitit import SlurmJob

        number, *jobs = content.decode("utf-8", "replace").split() or [""]
        job: Any = SlurmJob(self._folder, number)
        is_there = job.get_info("force").get("State", "").startswith(_WAITING)
        return (job if is_there else None), frozenset(jobs)

    def close(self) -> None:
        """Leaves jobs to themselves."""


def slurm_engine(
    directory: Path, parameters: Mapping[str, Any], workers: int | None = None
) -> SlurmEngine:
    """SLURM, or submitit's processes in its place.

    Args:
      directory: the sweep's folder, on a disk that all machines see under this path.
      parameters: submitit's, by the names that SLURM's have there: `partition`, `timeout_min`,
        `gpus_per_node`, …; `cluster` may be "local".
      workers: jobs that wait or run at once.

    Raises:
      ConfigError: if there is no such parameter.
      UserError: if submitit isn't installed, or there is no SLURM.
    """
    if find_spec("submitit") is None:
        raise UserError("slurm: submitit is not installed; pip install 'rlsuite[cluster]'")
    # It would close the handlers of everybody's logs to put its own in their place.
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    import submitit

    given = dict(parameters)
    cluster = given.pop("cluster", _OWN)
    if cluster not in (_OWN, _TRIAL):
        raise ConfigError(f"slurm.cluster: {cluster!r} is not allowed; it must be slurm or local")
    shared = submitit.AutoExecutor._typed_parameters()
    known = sorted({*shared, *submitit.SlurmExecutor._valid_parameters()})
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"slurm: {nearest('parameter', name, known)}")
        if name in shared and not _is_of(shared[name], value):
            word = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
            allowed = word[shared[name]]
            raise ConfigError(f"slurm.{name}: {value!r} is not allowed; it must be {allowed}")
    named = {
        name if name in shared else f"slurm_{name}": value
        for name, value in {**_DEFAULTS, **given}.items()
    }
    return SlurmEngine(directory, named, workers or _MANY, cluster)


def _is_of(kind: type, value: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)
