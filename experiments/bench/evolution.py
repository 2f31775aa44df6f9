"""The speed of evolution over whole lifetimes, compiled as a run compiles it."""

from dataclasses import replace

import jax

from rlsuite.experiments.bench import Figures
from rlsuite.experiments.bench.meta_step import LPG_NETWORK_FLOP, lower_step, stepper
from rlsuite.experiments.bench.timing import alternate_seconds, matrix_product, median
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import EvolutionRun, LPGEvolutionRun
from rlsuite.experiments.presets import preset
from rlsuite.experiments.runner import abstract_state

LIFETIME = 250
"""Updates of the lives whose time is told: the longest of the paper's training distribution."""

UPDATE_FLOP = LPG_NETWORK_FLOP / 3 / 5
"""Operations of the learned network per agent's update at the paper's sizes: forwards alone, a
third of what it takes with gradients, and once where a meta-gradient step makes five updates."""


def sized(population_size: int, lifetime: int, size: str = "paper") -> LPGEvolutionRun:
    """TA-LPG's preset with equal lifetimes, on a CPU with one pair of candidates at a time.

    Args:
      population_size: candidates in a generation.
      lifetime: updates of every agent.
      size: the preset's name.
    """
    config = preset("ta-lpg", size)
    assert isinstance(config, LPGEvolutionRun)
    meta = replace(config.meta, population_size=population_size)
    if jax.default_backend() == "cpu":
        meta = replace(meta, num_mini_batches=population_size // 2)
    return replace(config, min_lifetime=lifetime, max_lifetime=lifetime, meta=meta)


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
        f"seconds per candidate and {LIFETIME} updates, scaled from {lifetime}": (
            median(life_seconds)
        ),
        "matrix-product GFLOP/s": median(rate) / 1e9,
        "fraction of the matrix-product rate": median(LIFETIME * UPDATE_FLOP / life_seconds / rate),
    }
    megabytes = temporary_megabytes(sized(memory_population_size, LIFETIME, size))
    if megabytes is not None:
        figures[f"temporary megabytes, {memory_population_size} candidates"] = megabytes
    return figures


def temporary_megabytes(config: EvolutionRun) -> float | None:
    """What a generation takes beside its state, as the compiler tells; none if it doesn't."""
    experiment = build(config)
    lowered = lower_step(experiment, abstract_state(experiment.method))
    analysis = lowered.compile().memory_analysis()
    return None if analysis is None else analysis.temp_size_in_bytes / 1e6
