"""What it saves to make runs side by side that differ in their seeds alone."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import preset_plan
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.programs import Programs
from rlsuite.experiments.registry import Methods

NUM_SEEDS = 16


def seeds(
    plans: Sequence[Plan] | None = None, num_seeds: int = NUM_SEEDS, repeats: int = REPEATS
) -> Figures:
    """How many times as long runs take one after the other as side by side, and compiling aside.

    Args:
      plans: of runs; by default smoke sizes: agents that simply learn, and a meta-gradient.
      num_seeds: of each.
      repeats: timed chunks of each.
    """
    methods = Methods()
    plans = plans or [preset_plan(methods.find(name), "smoke") for name in ("a2c", "ppo", "lpg")]
    figures: Figures = {}
    for plan in plans:
        figures |= _of_plan(plan, num_seeds, repeats)
    return figures


def _of_plan(plan: Plan, num_seeds: int, repeats: int) -> Figures:
    began = time.perf_counter()
    in_turn = [_stepper(plan, range(1))] * num_seeds
    compiled = time.perf_counter()
    side_by_side = _stepper(plan, range(num_seeds))
    both_compiled = time.perf_counter()

    def all_in_turn() -> Any:
        return [step() for step in in_turn]

    alone, together = alternate_seconds(all_in_turn, side_by_side, repeats=repeats)
    name = f"{plan.spec.name}_{plan.preset}".replace("-", "_")
    return {
        f"{name}_seconds_in_turn_per_second_side_by_side": median(alone / together),
        # A program for each run, as processes of their own have it, against one for all.
        f"{name}_seconds_of_compiling_saved": num_seeds * (compiled - began)
        - (both_compiled - compiled),
    }


def _stepper(plan: Plan, seeds: Sequence[int]) -> Callable[[], Any]:
    """Chunks of a run, or of several side by side: each call makes the next."""
    programs = Programs(plan.experiment, seeds)
    state = programs.start([None] * len(seeds))
    program = programs.chunk(state, plan.run.log_every)

    def step():
        nonlocal state
        state, (means, _) = program(state)
        return means

    return step
