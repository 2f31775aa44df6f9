"""What concerns whole processes, measured in fresh ones.

This module and what it imports leave the devices alone, so that an accelerator's memory is free for
the processes it starts.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

import jax

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import alternate_seconds, median
from rlsuite.experiments.errors import UserError

_PROGRAMS = {
    "bare_interpreter": "",
    "rlsuite_help": "from rlsuite.experiments.cli import main; main(['--help'])",
    "import_jax": "import jax",
    "import_rlsuite_envs": "import rlsuite.envs",
    "import_rlsuite": "import rlsuite",
    "import_rlsuite_experiments_runner": "import rlsuite.experiments.runner",
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
    # The command's own 32 bits are a setting of its process.
    for name, value in {"jax_enable_x64": False, **jax_options}.items():
        jax.config.update(name, value)
    return resolve_name(function)(**arguments)


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
    return {f"{name}_seconds": median(each) for name, each in zip(programs, seconds, strict=True)}


def _interpreter(code: str) -> Callable[[], Any]:
    return partial(
        subprocess.run, [sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True
    )
