"""Players at bandits."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "bandits": Benchmark(
        "rounds per second of UCB1 at 4096 bandits side by side, beside the same in NumPy",
        f"{__name__}.playing:bandits",
    ),
}
