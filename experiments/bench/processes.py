"""What concerns whole processes, measured in fresh ones.

This module and what it imports leave the devices alone, so that an accelerator's memory is free for
the processes it starts.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from pkgutil import resolve_name
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import jax

from rlsuite.experiments.bench import Figures
from rlsuite.experiments.bench.timing import alternate_seconds, median
from rlsuite.experiments.errors import UserError

_PROGRAMS = {
    "bare interpreter": "",
    "rlsuite --help": "from rlsuite.experiments.cli import main; main(['--help'])",
    "import jax": "import jax",
    "import rlsuite.envs": "import rlsuite.envs",
    "import rlsuite": "import rlsuite",
    "import rlsuite.experiments.runner": "import rlsuite.experiments.runner",
}


def in_fresh_process(
    function: str, *, jax_options: Mapping[str, Any] = MappingProxyType({}), **arguments: Any
) -> Any:
    """Calls a function in a new interpreter that has imported little more than JAX.

    Args:
      function: `module:name`, imported there and not here.
      jax_options: of `jax.config`, set before the function's module is imported.
      **arguments: for the function.

    Returns:
      What the function returns.

    Raises:
      UserError: if the process died; other errors are those of the function.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_call, function, dict(jax_options), arguments).result()
        except BrokenProcessPool as error:
            raise UserError(
                f"{function}: its process was ended from outside; was there too little memory?"
            ) from error


def _call(function: str, jax_options: dict[str, Any], arguments: dict[str, Any]) -> Any:
    for name, value in jax_options.items():
        jax.config.update(name, value)
    return resolve_name(function)(**arguments)


def compilation(
    methods: Sequence[str] = ("lpg", "groove"), num_agents: int = 16, size: str = "paper"
) -> Figures:
    """The wait before the first step, with an empty cache of compiled programs and a filled one.

    Args:
      methods: whose steps are compiled.
      num_agents: agents side by side.
      size: the presets' name.
    """
    figures = {}
    for method in methods:
        with TemporaryDirectory() as cache:
            for temperature in ("cold", "warm"):
                seconds = in_fresh_process(
                    "rlsuite.experiments.bench.meta_step:compile_seconds",
                    jax_options={
                        "jax_enable_compilation_cache": True,
                        "jax_compilation_cache_dir": cache,
                    },
                    method=method,
                    num_agents=num_agents,
                    size=size,
                )
                for phase, value in seconds.items():
                    figures[f"{method}, {temperature} cache: {phase}, seconds"] = value
    return figures


def memory(numbers_of_agents: Sequence[int] = (16, 256), size: str = "paper") -> Figures:
    """Megabytes that three of LPG's steps take, and their ratios.

    Args:
      numbers_of_agents: side by side, the smallest first.
      size: the preset's name.
    """
    smallest, *others = numbers_of_agents
    use = {
        num_agents: in_fresh_process(
            "rlsuite.experiments.bench.meta_step:memory_use",
            # A program read from the cache would leave out what compiling it takes.
            jax_options={"jax_enable_compilation_cache": False},
            num_agents=num_agents,
            size=size,
        )
        for num_agents in numbers_of_agents
    }
    return {
        **{
            f"{kind} megabytes, {num_agents} agents": megabytes
            for num_agents, figures in use.items()
            for kind, megabytes in figures.items()
        },
        **{
            f"{kind} memory, {num_agents} agents over {smallest}": megabytes / use[smallest][kind]
            for num_agents in others
            for kind, megabytes in use[num_agents].items()
        },
    }


def peak_resident_bytes() -> int:
    """The most memory this process has held so far."""
    # On Linux `getrusage` also counts the process that started this one, as it was at that moment.
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    if found:
        return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def startup(programs: dict[str, str] | None = None, repeats: int = 3) -> Figures:
    """Seconds from the start of an interpreter to its end, by what it does in between.

    Args:
      programs: Python code by name; by default help and imports.
      repeats: timed runs of each.
    """
    programs = _PROGRAMS if programs is None else programs
    runs = [_interpreter(code) for code in programs.values()]
    seconds = alternate_seconds(*runs, repeats=repeats)
    return {f"{name}, seconds": median(each) for name, each in zip(programs, seconds, strict=True)}


def _interpreter(code: str) -> Callable[[], Any]:
    return partial(
        subprocess.run, [sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True
    )
