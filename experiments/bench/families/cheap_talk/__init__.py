"""Adversarial cheap talk."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "act": Benchmark(
        "victims of cheap talk per second, at the paper's sizes on CartPole",
        f"{__name__}.victims:act",
    ),
}
