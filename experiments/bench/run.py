"""Runs benchmarks, shows their figures and writes them down."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsuite import __version__
from rlsuite.experiments.bench import BENCHMARKS, Benchmark, Figures
from rlsuite.experiments.bench.processes import in_fresh_process
from rlsuite.experiments.errors import UserError, nearest
from rlsuite.experiments.streams import shown

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
      names: of `BENCHMARKS`, or of anybody's as `package.module:BENCHMARK`; all of `BENCHMARKS` if
        none is named.
      json_path: a file that gets the figures as well, with the versions and the device, after each
        benchmark anew.
      num_agents: for those that take it, in place of their own number.
      console: where to print; the terminal by default.

    Raises:
      UserError: if a name names no benchmark, `num_agents` is below 1 or taken by none of them, or
        the file cannot be written.
    """
    benchmarks = {name: _find(name) for name in names or BENCHMARKS}
    _check(benchmarks.values(), num_agents)
    console = console or Console()
    document = _document(in_fresh_process("rlsuite.experiments.bench.timing:device_kind"))
    results: dict[str, Figures] = document["benchmarks"]
    _write(json_path, document)
    for name, benchmark in benchmarks.items():
        line = shown(f"{name}: {benchmark.summary} …", console.encoding)
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        arguments: dict[str, Any] = {}
        if num_agents is not None and benchmark.takes_agents:
            arguments["num_agents"] = num_agents
        results[name] = in_fresh_process(benchmark.function, **arguments)
        _write(json_path, document)
    console.print(_table(document))
    return results


def _find(name: str) -> Benchmark:
    if ":" not in name:
        if name not in BENCHMARKS:
            raise UserError(nearest("benchmark", name, BENCHMARKS))
        return BENCHMARKS[name]
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # As `python -m` does it; processes started from here get it too.
    try:
        found = resolve_name(name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise UserError(f"'{name}' can't be imported ({reason})") from error
    if not isinstance(found, Benchmark):
        raise UserError(f"'{name}' names a {type(found).__name__}; it must name a Benchmark")
    return found


def _check(benchmarks: Iterable[Benchmark], num_agents: int | None) -> None:
    if num_agents is None:
        return
    if num_agents < 1:
        raise UserError(f"--agents: {num_agents} is not allowed; it must be at least 1")
    if not any(benchmark.takes_agents for benchmark in benchmarks):
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
            table.add_row(Text(name), Text(figure.replace("_", " ")), f"{value:,.4g}")
        table.add_section()
    return table
