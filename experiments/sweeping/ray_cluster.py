"""Jobs as tasks of a Ray cluster, on whichever of its machines has room.

A task only starts the process of its program and waits for it. When a task's worker or machine
dies, whoever leads the sweep gives the program to the cluster again, and it goes on from the last
checkpoint: the sweep's folder must be on a disk that all machines see under one path.
"""

import os
import re
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.sweeping.engines import (
    Ending,
    Program,
    Room,
    Share,
    handed_on,
    launch,
    on_this_machine,
    wait_for,
)
from rlsuite.experiments.sweeping.local import CORES_OF_A_JOB, core_numbers
from rlsuite.experiments.words import counted

SECONDS_TO_ANSWER = 30
"""That a cluster has to answer in."""

_LOCAL = "local"
_MANY = 1000
"""Programs that a cluster is given at once; it keeps those waiting for which it has no room."""
_OBJECTS = 80 * 2**20
"""Bytes for objects, of which there are next to none; Ray allows no less than 75 MiB."""
_QUIET: dict[str, Any] = {
    **{"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
}
_ASK = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); print(len(ray.nodes()))"


class Needs(NamedTuple):
    """What each job is given of the cluster.

    Attributes:
      cores: how many.
      device: Ray's word for a device that it has for itself; none if no machine has one.
    """

    cores: int
    device: str | None

    @property
    def options(self) -> dict[str, Any]:
        """As Ray has them."""
        options: dict[str, Any] = {"num_cpus": self.cores}
        if self.device == "GPU":
            options["num_gpus"] = 1
        elif self.device is not None:
            options["resources"] = {self.device: 1}
        return options


class RayRunning:
    """A task of the cluster."""

    def __init__(self, task: Any):
        self._task = task

    def ending(self) -> Ending | None:
        """How its process ended, if it did."""
        import ray

        done, _ = ray.wait([self._task], timeout=0)
        if not done:
            return None
        try:
            return Ending(ray.get(self._task))
        except ray.exceptions.TaskCancelledError:
            return Ending(INTERRUPTED)
        except ray.exceptions.RayTaskError as error:
            return Ending(1, str(error.cause).split("\n")[0])
        except ray.exceptions.RayError:
            return Ending(None, "its worker has died")

    def stop(self) -> None:
        """Has its process asked to stop, or the task taken back if it has not begun."""
        import ray

        ray.cancel(self._task, recursive=False)


class RayEngine:
    """A Ray cluster that this process has joined.

    Args:
      needs: of each job.
      described: the cluster, in words.
      slots: programs that it takes at once.
      room: that it has for them.
    """

    farewell = "the jobs stop after their chunks, with checkpoints; once more to stop at once"

    def __init__(self, needs: Needs, described: str, slots: int, room: Room):
        import ray

        self.described, self.slots, self.room = described, slots, room
        self._share = Share(needs.cores)
        self._environment, self._folder = handed_on(), str(Path.cwd())
        # Whether a program is tried again is decided by who leads the sweep.
        remote = ray.remote(max_retries=0, scheduling_strategy="SPREAD", **needs.options)
        self._task = remote(in_worker)

    def start(self, program: Program) -> RayRunning:
        """Gives a program to the cluster."""
        return RayRunning(self._task.remote(program, self._share, self._environment, self._folder))

    def close(self) -> None:
        """Leaves the cluster, and ends it if it is this process's own."""
        import ray

        ray.shutdown()


def in_worker(program: Program, share: Share, environment: Mapping[str, str], folder: str) -> int:
    """What a worker of the cluster does: starts the process of a program and waits for its end.

    Args:
      program: what the process does.
      share: of the machine.
      environment: variables that go before the worker's own.
      folder: the current one of the process.

    Returns:
      The process's exit status, or the number of the signal that ended it as a negative one.
    """
    return wait_for(launch(program, share, on_this_machine(environment), folder))


def ray_engine(
    address: str,
    workers: int | None,
    cores: int | None,
    *,
    seconds_to_answer: float = SECONDS_TO_ANSWER,
) -> RayEngine:
    """Joins a Ray cluster.

    Args:
      address: HOST:PORT, ray://HOST:PORT, "auto" for the one that runs on this machine, or "local"
        for one of this machine's cores that ends with this process.
      workers: jobs at a time; none leaves that to the cluster.
      cores: of each job; two if none is asked for, where a machine has as many.
      seconds_to_answer: after which it is given up.

    Raises:
      ConfigError: if the address is none, or no machine of the cluster has as many cores.
      UserError: if Ray isn't installed, or the cluster doesn't answer.
    """
    if not re.fullmatch(r"local|auto|(ray://)?[^\s/]+:\d{1,5}", address):
        allowed = "local, auto, HOST:PORT or ray://HOST:PORT"
        raise ConfigError(f"cluster: {address!r} is not allowed; it must be {allowed}")
    if find_spec("ray") is None:
        raise UserError("cluster: Ray is not installed; pip install 'rlsuite[cluster]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if address != _LOCAL:
        _check_answers(address, seconds_to_answer)
    with warnings.catch_warnings():
        # JAX warns of forks, since it has threads; of what Ray starts, each is another program.
        warnings.simplefilter("ignore", RuntimeWarning)
        ray.init(**(_own_cluster() if address == _LOCAL else {"address": address}), **_QUIET)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    try:
        needs = needs_on(nodes, workers if address == _LOCAL else None, cores)
    except ConfigError:
        ray.shutdown()
        raise
    described = (
        f"a Ray cluster of {counted(len(nodes), 'machine')}, with {counted(needs.cores, 'core')} "
        "for each job"
    )
    described += f" and a {needs.device}" if needs.device else ""
    return RayEngine(needs, described, workers or _MANY, room_on(nodes, needs, workers))


def _own_cluster() -> dict[str, Any]:
    return {
        "num_cpus": len(core_numbers()),
        "include_dashboard": False,
        "object_store_memory": _OBJECTS,
    }


def needs_on(nodes: Sequence[Mapping[str, float]], workers: int | None, cores: int | None) -> Needs:
    """What each job is given of a cluster.

    Args:
      nodes: what Ray says that each machine has.
      workers: jobs that share a machine.
      cores: of each job.

    Raises:
      ConfigError: if no machine has as many cores.
    """
    most = int(max(node.get("CPU", 0) for node in nodes))
    usual = most // workers if workers else min(CORES_OF_A_JOB, most)
    wanted = cores or max(usual, 1)
    if wanted > most:
        raise ConfigError(
            f"cores: {wanted} is not allowed; it must be at most {most}, the cores of a machine"
        )
    devices = (name for name in ("GPU", "TPU") if any(node.get(name, 0) >= 1 for node in nodes))
    return Needs(wanted, next(devices, None))


def room_on(nodes: Sequence[Mapping[str, float]], needs: Needs, workers: int | None = None) -> Room:
    """What a cluster has for jobs.

    Args:
      nodes: what Ray says that each machine has.
      needs: of each job.
      workers: jobs at a time at most.
    """
    at_once = [int(node.get("CPU", 0)) // needs.cores for node in nodes]
    memory = None
    if needs.device is not None:  # Of whose memory Ray knows nothing.
        at_once = [int(node.get(needs.device, 0)) for node in nodes]
    elif any(at_once):
        each = zip(nodes, at_once, strict=True)
        memory = min(node.get("memory", 0) / count for node, count in each if count)
    there = max(sum(at_once), 1)
    return Room(min(workers or there, there), memory)


def _check_answers(address: str, seconds: float) -> None:
    """Joins the cluster in another process first: what Ray can't reach it may wait for for long."""
    command = [sys.executable, "-c", _ASK, address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"cluster: '{address}' has not answered within {seconds:g} seconds"
        ) from error
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()] or [
            "it does not say why"
        ]
        raise UserError(f"cluster: '{address}' can't be joined: {last[-1].strip()}")
