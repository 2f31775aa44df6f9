"""The command `rlsuite sweep`: its options, and what they stand for."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.postponing import import_gymnax

FLAGS = ("--help", "--slurm", "--dry_run")
"""Options that take no value."""

_LARGEST = 10**6
_SLURM = "--slurm."


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
        "--slurm",
        action="store_true",
        help="run jobs in SLURM; its parameters are options as in --slurm.partition NAME, or a "
        "table [slurm] of the file; needs rlsuite[cluster]",
    )
    parser.add_argument(
        "--together",
        metavar="N|auto",
        default="auto",
        help="seeds of one setting that are one program (default: as many as memory has room for, "
        "divided among all workers)",
    )
    parser.add_argument(
        "--dry-run",
        "--dry_run",
        action="store_true",
        help="say what its programs would take, here and on accelerators, and write nothing",
    )
    parser.set_defaults(run=run, takes_more=True)


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    """Runs the command."""
    # Whoever leads a sweep computes nothing, and leaves the devices to the jobs.
    import jax

    jax.config.update("jax_platforms", "cpu")
    import_gymnax()

    from rlsuite.experiments.registry import Methods
    from rlsuite.experiments.sweeping.grid import SWEEPS, read_sweep
    from rlsuite.experiments.sweeping.running import run_sweep

    together = None if arguments.together == "auto" else _number(arguments, "together")
    parameters = _slurm_parameters(arguments, rest)
    sweep = read_sweep(arguments.sweep, arguments.size)
    if arguments.dry_run:
        from rlsuite.experiments.costs.sweeps import predicted, show_sweep

        show_sweep(predicted(sweep, Methods(), together))
        return 0
    name = sweep.name if sweep.size is None else f"{sweep.name}-{sweep.size}"
    directory = arguments.out or Path(SWEEPS) / name
    engine = _engine(arguments, directory, {**sweep.slurm, **parameters})
    return run_sweep(sweep, directory, Methods(), engine, together=together)


def _engine(
    arguments: argparse.Namespace, directory: Path, slurm: Mapping[str, Any]
) -> Callable[[], Any]:
    """Makes the engine that was asked for."""
    workers, cores = _number(arguments, "workers"), _number(arguments, "cores")
    if arguments.slurm and arguments.cluster is not None:
        raise ConfigError("slurm: it is not allowed with --cluster; name one of them")
    if arguments.slurm and cores is not None:
        raise ConfigError("cores: a value is not allowed with --slurm; say --slurm.cpus_per_task")

    def make() -> Any:
        if arguments.slurm:
            from rlsuite.experiments.sweeping.slurm import slurm_engine

            return slurm_engine(directory, slurm, workers)
        if arguments.cluster is not None:
            from rlsuite.experiments.sweeping.ray_cluster import ray_engine

            return ray_engine(arguments.cluster, workers, cores)
        from rlsuite.experiments.sweeping.local import local_engine

        return local_engine(workers, cores)

    return make


def _slurm_parameters(arguments: argparse.Namespace, rest: list[str]) -> dict[str, Any]:
    """What options `--slurm.NAME VALUE` say; numbers as such."""
    found: dict[str, Any] = {}
    for word in rest:
        name, equals, text = word.removeprefix(_SLURM).partition("=")
        if not word.startswith(_SLURM):
            raise UserError(f"unknown argument '{word}'; see 'rlsuite sweep --help'")
        if not arguments.slurm:
            raise ConfigError(f"slurm.{name}: a value is not allowed without --slurm")
        if not equals:
            raise ConfigError(f"slurm.{name}: a value is missing, as in '{_SLURM}{name} VALUE'")
        found[name] = _value(text)
    return found


def _number(arguments: argparse.Namespace, name: str) -> int | None:
    text = getattr(arguments, name)
    if text is None:
        return None
    number = int(text) if _is_number(text) else 0
    if not 1 <= number <= _LARGEST:
        allowed = f"a whole number between 1 and {_LARGEST}"
        raise ConfigError(f"{name}: {text!r} is not allowed; it must be {allowed}")
    return number


def _value(text: str) -> Any:
    """The number, true or false that a text stands for; any other as it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10
