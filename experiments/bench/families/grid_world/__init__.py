"""The grid world by itself."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "gridworld": Benchmark(
        "steps per second of 1024 grid worlds, with index and with one-hot observations",
        f"{__name__}.stepping:grid_world",
    ),
}
