"""PPO agents."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "ppo": Benchmark(
        "world steps per second of training PPO on CartPole and on Pendulum",
        f"{__name__}.training:ppo",
    ),
}
