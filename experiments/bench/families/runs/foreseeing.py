"""What `--dry-run` predicts for this machine, beside what it takes."""

from collections.abc import Callable, Mapping
from functools import partial

import jax

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import preset_plan
from rlsuite.experiments.costs.here import clock
from rlsuite.experiments.costs.prediction import HERE, predict
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import initial_state, trace_chunk
from rlsuite.experiments.registry import Methods

METHODS = ("lpg", "groove", "ta-lpg", "lpo", "act-train", "a2c", "ppo")
WORLDS = ("Pendulum-v1",)
"""On which PPO learns as well."""


def prediction(plans: Mapping[str, Callable[[], Plan]] | None = None, repeats: int = 3) -> Figures:
    """Milliseconds of a step as predicted and as measured, in chunks as runs make them.

    Of the measured ones the least of some repeats, after one to warm up; where the process has one
    core its own time, else that of the clock, which counts what others do as well.

    Args:
      plans: of runs by name, made when their turn comes; by default laptop runs of several methods.
      repeats: chunks that are timed.
    """
    figures: Figures = {}
    for name, make in (plans or _laptop_plans()).items():
        plan = make()
        predicted, measured = predict(plan).seconds_per_step[HERE], _seconds(plan, repeats)
        figures |= {
            f"{name}_predicted_milliseconds": 1e3 * predicted,
            f"{name}_measured_milliseconds": 1e3 * measured,
            f"{name}_predicted_over_measured": predicted / measured,
        }
    return figures


def _laptop_plans() -> dict[str, Callable[[], Plan]]:
    methods = Methods()
    plans: dict[str, Callable[[], Plan]] = {
        name.replace("-", "_"): partial(preset_plan, methods.find(name), "laptop")
        for name in METHODS
    }
    ppo = methods.find("ppo")
    for world in WORLDS:
        run = default_run(ppo, "laptop", world)
        name = f"ppo_on_{world.lower().replace('-', '_')}"
        plans[name] = partial(Plan, ppo, ppo.name, "laptop", run)
    return plans


def _seconds(plan: Plan, repeats: int) -> float:
    experiment, length = plan.experiment, plan.run.log_every
    state = initial_state(experiment.method, plan.run.seed)
    program = trace_chunk(experiment, state, length).lower().compile()
    seconds = []
    for _ in range(repeats + 1):
        began = clock()
        state, _ = jax.block_until_ready(program(state))
        seconds.append(clock() - began)
    return min(seconds[1:]) / length
