"""The process of a sweep's jobs: `python -m rlsuite.experiments.sweeping.work CORES DIR JOB…`.

It trains each job, or goes on with it, and tests it. All it says goes to the jobs' log; its exit
status is that of the command: 0, 2 with a line that says what went wrong, or 130 if it was stopped.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rlsuite.experiments.errors import BAD_INPUT, UserError, say
from rlsuite.experiments.interruption import INTERRUPTED, interrupting
from rlsuite.experiments.postponing import import_gymnax

_STDIN = 0  # Not `sys.stdin`, whose lock the interpreter wants at its end.


def main(arguments: Sequence[str]) -> int:
    """Runs the jobs that the arguments name."""
    cores, directory, *names = arguments
    if cores and hasattr(os, "sched_setaffinity"):
        # Before JAX is imported, which starts a thread for each core it may use.
        os.sched_setaffinity(0, map(int, cores.split(",")))
    try:
        with interrupting():
            _end_with_parent()
            import_gymnax()
            from rlsuite.experiments.sweeping.doing import do

            return do(Path(directory), names)
    except UserError as error:
        say(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED


def _end_with_parent() -> None:
    """Has this process asked to stop when the other end of its standard input is gone."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(_STDIN, 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
