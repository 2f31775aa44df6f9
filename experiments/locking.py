"""One process writes a run's folder at a time; one that has died holds nothing."""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rlsuite.experiments import hosts
from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.files import inside, writing

LOCK = "writer.lock"
"""The file in a run's folder that is locked. It stays there when it is not."""

_NOT_SUPPORTED = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL)


class HeldError(UserError):
    """A folder that another process writes."""


@contextmanager
def writer(directory: Path) -> Iterator[None]:
    """Keeps a run's folder for this process; of several hosts, for the first of its processes.

    The folder is made if need be. The system gives it back when the process ends, however it ends.
    Where the file system knows no locks, a line says so and nothing is kept.

    Raises:
      HeldError: if another process has it.
      UserError: if it can't be written.
    """
    if not hosts.is_first():
        yield
        return
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = _open(directory)
    try:
        _take(directory, descriptor)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _open(directory: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.open(inside(directory, LOCK), flags, 0o666)


def _take(directory: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError(
            f"'{directory}' is being written by {_holder(descriptor)}; "
            "wait for its end or stop it first, or choose another folder"
        ) from error
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise UserError(f"cannot lock '{directory}': {error.strerror}") from error
        say(f"'{directory}' can't be locked ({error.strerror}): let no other process write to it")
    with writing(directory):
        if not os.path.samestat(os.fstat(descriptor), (directory / LOCK).stat()):
            raise UserError(f"'{directory}' was deleted or replaced by somebody just now")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _description(), 0)


def _description() -> bytes:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
    return json.dumps(holder).encode() + b"\n"


def _holder(descriptor: int) -> str:
    try:
        found = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {found['process']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"  # It has only just taken it, and not said yet who it is.
