"""Jobs as processes of this machine, each with a share of its cores or a device of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.sweeping.engines import (
    Ending,
    Program,
    Room,
    Share,
    ask_to_stop,
    launch,
    on_this_machine,
)
from rlsuite.experiments.words import counted

CORES_OF_A_JOB = 2
"""Where nothing is asked for: small programs gain little from more."""

_COUNT = (
    "import jax; from rlsuite.experiments.memory import memory_bytes as memory; "
    "print(jax.default_backend(), jax.local_device_count(), memory())"
)
"""In another process, which takes the devices and gives them back."""

_SEEN = {"gpu": "CUDA_VISIBLE_DEVICES", "tpu": "TPU_VISIBLE_DEVICES"}
"""Variables that say which devices a process sees, by what JAX calls those."""
_ONE_CHIP = {"TPU_CHIPS_PER_PROCESS_BOUNDS": "1,1,1", "TPU_PROCESS_BOUNDS": "1,1,1"}
"""That a process is one of those that have a chip of a TPU each."""


class LocalRunning:
    """A process of this machine."""

    def __init__(self, process: subprocess.Popen, give_back: Share, free: list[Share]):
        self._process, self._share, self._free = process, give_back, free
        self._ending: Ending | None = None

    def ending(self) -> Ending | None:
        """How it ended; its share of the machine is free from then on."""
        if self._ending is None and self._process.poll() is not None:
            self._ending = Ending(self._process.returncode)
            self._free.append(self._share)
            if self._process.stdin is not None:
                self._process.stdin.close()
        return self._ending

    def stop(self) -> None:
        """Asks it to end after its chunk."""
        ask_to_stop(self._process)


class LocalEngine:
    """Processes of this machine.

    Args:
      shares: of the machine, one for each process at a time.
      memory: bytes for each process; none if that is not known.
    """

    farewell = "the jobs stop after their chunks, with checkpoints; once more to stop at once"

    def __init__(self, shares: Sequence[Share], memory: float | None = None):
        self._free = list(shares)
        self.slots = len(shares)
        self.room = Room(self.slots, memory)
        cores = shares[0].cores
        told = counted(self.slots, "process", "processes")
        self.described = told if cores is None else f"{told} of {counted(cores, 'core')}"

    def start(self, program: Program) -> LocalRunning:
        """Starts the process of a program on a share that is free."""
        share = self._free.pop(0)
        try:
            process = launch(program, share, on_this_machine({}), str(Path.cwd()))
        except OSError as error:
            self._free.append(share)
            raise UserError(f"'{program.log}': {error.strerror}") from error
        return LocalRunning(process, share, self._free)

    def close(self) -> None:
        """Leaves processes to themselves: they end when this one does."""


def local_engine(workers: int | None, cores: int | None) -> LocalEngine:
    """Processes of this machine: one for each device, or on its cores.

    Args:
      workers: processes at a time; none is one for each device or, on a CPU, for every two cores.
      cores: of each process; none divides those that there are.

    Raises:
      ConfigError: if there aren't as many devices or cores.
    """
    kind, num_devices, memory = _devices()
    if kind != "cpu":
        return LocalEngine(device_shares(kind, num_devices, workers), memory)
    shares = core_shares(core_numbers(), workers, cores)
    return LocalEngine(shares, memory / len(shares))


def core_numbers() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def core_shares(
    numbers: Sequence[int], workers: int | None = None, cores: int | None = None
) -> list[Share]:
    """Cores divided among processes.

    Args:
      numbers: of the cores that there are.
      workers: processes at a time.
      cores: of each.

    Raises:
      ConfigError: if there are not enough cores for that.
    """
    there = len(numbers)
    if workers is not None and workers > there:
        raise ConfigError(
            f"workers: {workers} is not allowed; it must be at most {there}, the cores"
        )
    each = cores or max(there // workers if workers else min(CORES_OF_A_JOB, there), 1)
    workers = workers or max(there // each, 1)
    if workers * each > there:
        most = there // workers
        raise ConfigError(
            f"cores: {each} is not allowed; it must be at most {most}, as there are {there} for "
            f"{workers} workers"
        )
    return [
        Share(each, tuple(numbers[first : first + each]))
        for first in range(0, workers * each, each)
    ]


def device_shares(kind: str, num_devices: int, workers: int | None = None) -> list[Share]:
    """Devices, one for each process.

    Args:
      kind: as JAX calls them.
      num_devices: how many there are.
      workers: how many to use.

    Raises:
      ConfigError: if there aren't as many.
    """
    if workers is not None and workers > num_devices:
        raise ConfigError(
            f"workers: {workers} is not allowed; it must be at most {num_devices}, the devices "
            "there are"
        )
    workers = workers or num_devices
    numbers = core_numbers()
    each = len(numbers) // workers
    return [
        Share(each or None, tuple(numbers[index * each : (index + 1) * each]), _seen(kind, index))
        for index in range(workers)
    ]


def _seen(kind: str, index: int) -> Mapping[str, str]:
    """Variables by which a process sees one of the devices that this one sees."""
    name = _SEEN.get(kind)
    if name is None:
        return {}
    seen = os.environ.get(name)
    number = seen.split(",")[index] if seen else str(index)
    return {name: number, **(_ONE_CHIP if kind == "tpu" else {})}


def _devices() -> tuple[str, int, float]:
    """The kind of the devices, how many there are, and the bytes that one has."""
    done = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"no devices are found: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    kind, number, memory = done.stdout.split()[-3:]
    return kind, int(number), float(memory)
