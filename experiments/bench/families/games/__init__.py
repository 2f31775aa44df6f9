"""Tournaments of repeated games."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "games": Benchmark(
        "rounds per second of all scripts against all at all games, beside the same in NumPy",
        f"{__name__}.playing:games",
    ),
}
