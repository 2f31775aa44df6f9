"""Runs from their beginning, or from where they were left, to their end."""

from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from jax.sharding import Mesh
from rich.console import Console

from rlsuite.experiments import compiling, fitting, hosts, runner
from rlsuite.experiments import report as reports
from rlsuite.experiments.devices import choose_mesh, described, number_of
from rlsuite.experiments.finished import Finished, Plan, extended, lengthened, open_run
from rlsuite.experiments.folder import check_free, create_run
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.locking import writer
from rlsuite.experiments.options import typed
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.streams import shown


def begin(
    plan: Plan,
    directory: Path,
    methods: Methods,
    *,
    overwrite: bool = False,
    devices: str | None = None,
    debug_nans: bool = False,
) -> int:
    """Trains what is planned, in a folder of its own.

    Args:
      plan: what is run.
      directory: its folder.
      methods: those that are known.
      overwrite: whether a run that the folder holds may be replaced.
      devices: as `choose_mesh` takes it.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.

    Raises:
      UserError: if it can't be run, before anything is written, or has diverged.
    """
    hosts.first_does(lambda: check_free(directory, overwrite=overwrite))
    mesh = choose_mesh(plan.experiment.divisible, devices)
    fitting.check_fits(plan, number_of(mesh))
    with hosts.ending_together(), ExitStack() as kept:

        def create() -> None:
            kept.enter_context(writer(directory))
            create_run(directory, plan.describe(), overwrite=overwrite)

        hosts.first_does(create)
        return to_the_end(plan, directory, methods, mesh, debug_nans=debug_nans)


def go_on(
    directory: Path,
    methods: Methods,
    *,
    steps: str | None = None,
    devices: str | None = None,
    debug_nans: bool = False,
) -> int:
    """Trains a run from its last checkpoint on.

    Args:
      directory: its folder.
      methods: those that are known.
      steps: the step to train up to, as text; none leaves the run's own.
      devices: as `choose_mesh` takes it.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.

    Raises:
      UserError: if it can't be resumed, or has diverged.
    """
    run = open_run(directory, methods)
    mesh = choose_mesh(run.experiment.divisible, devices)
    if steps is None and _is_done(run):
        return _say_done(run)
    fitting.check_fits(run if steps is None else lengthened(run, steps), number_of(mesh))
    with hosts.ending_together(), ExitStack() as kept:

        def take_up() -> None:
            kept.enter_context(writer(directory))
            if steps is not None:
                extended(run, steps, methods)

        hosts.first_does(take_up)
        run = open_run(directory, methods)
        if steps is not None and _is_done(run):
            return _say_done(run)
        return to_the_end(run, directory, methods, mesh, debug_nans=debug_nans)


def to_the_end(
    plan: Plan, directory: Path, methods: Methods, mesh: Mesh | None, *, debug_nans: bool
) -> int:
    """Trains what lies in a folder that is this process's to write, and reports it.

    Args:
      plan: what is run.
      directory: its folder, which holds it.
      methods: those that are known.
      mesh: devices that share it.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.
    """
    compiling.enable_compilation_cache()
    console = Console(quiet=not hosts.is_first())
    if (line := described(mesh)) is not None:
        console.print(shown(line, console.encoding), markup=False, highlight=False)
    outcome = runner.run(
        plan.experiment, plan.run, directory, console=console, mesh=mesh, debug_nans=debug_nans
    )
    if not hosts.is_first():
        return 0 if outcome.finished else INTERRUPTED
    if not outcome.finished:
        go_on_with = typed("resume", directory)
        print(f"stopped at step {outcome.step} of {plan.run.steps}; continue with: {go_on_with}")
        return INTERRUPTED
    if hosts.are_several():  # Whatever reads the state would wait for the others.
        print(
            f"finished {plan.run.steps} steps; write the report with: {typed('report', directory)}"
        )
        return 0
    finished = open_run(directory, methods)
    reports.report(finished)
    print(f"finished {plan.run.steps} steps; the run is in {directory}")
    _say_what_next(finished)
    return 0


def _is_done(run: Finished) -> bool:
    return (run.latest_step or 0) >= run.run.steps and (run.directory / "report.md").exists()


def _say_done(run: Finished) -> int:
    print(f"'{run.directory}' is already at its last step, {run.run.steps}.")
    _say_what_next(run)
    return 0


def _say_what_next(run: Finished) -> None:
    print(f"  read it:      {run.directory / 'report.md'}")
    if run.spec.test is not None:
        print(f"  test it:      {typed('evaluate', run.directory)}")
    if find_spec("tensorboard") is not None:
        print(f"  watch curves: tensorboard --logdir {run.directory}")
