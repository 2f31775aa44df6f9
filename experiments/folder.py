"""The folder of a run: what is run, where, by what command, commit and libraries.

config.json     what is run
metrics.jsonl   one line per logged step, readable while the run goes on
tensorboard/    the same metrics as events
checkpoints/    the last states, one folder per step
writer.lock     held by the process that writes the run
"""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from rlsuite import __version__
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import is_temporary, parse_json, read_bytes, write_text, writing
from rlsuite.experiments.locking import LOCK
from rlsuite.experiments.options import typed

FORMAT = "rlsuite-run"
FORMAT_VERSION = 3
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "distrax", "gymnax", "numpy", "orbax-checkpoint")


def holds_run(directory: Path) -> bool:
    """Whether a folder holds a run: a `config.json` that this module wrote."""
    try:
        return _document(directory) is not None
    except UserError:
        return False


def check_named_once(directories: Iterable[Path]) -> None:
    """Makes sure that no folder is among others twice, by whatever path.

    Raises:
      UserError: if one is.
    """
    seen: set[Path] = set()
    for directory in directories:
        if directory.resolve() in seen:
            raise UserError(f"'{directory}' is named twice; name it once")
        seen.add(directory.resolve())


_NAMES_OF_A_RUN = (
    "config.json",
    "metrics.jsonl",
    "checkpoints",
    "tensorboard",
    "wandb",
    "report.md",
    "evaluation*.json",
    "*.png",
)


def check_free(directory: Path, *, overwrite: bool) -> None:
    """Makes sure that a new run may be written to `directory`; changes nothing.

    Raises:
      UserError: if the folder holds a run and `overwrite` is false, or holds anything else. One
        whose `config.json` is damaged may be replaced if there is nothing else than a run's own.
    """
    try:
        is_run = _document(directory) is not None
    except UserError as error:
        _check_free_of_damaged(directory, error, overwrite=overwrite)
        return
    if is_run:
        if not overwrite:
            raise UserError(
                f"'{directory}' already holds a run; continue it with "
                f"'{typed('resume', directory)}', replace it with '--overwrite', "
                "or choose another '--out'"
            )
    elif directory.exists() and not directory.is_dir():
        raise UserError(f"'{directory}' is a file; choose another folder with '--out'")
    elif directory.is_dir() and not all(map(_is_of_a_beginning, directory.iterdir())):
        raise UserError(
            f"'{directory}' is not empty and holds no run; choose another folder with '--out'"
        )


def _check_free_of_damaged(directory: Path, damage: UserError, *, overwrite: bool) -> None:
    foreign = sorted(path.name for path in directory.iterdir() if not _is_of_a_run(path))
    if foreign:
        raise UserError(
            f"{damage}; no run is put there, as '{foreign[0]}' is no part of one: choose another "
            "folder with '--out'"
        )
    if not overwrite:
        raise UserError(
            f"{damage}; replace the run with '--overwrite', or choose another folder with '--out'"
        )


def _is_of_a_run(path: Path) -> bool:
    """Whether a file is called as what rlsuite writes into a run's folder."""
    return _is_of_a_beginning(path) or any(fnmatchcase(path.name, name) for name in _NAMES_OF_A_RUN)


def _is_of_a_beginning(path: Path) -> bool:
    """Whether a file is what a process leaves that was killed before its run was one."""
    return path.name == LOCK or is_temporary(path)


def create_run(directory: Path, description: Mapping[str, Any], *, overwrite: bool = True) -> None:
    """Makes the folder of a new run, in place of the run it may hold.

    Args:
      directory: the folder; see `check_free` for what is refused.
      description: what is run, in terms of JSON; where and by what is added to it.
      overwrite: whether a run may be replaced.

    Raises:
      UserError: if the folder holds what may not be replaced, or cannot be written.
    """
    check_free(directory, overwrite=overwrite)
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **_circumstances(),
        **description,
    }
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # The file by which the folder is known as a run goes last, so that a removal that was
        # cut short can be taken up again.
        for path in sorted(directory.iterdir(), key=lambda path: path.name == "config.json"):
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    write_document(directory, document)


def write_document(directory: Path, document: Mapping[str, Any]) -> None:
    """Writes what is run into a run's folder.

    Raises:
      UserError: if it can't be written.
    """
    write_text(directory / "config.json", json.dumps(document, indent=2) + "\n")


def read_document(directory: Path) -> dict[str, Any]:
    """What `create_run` wrote.

    Raises:
      UserError: if the folder holds no run, or one of another format.
    """
    document = _document(directory)
    if document is None:
        raise UserError(f"'{directory}' holds no run; start one with 'rlsuite train'")
    found = document.get("format_version")
    if type(found) is not int or found != FORMAT_VERSION:
        raise UserError(
            f"'{directory}' was written in format version {found!r}; "
            f"this rlsuite reads version {FORMAT_VERSION}"
        )
    return document


def _document(directory: Path) -> dict[str, Any] | None:
    content = read_bytes(directory, "config.json")
    try:
        document = None if content is None else parse_json(content)
    except ValueError as error:
        raise UserError(f"'{directory / 'config.json'}' is damaged: {error}") from error
    is_run = isinstance(document, dict) and document.get("format") == FORMAT
    return document if is_run else None


class Place:
    """A run's folder, by which is noticed that it was moved, deleted or replaced meanwhile."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._folder, self._lock = _status(directory), _status(directory / LOCK)

    def check(self) -> None:
        """Makes sure that it is still the same folder, before anything is written to it.

        Raises:
          UserError: if it isn't, or its lock isn't, so that another process may have it.
        """
        is_there = _status(self._directory / "config.json") is not None
        if not is_there or _status(self._directory) != self._folder:
            raise replaced(self._directory)
        if _status(self._directory / LOCK) != self._lock:
            raise replaced(self._directory / LOCK)


def _status(path: Path) -> tuple[int, int] | None:
    """By which a file or folder is known, whatever it is called."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def replaced(path: Path) -> UserError:
    """The error for what a run was writing to and finds no more."""
    return UserError(
        f"'{path}' was moved, deleted or replaced while the run was writing to it, so the run was "
        "stopped"
    )


def _circumstances() -> dict[str, Any]:
    """When, where, by what command and by which code a run is made."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": _commit(),
        "device": {
            "backend": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "versions": {"rlsuite": __version__, "python": platform.python_version(), **libraries},
    }


def _commit() -> str | None:
    """The commit of the checkout that rlsuite runs from, marked where files differ from it."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
