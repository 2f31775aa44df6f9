"""Files that are written whole or not at all, and read from inside a folder only.

Whatever replaces a file is written beside it and renamed, so that a reader, or a run that was
killed, never meets half a file, and a link that lies in its place is replaced, not followed.
"""

import errno
import glob
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import UserError

SEAL = "sha256"
"""The entry of a document that holds the digest of all others."""

_DISK_ERRORS = tuple(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENAMETOOLONG")
)
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, whose file is put in the place of `path` once the block has ended well.

    It has the ending of `path`, by which some writers know what to write. If the block fails, what
    was there before stays.

    Raises:
      UserError: if it can't be written.
    """
    temporary = _beside(path)
    with writing(path):
        temporary.unlink(missing_ok=True)
        try:
            yield temporary
            _to_disk(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")


def is_temporary(path: Path) -> bool:
    """Whether a file is one that a killed process was to put into the place of another."""
    return re.fullmatch(r"\..+\.\d+\.tmp(\.\w+)?", path.name) is not None


def write_text(path: Path, text: str) -> None:
    """Writes a file in one step: whoever reads it sees the old text or the new, never a part.

    Raises:
      UserError: if it can't be written.
    """
    # Names of folders may be no text, which must not cost what is written about them.
    content = text.encode("utf-8", "backslashreplace")
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what a disk refuses into one line that names `path` and the reason.

    Raises:
      UserError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to '{path}': {reason(error)}") from error


def check_writable(directory: Path) -> None:
    """Makes sure that a folder takes files now, by making one and taking it away.

    Raises:
      UserError: if it doesn't.
    """
    trial = _beside(directory / "writable")
    with writing(directory):
        trial.unlink(missing_ok=True)
        try:
            with trial.open("x") as file:
                file.write("Whether a disk is full shows only when something is written.\n")
        finally:
            trial.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why the system refused, in its own words."""
    return error.strerror or str(error) or type(error).__name__


def refusal_behind(error: BaseException | None) -> str | None:
    """What the disk has said, where that is behind an error; libraries put it into their own."""
    while error is not None:
        if isinstance(error, OSError):
            return reason(error)
        for number in _DISK_ERRORS:
            if os.strerror(number) in str(error):
                return os.strerror(number)
        error = error.__cause__ or error.__context__
    return None


def inside(directory: Path, name: str | Path) -> Path:
    """The path of a file of a folder, whether it exists or not.

    Raises:
      UserError: if a link leads from there out of the folder, or round in a circle.
    """
    path = directory / name
    try:
        is_inside = path.resolve().is_relative_to(directory.resolve())
    except (OSError, RuntimeError) as error:
        raise UserError(f"'{path}' can't be followed: {error}") from error
    if not is_inside:
        raise UserError(f"'{path}' leads out of the run's folder, to '{path.resolve()}'")
    return path


@contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """A path to a folder that libraries can use.

    It is another one, where the folder's own has marks that stand for others in patterns (`[*?`),
    by which a library then finds no file, or is no text.
    """
    folder = folder.resolve()
    if glob.escape(str(folder)) == str(folder) and _is_text(str(folder)):
        yield folder
        return
    with tempfile.TemporaryDirectory() as holder:
        link = Path(holder) / "folder"
        link.symlink_to(folder, target_is_directory=True)
        yield link


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_bytes(directory: Path, name: str) -> bytes | None:
    """What a file of a folder holds, or None if there is none.

    Raises:
      UserError: if it is no plain file inside the folder, or can't be read.
    """
    path = inside(directory, name)
    try:
        # Not a pipe, whose reader would wait for a writer.
        if path.exists() and not path.is_file():
            raise UserError(f"'{path}' is no file")
        return path.read_bytes()
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return None
        raise UserError(f"cannot read '{path}': {reason(error)}") from error


def read_file(path: Path) -> bytes | None:
    """What a file that somebody has named holds, wherever a link leads; None if there is none.

    Raises:
      UserError: if it is no plain file, or can't be read.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise UserError(f"'{path}' can't be followed: {error}") from error
    return read_bytes(real.parent, real.name)


def parse_json(content: bytes) -> Any:
    """What UTF-8 text in JSON says.

    Raises:
      ValueError: if it says nothing: it is not whole, in another encoding or nested too deeply.
    """
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def sealed(document: Mapping[str, Any]) -> str:
    """A document in JSON with the digest of what it says, by which damage shows."""
    # As it will be read: JSON makes lists of tuples and texts of keys.
    plain = json.loads(json.dumps(document))
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return json.dumps({**plain, SEAL: digest}, indent=1) + "\n"


def parse_sealed(content: bytes) -> dict[str, Any]:
    """The inverse of `sealed`, from the bytes of a file.

    Raises:
      ValueError: if they aren't those that were sealed, each of them.
    """
    document = parse_json(content)
    if not isinstance(document, dict) or document.pop(SEAL, None) is None:
        raise ValueError(f"it has no '{SEAL}', the digest of the rest")
    try:
        is_whole = sealed(document).encode() == content
    except RecursionError:  # What can be read may still be nested too deeply to be written.
        is_whole = False
    if not is_whole:
        raise ValueError(f"it is not what its '{SEAL}' was made of")
    return document


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
