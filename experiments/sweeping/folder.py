"""The folder of a sweep, which is its state.

sweep.json         what is swept, sealed by its digest
runs/JOB/          an ordinary run each, with its evaluation
logs/JOB.log       what the processes of that job have said
writer.lock        held by the process that leads the sweep
"""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlsuite import __version__
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.files import (
    is_temporary,
    parse_json,
    parse_sealed,
    read_bytes,
    sealed,
    write_text,
    writing,
)
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import holds_run
from rlsuite.experiments.locking import LOCK
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.specs import BOOKKEEPING
from rlsuite.experiments.sweeping.grid import Claim, Job, Setting, Sweep

FORMAT, FORMAT_VERSION = "rlsuite-sweep", 1
SWEEP = "sweep.json"
_RUNS, _LOGS = "runs", "logs"


def run_folder(directory: Path, job: Job) -> Path:
    """Where the run of a job is."""
    return directory / _RUNS / job.folder


def log_file(directory: Path, job: Job) -> Path:
    """Where what the processes of a job say is kept."""
    return directory / _LOGS / f"{job.folder}.log"


def holds_sweep(directory: Path) -> bool:
    """Whether a folder holds a sweep: a `sweep.json` that this module wrote, whole or damaged."""
    try:
        return _document(directory) is not None
    except UserError:
        return True


def open_sweep(directory: Path) -> Sweep:
    """The sweep in a folder.

    Raises:
      UserError: if it holds none, or one that is damaged or of another format.
    """
    document = _document(directory)
    if document is None:
        raise UserError(f"'{directory}' holds no sweep; start one with 'rlsuite sweep'")
    try:
        return _from_json(document["sweep"])
    except (KeyError, TypeError) as error:
        raise UserError(f"'{directory / SWEEP}' is damaged: {error}") from error


def check_folder(
    directory: Path, sweep: Sweep, plans: Mapping[str, Plan], methods: Methods
) -> None:
    """Makes sure that a sweep can go on in a folder, or begin there; changes nothing.

    Jobs may have been added since, and what is claimed may have changed. Runs that are there must
    be those of jobs, as they are now.

    Raises:
      UserError: if not, with what differs in one line.
    """
    _check_holds_no_run(directory)
    if directory.exists() and not directory.is_dir():
        raise UserError(f"'{directory}' is a file; choose another folder with '--out'")
    is_new = _document(directory) is None
    if is_new and directory.is_dir() and not all(map(_is_of_a_sweep, directory.iterdir())):
        raise UserError(
            f"'{directory}' is not empty and holds no sweep; choose another folder with '--out'"
        )
    for run in _runs(directory, methods):
        name = run.directory.name
        if name not in plans:
            raise UserError(
                f"'{run.directory}' is a run of no setting and seed that the sweep still has; put "
                "those back, move the run away, or choose another folder with '--out'"
            )
        differs = difference(run, plans[name])
        if differs is not None:
            raise UserError(
                f"'{run.directory}' is another run: {differs}; undo that, move the run away, or "
                "choose another folder with '--out'"
            )


def check_is_neither(directory: Path) -> None:
    """Makes sure that a folder for results is no run's and no sweep's, whose files they'd replace.

    Raises:
      UserError: if it is.
    """
    _check_holds_no_run(directory)
    if holds_sweep(directory):
        raise UserError(f"'{directory}' holds a sweep; choose another folder with '--out'")


def _check_holds_no_run(directory: Path) -> None:
    if holds_run(directory):
        raise UserError(f"'{directory}' holds a run; choose another folder with '--out'")


def write_sweep(directory: Path, sweep: Sweep) -> None:
    """Writes what is swept into its folder, in place of what was swept there before.

    Raises:
      UserError: if it can't be written.
    """
    before = _document(directory) or {}
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": before.get("created", datetime.now(UTC).isoformat(timespec="seconds")),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "version": __version__,
        "sweep": _to_json(sweep),
    }
    with writing(directory):
        for name in (_RUNS, _LOGS):
            (directory / name).mkdir(parents=True, exist_ok=True)
    write_text(directory / SWEEP, sealed(document))


def difference(run: Finished, plan: Plan) -> str | None:
    """By what a run differs from a plan, if by more than what is written down of it."""
    if run.spec.name != plan.spec.name:
        return f"its method is {run.spec.name}, and that of the sweep {plan.spec.name}"
    found = {name: leaf.value for name, leaf in leaves(run.run).items()}
    wanted = {name: leaf.value for name, leaf in leaves(plan.run).items()}
    found |= {f"tasks.{name}": value for name, value in run.world_parameters.items()}
    wanted |= {f"tasks.{name}": value for name, value in plan.world_parameters.items()}
    for name in {**found, **wanted}:
        if name not in BOOKKEEPING and found.get(name) != wanted.get(name):
            ours, theirs = (to_text(values.get(name)) for values in (found, wanted))
            return f"its {name} is {ours}, and that of the sweep {theirs}"
    return None


def _runs(directory: Path, methods: Methods) -> list[Finished]:
    folder = directory / _RUNS
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [open_run(path, methods) for path in paths if holds_run(path)]


def _is_of_a_sweep(path: Path) -> bool:
    """Whether something may be there before the sweep is: runs, and what a killed process left."""
    return path.name in (_RUNS, _LOGS, LOCK) or is_temporary(path)


def _document(directory: Path) -> dict[str, Any] | None:
    """What `sweep.json` holds, of this format; none if there is no such file.

    Raises:
      UserError: if it is of another format, or damaged.
    """
    content = read_bytes(directory, SWEEP)
    if content is None:
        return None
    path = directory / SWEEP
    try:
        document = parse_json(content)
        found = document.get("format"), document.get("format_version")
        if found[0] == FORMAT and found[1] != FORMAT_VERSION:
            raise UserError(
                f"'{path}' was written in format version {found[1]!r}; this rlsuite reads version "
                f"{FORMAT_VERSION}"
            )
        if found[0] != FORMAT:
            raise UserError(f"'{path}' is no sweep of rlsuite; choose another folder with '--out'")
        return parse_sealed(content)
    except (AttributeError, ValueError) as error:
        raise UserError(f"'{path}' is damaged: {error}") from error


def _to_json(sweep: Sweep) -> dict[str, Any]:
    return {
        **sweep._asdict(),
        "settings": [
            {**setting._asdict(), "fields": dict(setting.fields)} for setting in sweep.settings
        ],
        "claims": [claim._asdict() for claim in sweep.claims],
        "slurm": dict(sweep.slurm),
    }


def _from_json(document: Mapping[str, Any]) -> Sweep:
    return Sweep(
        **{
            **document,
            "settings": tuple(Setting(**setting) for setting in document["settings"]),
            "claims": tuple(
                Claim(**{**claim, "tables": tuple(claim["tables"])}) for claim in document["claims"]
            ),
            "seeds": tuple(document["seeds"]),
            "imports": tuple(document["imports"]),
        }
    )
