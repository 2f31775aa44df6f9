"""What all engines have in common: a process for one program of jobs, and how it ended.

This module and what it imports load neither numpy nor JAX, so that an engine's own workers, which
only start such processes, are small and leave the devices alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from rlsuite.experiments.interruption import INTERRUPTED

_MODULE = "rlsuite.experiments.sweeping.work"
_HANDED_ON = ("JAX_", "XLA_", "PYTHONPATH")


class Program(NamedTuple):
    """What one process does: a job, or several that differ in their seeds alone.

    Attributes:
      directory: of the sweep, which all machines see under this path.
      jobs: the folders' names of the jobs.
      log: where what the process says is appended.
    """

    directory: Path
    jobs: tuple[str, ...]
    log: Path


class Ending(NamedTuple):
    """How a program ended.

    Attributes:
      status: as `subprocess` has it: an exit status, or the number of a signal as a negative one;
        none if it is not known, since whatever watched the process has died.
      reason: what is known beyond that.
    """

    status: int | None
    reason: str = ""

    @property
    def was_killed(self) -> bool:
        """Whether the process, or the machine, was ended from outside, rather than by itself."""
        return self.status is None or self.status < 0 or self.status == INTERRUPTED


@runtime_checkable
class Running(Protocol):
    """A program that an engine has taken."""

    def ending(self) -> Ending | None:
        """How it ended; none while it hasn't. Never waits."""

    def stop(self) -> None:
        """Asks it to end after its chunk, with a checkpoint."""


class Room(NamedTuple):
    """What an engine has for programs.

    Attributes:
      at_once: programs that run side by side; more wait.
      memory: bytes for each of them; none if that is not known.
    """

    at_once: int
    memory: float | None = None


@runtime_checkable
class Engine(Protocol):
    """Where programs run.

    Attributes:
      described: in words.
      slots: programs that it takes at once.
      room: that it has for them.
      farewell: what is said when people ask for an end.
    """

    described: str
    slots: int
    room: Room
    farewell: str

    def start(self, program: Program) -> Running:
        """Takes a program.

        Raises:
          UserError: if it can't be started here.
        """

    def close(self) -> None:
        """Gives back what it has taken; what still runs is left to itself."""


class Share(NamedTuple):
    """A part of a machine.

    Attributes:
      cores: how many; none leaves it to the process.
      core_numbers: which, where the system can keep a process to them.
      environment: variables that say which devices.
    """

    cores: int | None = None
    core_numbers: tuple[int, ...] = ()
    environment: Mapping[str, str] = {}


def launch(
    program: Program, share: Share, environment: Mapping[str, str], folder: str
) -> subprocess.Popen:
    """Starts the process of a program on this machine.

    It ends, with a checkpoint, when whoever started it has ended: its standard input is a pipe.

    Args:
      program: what it does.
      share: of the machine.
      environment: of the process, beside what the share says.
      folder: the current one of the process, from which modules are found.
    """
    numbers = ",".join(map(str, share.core_numbers))
    cores = {} if share.cores is None else {"NPROC": str(share.cores)}  # Read by XLA.
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", _MODULE, numbers, str(program.directory), *program.jobs],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**environment, **cores, **share.environment},
            cwd=folder,
            start_new_session=True,  # Signals of the terminal are for who leads the sweep.
        )


def ask_to_stop(process: subprocess.Popen) -> None:
    """Asks a process that was launched to end after its chunk; one that has ended is left alone."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)


def wait_for(process: subprocess.Popen) -> int:
    """Waits for a process that was launched, and hands on that this one was asked to stop.

    Returns:
      Its exit status, or the number of the signal that ended it as a negative one.
    """
    while process.poll() is None:
        try:
            time.sleep(0.2)
        except KeyboardInterrupt:
            ask_to_stop(process)
    return process.returncode


def handed_on() -> dict[str, str]:
    """Variables of this process that those of jobs get wherever they run."""
    return {name: text for name, text in os.environ.items() if name.startswith(_HANDED_ON)}


def on_this_machine(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process, but for what is handed on."""
    return {**os.environ, **environment}
