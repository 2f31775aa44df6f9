"""Searches for many behaviours."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "searches": Benchmark(
        "evaluations per second of novelty search, and its novelty beside distances alone",
        f"{__name__}.exploring:searches",
    ),
}
