"""Explorers."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "go-explore": Benchmark(
        "cells per second that Go-Explore comes by, beside copies of its archive",
        f"{__name__}.returning:go_explore",
    ),
}
