"""Runs benchmarks, shows their figures and writes them down."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rlsuite import __version__
from rlsuite.experiments.bench import BENCHMARKS, Figures
from rlsuite.experiments.bench.processes import in_fresh_process
from rlsuite.experiments.errors import UserError, nearest

FORMAT, FORMAT_VERSION = "rlsuite-bench", 1
LIBRARIES = ("jax", "jaxlib", "gymnax", "flax", "optax")


def bench(
    names: Sequence[str] = (),
    json_path: Path | None = None,
    *,
    num_agents: int | None = None,
    console: Console | None = None,
) -> dict[str, Figures]:
    """Runs benchmarks and prints a table of their figures.

    Each runs in a process of its own: nothing that another one compiled or holds, on an accelerator
    above all, helps it or is in its way.

    Args:
      names: of `BENCHMARKS`; all if none is named.
      json_path: a file that gets the figures as well, with the versions and the device, after each
        benchmark anew.
      num_agents: for those that take it, in place of their own number.
      console: where to print; the terminal by default.

    Raises:
      UserError: if a name is unknown, `num_agents` is below 1 or taken by none of the benchmarks,
        or the file cannot be written.
    """
    names = list(dict.fromkeys(names)) or list(BENCHMARKS)
    _check(names, num_agents)
    console = console or Console()
    document = _document(in_fresh_process("rlsuite.experiments.bench.timing:device_kind"))
    results: dict[str, Figures] = document["benchmarks"]
    _write(json_path, document)
    for name in names:
        benchmark = BENCHMARKS[name]
        console.print(f"{name}: {benchmark.summary} …", highlight=False, soft_wrap=True)
        arguments: dict[str, Any] = {}
        if num_agents is not None and benchmark.takes_agents:
            arguments["num_agents"] = num_agents
        results[name] = in_fresh_process(benchmark.function, **arguments)
        _write(json_path, document)
    console.print(_table(document))
    return results


def _check(names: Iterable[str], num_agents: int | None) -> None:
    for name in names:
        if name not in BENCHMARKS:
            raise UserError(nearest("benchmark", name, BENCHMARKS))
    if num_agents is None:
        return
    if num_agents < 1:
        raise UserError(f"--agents: {num_agents} is not allowed; it must be at least 1")
    if not any(BENCHMARKS[name].takes_agents for name in names):
        takers = [name for name, benchmark in BENCHMARKS.items() if benchmark.takes_agents]
        raise UserError(f"--agents: only {' and '.join(takers)} take it")


def _document(device_kind: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "device": device_kind,
        "cpu_cores": _num_cores(),
        "versions": {
            "rlsuite": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "benchmarks": {},
    }


def _num_cores() -> int | None:
    """Cores this process may use, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _write(path: Path | None, document: dict[str, Any]) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"--json: '{path}' cannot be written ({error.strerror})") from error


def _table(document: dict[str, Any]) -> Table:
    table = Table(
        "benchmark", "figure", title=f"{document['device']}, {document['cpu_cores']} cores"
    )
    table.add_column("value", justify="right")
    for name, figures in document["benchmarks"].items():
        for figure, value in figures.items():
            table.add_row(name, figure.replace("_", " "), f"{value:,.4g}")
        table.add_section()
    return table
