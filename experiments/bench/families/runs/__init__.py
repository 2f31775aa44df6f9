"""Runs as a whole: what is done between their chunks, what devices share, and many at once."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "overhead": Benchmark(
        "share of a run's time that checkpoints, checks and metrics take, at their defaults",
        f"{__name__}.overhead:overhead",
    ),
    "prediction": Benchmark(
        "what --dry-run predicts for a step here, beside what it takes",
        f"{__name__}.foreseeing:prediction",
    ),
    "devices": Benchmark(
        "time per agent and step of LPG on one device and on all, by agents on each",
        f"{__name__}.sharing:devices",
    ),
    "seeds": Benchmark(
        "how many times as long 16 runs take in turn as side by side, by method",
        f"{__name__}.seeds:seeds",
    ),
}
