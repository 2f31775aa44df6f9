"""The maze of environment design, and the students in it."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "maze": Benchmark(
        "steps of 1024 mazes per second; a student's updates beside the matrix-product rate",
        f"{__name__}.students:maze",
    ),
}
