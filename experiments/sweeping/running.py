"""A sweep from its file, or from where it was left, to its report."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.interruption import INTERRUPTED, stop_on_signal
from rlsuite.experiments.locking import writer
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.display import Display
from rlsuite.experiments.sweeping.engines import Engine, Program
from rlsuite.experiments.sweeping.folder import check_folder, log_file, run_folder, write_sweep
from rlsuite.experiments.sweeping.grid import Job, Sweep, jobs, plans
from rlsuite.experiments.sweeping.grouping import divided, fitting_together
from rlsuite.experiments.sweeping.leading import Failure, Leader
from rlsuite.experiments.sweeping.reporting import report_sweep
from rlsuite.experiments.sweeping.rows import DONE, Row
from rlsuite.experiments.sweeping.stages import Stage, progress
from rlsuite.experiments.words import counted

FAILURES = 1
"""The exit status of a sweep of which jobs have failed."""

_GO_ON = "the same command goes on from there"


def run_sweep(
    sweep: Sweep,
    directory: Path,
    methods: Methods,
    engine: Callable[[], Engine],
    *,
    together: int | None = None,
    console: Console | None = None,
) -> int:
    """Runs what is missing of a sweep, and writes its report.

    Args:
      sweep: what is run.
      directory: its folder; what is there already is taken up.
      methods: those that are known.
      engine: makes the engine; it isn't called if nothing is missing.
      together: seeds of one setting that are one program at most; none goes by the engine's room.
      console: where progress is shown; the terminal by default.

    Returns:
      The exit status: 0, 1 if jobs have failed, or 130 if it was stopped.

    Raises:
      UserError: if it can't be run, before anything is written.
    """
    console = console or Console()
    planned = plans(sweep, methods)
    check_folder(directory, sweep, planned, methods)
    missing = [job for job in jobs(sweep) if not _is_done(directory, job, methods)]
    print(_told(sweep, directory, len(missing)))
    if not missing:
        with writer(directory):
            write_sweep(directory, sweep)
        return _reported(directory, methods)
    rows = _rows(sweep, directory, planned, missing)
    with closing(engine()) as chosen, writer(directory):
        write_sweep(directory, sweep)
        print(f"on {chosen.described}")

        def most(job: Job) -> int:
            plan = planned[job.folder]
            return together or fitting_together(plan, len(missing), chosen.room)

        programs = [_program(directory, group) for group in divided(missing, most)]
        failures = _lead(programs, chosen, rows, methods, console)
    done = sum(row.state == DONE for row in rows.values())
    if done + len(failures) < len(rows):
        print(f"stopped with {done} of {len(rows)} jobs done; {_GO_ON}")
        return INTERRUPTED
    for name, failure in failures.items():
        say(f"{rows[name].name} has failed: {failure.reason}; its log is {failure.log}")
    return _reported(directory, methods) or (FAILURES if failures else 0)


def _lead(
    programs: Sequence[Program],
    engine: Engine,
    rows: Mapping[str, Row],
    methods: Methods,
    console: Console,
) -> Mapping[str, Failure]:
    """Runs programs to their ends, and says why jobs have failed."""

    def is_done(name: str) -> bool:
        try:
            return progress(rows[name].directory, methods).stage is Stage.DONE
        except UserError:  # Its process has said so.
            return False

    with (
        Display(console, list(rows.values())) as display,
        stop_on_signal(lambda line: None, _GO_ON) as stop,
    ):
        leader = Leader(engine, rows, is_done, display, should_stop=lambda: stop.asked)
        leader.lead(programs)
    return leader.failures


def _told(sweep: Sweep, directory: Path, num_missing: int) -> str:
    name = sweep.name if sweep.size is None else f"{sweep.name} {sweep.size}"
    total = len(sweep.settings) * len(sweep.seeds)
    done = f", {total - num_missing} of them done already" if num_missing < total else ""
    return f"{name}: {counted(total, 'job')}{done}; the sweep is in {directory}"


def _is_done(directory: Path, job: Job, methods: Methods) -> bool:
    return progress(run_folder(directory, job), methods).stage is Stage.DONE


def _program(directory: Path, group: list[Job]) -> Program:
    names = tuple(job.folder for job in group)
    return Program(directory.absolute(), names, log_file(directory.absolute(), group[0]))


def _rows(
    sweep: Sweep, directory: Path, planned: Mapping[str, Plan], missing: list[Job]
) -> dict[str, Row]:
    headlines: dict[str, str] = {}
    rows: dict[str, Row] = {}
    for job in jobs(sweep):
        plan, name = planned[job.folder], job.setting.name
        if name not in headlines:  # Built once for a setting, whose other seeds show the same.
            headlines[name] = next(iter(plan.experiment.headline), "")
        row = Row(name, job.seed, run_folder(directory, job), plan.run.steps, headlines[name])
        row.look()
        row.state = row.state if job in missing else DONE
        rows[job.folder] = row
    return rows


def _reported(directory: Path, methods: Methods) -> int:
    print(f"read it: {report_sweep(directory, methods)}")
    return 0
