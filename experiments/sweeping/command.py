"""The command `rlsuite sweep`: its options, and what they stand for."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import ConfigError

_LARGEST = 10**6


def add_parser(commands: Any) -> None:
    """Adds `sweep` to the commands of `rlsuite`."""
    parser = commands.add_parser(
        "sweep",
        help="run settings over seeds, here or on a cluster, and report them",
        epilog="Exit status: 0, 1 if jobs have failed, 2 for bad input, 130 if it was stopped. "
        "The same command goes on where the sweep was left.",
    )
    parser.add_argument(
        "sweep", metavar="FILE|NAME", help="a TOML file, or a named sweep of 'rlsuite list'"
    )
    parser.add_argument("size", metavar="SIZE", nargs="?", help="one of those that the sweep has")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="its folder (default: sweeps/NAME[-SIZE])"
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        help="jobs at a time on this machine (default: one for each device, or for two cores)",
    )
    parser.add_argument(
        "--cores", metavar="N", help="cores of each job (default: those there are, divided)"
    )
    parser.add_argument(
        "--cluster",
        metavar="local|ADDRESS",
        help="run jobs on a Ray cluster, or on one of this machine's cores; needs rlsuite[cluster]",
    )
    parser.add_argument(
        "--together",
        metavar="N",
        default="1",
        help="seeds of one setting that share a process (default: 1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Runs the command."""
    del rest
    # Whoever leads a sweep computes nothing, and leaves the devices to the jobs.
    import jax

    jax.config.update("jax_platforms", "cpu")

    from rlsuite.experiments.registry import Methods
    from rlsuite.experiments.sweeping.grid import SWEEPS, read_sweep
    from rlsuite.experiments.sweeping.running import run_sweep

    engine, together = _engine(arguments), _number(arguments, "together")
    sweep = read_sweep(arguments.sweep, arguments.size)
    name = sweep.name if sweep.size is None else f"{sweep.name}-{sweep.size}"
    directory = arguments.out or Path(SWEEPS) / name
    return run_sweep(sweep, directory, Methods(), engine, together=together or 1)


def _engine(arguments: argparse.Namespace) -> Callable[[], Any]:
    workers, cores = _number(arguments, "workers"), _number(arguments, "cores")

    if arguments.cluster is not None:

        def cluster() -> Any:
            from rlsuite.experiments.sweeping.ray_cluster import ray_engine

            return ray_engine(arguments.cluster, workers, cores)

        return cluster

    def local() -> Any:
        from rlsuite.experiments.sweeping.local import local_engine

        return local_engine(workers, cores)

    return local


def _number(arguments: argparse.Namespace, name: str) -> int | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else 0
    if not 1 <= number <= _LARGEST:
        allowed = f"a whole number between 1 and {_LARGEST}"
        raise ConfigError(f"{name}: {text!r} is not allowed; it must be {allowed}")
    return number
