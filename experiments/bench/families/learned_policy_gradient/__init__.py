"""Learned policy gradient, by meta-gradients and by evolution."""

from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {
    "lpg-step": Benchmark(
        "a meta-gradient step at the paper's sizes, beside the matrix-product rate",
        f"{__name__}.meta_step:lpg_step",
        takes_agents=True,
    ),
    "groove-step": Benchmark(
        "GROOVE's steps over LPG's, over a span in which every agent's life ends once",
        f"{__name__}.meta_step:groove_step",
        takes_agents=True,
    ),
    "scaling": Benchmark(
        "a meta-gradient step's time per agent at 16, 64 and 256 agents",
        f"{__name__}.meta_step:scaling",
    ),
    "ta-lpg": Benchmark(
        "a candidate's life in a generation of TA-LPG, beside the matrix-product rate; memory",
        f"{__name__}.generation:ta_lpg",
    ),
    "compile": Benchmark(
        "the wait before the first step, with an empty and with a filled compilation cache",
        f"{__name__}.whole_runs:compilation",
    ),
    "memory": Benchmark(
        "peak and temporary memory of meta-gradient steps at 16 and 256 agents",
        f"{__name__}.whole_runs:memory",
    ),
}
