"""What a checkpoint's folder must hold: its `manifest.json` lists every file with its digest.

It also says what the checkpoint is of: which arrays, of which run, by which version. A folder is
compared with its manifest before anything in it is parsed.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from rlsuite import __version__
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import parse_sealed, read_bytes, sealed, write_text
from rlsuite.experiments.specs import BOOKKEEPING

FORMAT, FORMAT_VERSION = "rlsuite-checkpoint", 1
MANIFEST = "manifest.json"
Arrays = Mapping[str, Mapping[str, Any]]
"""Shape and type of arrays, by their path in a state."""


class DamagedError(Exception):
    """A checkpoint that is not what was saved; says in a few words what is wrong with it."""


class Manifest(NamedTuple):
    """What a checkpoint says of itself.

    Attributes:
      step: of the run.
      run: what was run, from `identity`.
      versions: of what saved it.
      arrays: all that the state consists of.
    """

    step: int
    run: Mapping[str, Any]
    versions: Mapping[str, str]
    arrays: Arrays


def identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a run's document that decide what is computed, by name.

    Args:
      document: what the run's `config.json` holds.
    """
    config = {
        name: value
        for name, value in document.get("config", {}).items()
        if name not in (*BOOKKEEPING, "steps", "evaluation", "method")
    }
    method = document.get("config", {}).get("method", {})
    return {
        "method": document.get("method"),
        **dict(_leaves("tasks", document.get("world_parameters", {}))),
        **dict(_leaves("", config)),
        **dict(_leaves("", method)),
    }


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield prefix, value
        return
    for name, inner in value.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else name, inner)


def arrays_of(state: Mapping[str, Any]) -> Arrays:
    """Shape and type of each leaf."""
    return {
        name: {"shape": list(leaf.shape), "dtype": str(leaf.dtype)} for name, leaf in state.items()
    }


def write_manifest(folder: Path, step: int, run: Mapping[str, Any], arrays: Arrays) -> None:
    """Writes down what lies in a checkpoint's folder.

    Raises:
      UserError: if it can't be written.
      OSError: if the folder can't be read.
    """
    document = sealed(
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "step": step,
            "run": run,
            "versions": {"rlsuite": __version__, "jax": jax.__version__},
            "arrays": arrays,
            "files": {
                name: {"size": status.st_size, "sha256": _digest(folder / name)}
                for name, status in _files(folder).items()
            },
        }
    )
    write_text(folder / MANIFEST, document)


def read_manifest(folder: Path) -> tuple[Manifest, Mapping[str, Any]]:
    """What a checkpoint says of itself, and of its files, by which `check_files` judges them.

    Raises:
      DamagedError: if that is not whole.
      UserError: if it is of another format version, or can't be read.
    """
    try:
        content = read_bytes(folder, MANIFEST)
    except UserError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno != errno.EIO:
            raise
        raise DamagedError(str(error)) from error
    if content is None:
        raise DamagedError(f"it has no {MANIFEST}")
    try:
        document = parse_sealed(content)
    except ValueError as error:
        raise DamagedError(f"its {MANIFEST} is damaged: {error}") from error
    version = document.get("format_version")
    if document.get("format") != FORMAT or version != FORMAT_VERSION:
        raise UserError(
            f"'{folder}' was saved in format version {version}; this rlsuite reads version "
            f"{FORMAT_VERSION}"
        )
    for name, is_sound in _SOUND.items():
        if name not in document:
            raise DamagedError(f"its {MANIFEST} lacks '{name}'")
        if not is_sound(document[name]):
            raise DamagedError(f"its {MANIFEST} is damaged: '{name}' is not what it should be")
    return Manifest(*(document[name] for name in Manifest._fields)), document["files"]


def _is_number(value: Any) -> bool:
    return type(value) is int and value >= 0  # JSON's true is an int, too.


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("rlsuite"), str)


def _is_array(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"shape", "dtype"}
        and isinstance(value["dtype"], str)
        and isinstance(value["shape"], list)
        and all(map(_is_number, value["shape"]))
    )


def _is_file(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_number(value.get("size"))
        and isinstance(value.get("sha256"), str)
    )


def _all_are(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(kind, value.values()))


_SOUND: Mapping[str, Callable[[Any], bool]] = {
    "step": _is_number,
    "run": _all_are(lambda value: True),
    "versions": _are_versions,
    "arrays": _all_are(_is_array),
    "files": _all_are(_is_file),
}
"""Of each part of a manifest, whether it is of the kind that `write_manifest` writes."""


def check_files(folder: Path, expected: Mapping[str, Any]) -> None:
    """Compares every file of a checkpoint's folder with what was saved; parses none.

    Raises:
      DamagedError: if a byte differs, a file is missing, or there is anything else.
      OSError: if that can't be said, for reasons that do not lie in the checkpoint.
    """
    found = _files(folder)
    found.pop(MANIFEST, None)
    for name in sorted({*expected, *found}):
        if name not in found:
            raise DamagedError(f"'{name}' is missing")
        if name not in expected:
            raise DamagedError(f"'{name}' is no part of it")
        size = found[name].st_size
        if size != expected[name]["size"]:
            raise DamagedError(f"'{name}' has {size} bytes in place of {expected[name]['size']}")
    for name, file in expected.items():
        if _digest(folder / name) != file["sha256"]:
            raise DamagedError(f"'{name}' has other bytes than were saved")


def signature(folder: Path) -> Any:
    """By which is seen that nobody has touched a folder's files since.

    Raises:
      DamagedError: if there are other things than plain files.
      OSError: if that can't be said.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise DamagedError("it is a link, or no folder")
    return status.st_ino, {
        name: (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for name, status in _files(folder).items()
    }


def _files(folder: Path) -> dict[str, os.stat_result]:
    """All files below a folder by their path there. Links are not followed."""
    files = {}
    for path, directories, names in os.walk(folder, onerror=_raise):
        for name in (*directories, *names):
            file = Path(path, name)
            relative, status = str(file.relative_to(folder)), file.lstat()
            if stat.S_ISREG(status.st_mode):
                files[relative] = status
            elif not stat.S_ISDIR(status.st_mode):
                raise DamagedError(f"'{relative}' is a link, or no file")
    return files


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _raise(error: OSError) -> None:
    raise error


def other_version(saved: Manifest) -> str | None:
    """By which other version of rlsuite a checkpoint was saved, if not by this one."""
    version = saved.versions["rlsuite"]
    return None if version == __version__ else version


def difference(saved: Manifest, run: Mapping[str, Any]) -> str | None:
    """In what a checkpoint is of another run than this, in words; None if it is of this one.

    Args:
      saved: what the checkpoint says of itself.
      run: from `identity`.
    """
    for name in {**saved.run, **run}:
        before, now = (one.get(name, "not set") for one in (saved.run, run))
        if before != now and not (name == "method" and _is_moved(before, now)):
            return f"{name} was {before}, and is {now} in config.json"
    return None


def _is_moved(before: Any, now: Any) -> bool:
    """Whether two references, `path/to/file.py:SPEC`, are the same but for the file's folder."""
    if not (isinstance(before, str) and isinstance(now, str)):
        return False
    (file, _, spec), (file_now, _, spec_now) = before.rpartition(":"), now.rpartition(":")
    is_same = (Path(file).name, spec) == (Path(file_now).name, spec_now)
    return is_same and file.endswith(".py")
