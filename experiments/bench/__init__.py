"""How fast the suite is here: rates and ratios, each beside its yardstick measured in the same run.

A benchmark is a function that returns its `Figures`, and a line in `BENCHMARKS`. This file imports
nothing heavy, since the command's help lists the benchmarks.
"""

from typing import NamedTuple

Figures = dict[str, float]
"""What was measured, by name; the names say the units."""


class Benchmark(NamedTuple):
    """What a benchmark measures, and the function that does.

    Attributes:
      summary: one line for people.
      function: `module:name`, imported only by the process that runs it.
      takes_agents: whether the function takes `num_agents`.
    """

    summary: str
    function: str
    takes_agents: bool = False


BENCHMARKS: dict[str, Benchmark] = {
    "gridworld": Benchmark(
        "steps per second of 1024 grid worlds, with index and with one-hot observations",
        "rlsuite.experiments.bench.gridworld:grid_world",
    ),
    "lpg-step": Benchmark(
        "a meta-gradient step at the paper's sizes, beside the matrix-product rate",
        "rlsuite.experiments.bench.meta_step:lpg_step",
        takes_agents=True,
    ),
    "groove-step": Benchmark(
        "GROOVE's steps over LPG's, over a span in which every agent's life ends once",
        "rlsuite.experiments.bench.meta_step:groove_step",
        takes_agents=True,
    ),
    "scaling": Benchmark(
        "a meta-gradient step's time per agent at 16, 64 and 256 agents",
        "rlsuite.experiments.bench.meta_step:scaling",
    ),
    "ta-lpg": Benchmark(
        "a candidate's life in a generation of TA-LPG, beside the matrix-product rate; memory",
        "rlsuite.experiments.bench.evolution:ta_lpg",
    ),
    "ppo": Benchmark(
        "world steps per second of training PPO on CartPole and on Pendulum",
        "rlsuite.experiments.bench.ppo:ppo",
    ),
    "act": Benchmark(
        "victims of cheap talk per second, at the paper's sizes on CartPole",
        "rlsuite.experiments.bench.cheap_talk:act",
    ),
    "compile": Benchmark(
        "the wait before the first step, with an empty and with a filled compilation cache",
        "rlsuite.experiments.bench.processes:compilation",
    ),
    "memory": Benchmark(
        "peak and temporary memory of meta-gradient steps at 16 and 256 agents",
        "rlsuite.experiments.bench.processes:memory",
    ),
    "startup": Benchmark(
        "seconds until 'rlsuite --help' has answered, and of imports",
        "rlsuite.experiments.bench.processes:startup",
    ),
}
