"""Explorers."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "go-explore": Benchmark(
        "cells per second of Go-Explore, and steps of its second phase per second",
        f"{__name__}.returning:go_explore",
    ),
}
