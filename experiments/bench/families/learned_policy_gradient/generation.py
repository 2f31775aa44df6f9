"""The speed of evolution over whole lifetimes, compiled as a run compiles it."""

from dataclasses import replace

import jax

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.families.learned_policy_gradient.meta_step import LPG_NETWORK_FLOP
from rlsuite.experiments.bench.programs import preset_plan, stepper, temporary_megabytes
from rlsuite.experiments.bench.timing import alternate_seconds, matrix_product, median
from rlsuite.experiments.methods.learned_policy_gradient import TA_LPG
from rlsuite.experiments.plans import Plan

LIFETIME = 250
"""Updates of the lives whose time is told: the longest of the paper's training distribution."""

UPDATE_FLOP = LPG_NETWORK_FLOP / 3 / 5
"""Operations of the learned network per agent's update at the paper's sizes: forwards alone, a
third of what it takes with gradients, and once where a meta-gradient step makes five updates."""


def sized(population_size: int, lifetime: int, size: str = "paper") -> Plan:
    """TA-LPG's preset with equal lifetimes, on a CPU with one pair of candidates at a time.

    Args:
      population_size: candidates in a generation.
      lifetime: updates of every agent.
      size: the preset's name.
    """
    plan = preset_plan(TA_LPG, size)
    method = plan.run.method
    meta = replace(method.meta, population_size=population_size)
    if jax.default_backend() == "cpu":
        meta = replace(meta, num_mini_batches=population_size // 2)
    objective = replace(method.objective, shortest_lifetime=lifetime, longest_lifetime=lifetime)
    run = replace(
        plan.run,
        min_lifetime=lifetime,
        max_lifetime=lifetime,
        method=replace(method, objective=objective, meta=meta),
    )
    return replace(plan, run=run)


def ta_lpg(
    population_size: int = 8,
    size: str = "paper",
    lifetime: int = 25,
    memory_population_size: int = 1024,
    repeats: int = 3,
) -> Figures:
    """A generation of TA-LPG, beside the machine's matrix products.

    A generation of the paper's lives takes long, so shorter ones are timed and scaled to `LIFETIME`
    updates. That counts the evaluation at their end too often, but it is little beside the updates.

    Args:
      population_size: candidates whose lives are timed.
      size: the preset's name; the fraction is meant for the paper's sizes.
      lifetime: updates of the lives that are timed.
      memory_population_size: candidates of the generation that is compiled for its memory alone.
      repeats: timed generations.
    """
    product = matrix_product()
    generation_seconds, product_seconds = alternate_seconds(
        stepper(sized(population_size, lifetime, size)), product.run, repeats=repeats
    )
    life_seconds = generation_seconds / population_size * LIFETIME / lifetime
    rate = product.amount / product_seconds
    figures = {
        "candidates": float(population_size),
        f"seconds_per_candidate_and_{LIFETIME}_updates": median(life_seconds),
        "matrix_product_gflop_per_second": median(rate) / 1e9,
        "fraction_of_matrix_product_rate": median(LIFETIME * UPDATE_FLOP / life_seconds / rate),
    }
    megabytes = temporary_megabytes(sized(memory_population_size, LIFETIME, size))
    if megabytes is not None:
        figures[f"temporary_megabytes_at_{memory_population_size}_candidates"] = megabytes
    return figures
