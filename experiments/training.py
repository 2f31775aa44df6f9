"""Runs from their beginning, or from where they were left, to their end.

Several that differ in their seeds alone are made side by side, by one program.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from jax.sharding import Mesh
from rich.console import Console

from rlsuite.experiments import compiling, fitting, hosts, runner
from rlsuite.experiments import report as reports
from rlsuite.experiments.amending import extended, lengthened
from rlsuite.experiments.devices import check_precisions, choose_mesh, described, number_of
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import check_free, check_named_once, create_run, holds_run
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.locking import writer
from rlsuite.experiments.options import typed
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.runner import Outcome
from rlsuite.experiments.streams import shown

# What may differ between runs that one program makes.
_OF_ONE_RUN = frozenset({"seed", "checkpoints_kept", "keep_every", "wandb"})


def begin(
    plans: Mapping[Path, Plan],
    methods: Methods,
    *,
    overwrite: bool = False,
    going_on: bool = False,
    commands: Mapping[Path, Sequence[str]] = {},
    devices: str | None = None,
    debug_nans: bool = False,
) -> int:
    """Trains what is planned, each in a folder of its own.

    Args:
      plans: by folder; if there are several, they differ in their seeds alone.
      methods: those that are known.
      overwrite: whether runs that the folders hold may be replaced.
      going_on: whether runs that the folders hold are gone on with, if they are those planned.
      commands: by folder, the words of a command that makes the same run, for people who read its
        `config.json`; by default that of this process.
      devices: as `choose_mesh` takes it.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.

    Raises:
      UserError: if they can't be run, before anything is written, or have diverged.
    """
    _check_together(plans, debug_nans=debug_nans)
    held = {path for path in plans if going_on and holds_run(path)}
    for path in held:
        _check_same(path, plans[path], methods)
    new = {path: plan for path, plan in plans.items() if path not in held}

    def check_new() -> None:
        for path in new:
            check_free(path, overwrite=overwrite)

    def create() -> None:
        for path in plans:
            kept.enter_context(writer(path))
        for path, plan in new.items():
            command = {"command": list(commands[path])} if path in commands else {}
            create_run(path, {**plan.describe(), **command}, overwrite=overwrite)

    hosts.first_does(check_new)
    mesh = _mesh(plans, devices)
    with hosts.ending_together(), ExitStack() as kept:
        hosts.first_does(create)
        return to_the_end(plans, methods, mesh, debug_nans=debug_nans)


def go_on(
    directories: Sequence[Path],
    methods: Methods,
    *,
    steps: str | None = None,
    devices: str | None = None,
    debug_nans: bool = False,
) -> int:
    """Trains runs from their last checkpoints on.

    Args:
      directories: their folders; the runs differ in their seeds alone.
      methods: those that are known.
      steps: the step to train up to, as text; none leaves the runs' own.
      devices: as `choose_mesh` takes it.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.

    Raises:
      UserError: if they can't be resumed, or have diverged.
    """
    check_named_once(directories)
    runs = {path: open_run(path, methods) for path in directories}
    if steps is None and all(map(_is_done, runs.values())):
        return _say_done(runs)
    longer = {path: run if steps is None else lengthened(run, steps) for path, run in runs.items()}
    _check_together(longer, debug_nans=debug_nans)
    mesh = _mesh(longer, devices)
    with hosts.ending_together(), ExitStack() as kept:

        def take_up() -> None:
            for path, run in runs.items():
                kept.enter_context(writer(path))
                if steps is not None:
                    extended(run, steps, methods)

        hosts.first_does(take_up)
        runs = {path: open_run(path, methods) for path in directories}
        if steps is not None and all(map(_is_done, runs.values())):
            return _say_done(runs)
        return to_the_end(runs, methods, mesh, debug_nans=debug_nans)


def _check_together(plans: Mapping[Path, Plan], *, debug_nans: bool) -> None:
    """Makes sure that one program can make them."""
    if len(plans) == 1:
        return
    if debug_nans:
        raise ConfigError("debug_nans: it is not allowed with several runs; resume one of them")
    if hosts.are_several():
        raise ConfigError("hosts: they are not allowed with several runs; start each by itself")
    (first_path, first), *others = plans.items()
    for path, plan in others:
        if differing := _difference(first, plan):
            raise ConfigError(
                f"'{path}' can't be run by one program with '{first_path}', as they differ in more "
                f"than the seed: {differing}"
            )


def _difference(first: Plan, second: Plan) -> str | None:
    """What differs between two plans beside what may, in words."""
    if first.reference != second.reference:
        return f"{second.spec.name} and {first.spec.name}"
    if dict(first.world_parameters) != dict(second.world_parameters):
        return "the world's parameters"
    ours, theirs = leaves(first.run), leaves(second.run)
    for name in ours:
        if name not in _OF_ONE_RUN and ours[name].value != theirs[name].value:
            return f"{name} {to_text(theirs[name].value)} and {to_text(ours[name].value)}"
    return None


def _check_same(path: Path, plan: Plan, methods: Methods) -> None:
    """Makes sure that a folder holds the run that is planned."""
    held = open_run(path, methods)
    seeds = (plan.run.seed, held.run.seed)
    differing = _difference(plan, held)
    if differing is None and seeds[0] != seeds[1]:
        differing = f"seed {seeds[1]} and {seeds[0]}"
    if differing is not None:
        raise UserError(f"'{path}' holds another run than the one that is planned: {differing}")


def _mesh(plans: Mapping[Path, Plan], devices: str | None) -> Mesh | None:
    """The devices that share the runs, once it is clear that they can make them.

    Raises:
      ConfigError: if they multiply in other precisions, can't share the runs, or lack the memory.
    """
    plan = next(iter(plans.values()))
    check_precisions(plan.run)
    mesh = choose_mesh(plan.experiment.divisible, devices, len(plans))
    fitting.check_fits(plan, number_of(mesh), len(plans))
    return mesh


def to_the_end(
    plans: Mapping[Path, Plan], methods: Methods, mesh: Mesh | None, *, debug_nans: bool
) -> int:
    """Trains what lies in folders that are this process's to write, and reports it.

    Args:
      plans: what is run, by the folder that holds it.
      methods: those that are known.
      mesh: devices that share them.
      debug_nans: as `rlsuite.experiments.runner.run` takes it.

    Returns:
      The exit status.

    Raises:
      UserError: if any has diverged, when the others have finished.
    """
    compiling.enable_compilation_cache()
    console = Console(quiet=not hosts.is_first())
    if (line := described(mesh)) is not None:
        console.print(shown(line, console.encoding), markup=False, highlight=False)
    outcomes = _train(plans, console, mesh, debug_nans=debug_nans)
    if not hosts.is_first():
        return 0 if all(outcome.finished for outcome in outcomes.values()) else INTERRUPTED
    stopped = [path for path, outcome in outcomes.items() if _is_stopped(outcome)]
    if stopped:
        step = min(outcomes[path].step for path in stopped)
        steps = plans[stopped[0]].run.steps
        go_on_with = typed("resume", *outcomes)
        print(f"stopped at step {step} of {steps}; continue with: {go_on_with}")
        return INTERRUPTED
    for path, outcome in outcomes.items():
        if outcome.finished:
            _say_finished(path, plans[path], methods)
    _raise_divergence(outcomes)
    return 0


def _train(
    plans: Mapping[Path, Plan], console: Console, mesh: Mesh | None, *, debug_nans: bool
) -> dict[Path, Outcome]:
    if len(plans) == 1:
        ((path, plan),) = plans.items()
        outcome = runner.run(
            plan.experiment, plan.run, path, console=console, mesh=mesh, debug_nans=debug_nans
        )
        return {path: outcome}
    experiment = next(iter(plans.values())).experiment
    configs = {path: plan.run for path, plan in plans.items()}
    outcomes = runner.run_together(experiment, configs, console=console, mesh=mesh)
    return dict(zip(plans, outcomes, strict=True))


def _is_stopped(outcome: Outcome) -> bool:
    return not outcome.finished and outcome.divergence is None


def _raise_divergence(outcomes: Mapping[Path, Outcome]) -> None:
    diverged = [f"'{path}'" for path, found in outcomes.items() if found.divergence is not None]
    if diverged:
        raise UserError(f"{len(diverged)} of {len(outcomes)} runs diverged: {', '.join(diverged)}")


def _say_finished(path: Path, plan: Plan, methods: Methods) -> None:
    steps = plan.run.steps
    if hosts.are_several():  # Whatever reads the state would wait for the others.
        print(f"finished {steps} steps; write the report with: {typed('report', path)}")
        return
    finished = open_run(path, methods)
    reports.report(finished)
    print(f"finished {steps} steps; the run is in {path}")
    _say_what_next(finished)


def _is_done(run: Finished) -> bool:
    return (run.latest_step or 0) >= run.run.steps and (run.directory / "report.md").exists()


def _say_done(runs: Mapping[Path, Finished]) -> int:
    for path, run in runs.items():
        print(f"'{path}' is already at its last step, {run.run.steps}.")
        _say_what_next(run)
    return 0


def _say_what_next(run: Finished) -> None:
    print(f"  read it:      {run.directory / 'report.md'}")
    if run.spec.test is not None:
        print(f"  test it:      {typed('evaluate', run.directory)}")
    if find_spec("tensorboard") is not None:
        print(f"  watch curves: tensorboard --logdir {run.directory}")
