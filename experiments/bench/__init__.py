"""How fast the suite is here: rates and ratios, each beside its yardstick measured in the same run.

Ours are found by looking into `rlsuite.experiments.bench.families`; anybody's is named as
`package.module:BENCHMARK`. This file and what it finds import nothing heavy, since the command's
help lists the benchmarks; so families don't lie beside their methods, whose packages import JAX and
take hold of the devices.
"""

import pkgutil
from importlib import import_module

from rlsuite.experiments.bench import families
from rlsuite.experiments.bench.benchmark import Benchmark, Figures

__all__ = ["BENCHMARKS", "Benchmark", "Figures", "find_benchmarks"]


def find_benchmarks() -> dict[str, Benchmark]:
    """The benchmarks of all families by name.

    Raises:
      ValueError: if two have one name.
    """
    found: dict[str, Benchmark] = {}
    for module in pkgutil.iter_modules(families.__path__):
        family = import_module(f"{families.__name__}.{module.name}")
        for name, benchmark in family.BENCHMARKS.items():
            if name in found:
                raise ValueError(f"two benchmarks are called '{name}'; rename one of them")
            found[name] = benchmark
    return found


BENCHMARKS: dict[str, Benchmark] = find_benchmarks() | {
    "startup": Benchmark(
        "seconds until 'rlsuite --help' has answered, and of imports",
        "rlsuite.experiments.bench.processes:startup",
    ),
}
