"""LPG-ES and TA-LPG: an objective evolved over whole lifetimes, without and with time."""

from collections.abc import Callable
from dataclasses import replace

from rlsuite.envs.gridworld import level_distribution
from rlsuite.experiments.evolution import AS_IN_PUBLIC_CODE, PANELS, SYMPTOMS, evolution_experiment
from rlsuite.experiments.methods.learned_policy_gradient.levels import LevelEvaluationConfig
from rlsuite.experiments.methods.learned_policy_gradient.meta_test import test
from rlsuite.experiments.methods.learned_policy_gradient.pictures import pictures
from rlsuite.experiments.methods.learned_policy_gradient.settings import (
    HELD_OUT_PANELS,
    KIND,
    LAPTOP_EVALUATION,
    SMOKE_EVALUATION,
    check,
    check_worlds,
    on,
)
from rlsuite.experiments.methods.learned_policy_gradient.trainers import learned_by
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.meta.held_out import HeldOutConfig
from rlsuite.methods.ta_lpg import EvolvedLPGConfig, evolved_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig
from rlsuite.objectives.objective import TimeScale

_SIZES: dict[str, Run] = {
    "smoke": Run(
        steps=6,
        tasks="all_vrandlife",
        max_lifetime=20,
        log_every=2,
        checkpoint_every=4,
        method=EvolvedLPGConfig(
            objective=LPGConfig(recurrent_width=8),
            life=LifeConfig(num_workers=8),
            meta=EvolutionConfig(population_size=8, num_episodes=8),
        ),
        evaluation=replace(SMOKE_EVALUATION, horizons=(5, 40)),
    ),
    "laptop": Run(
        steps=200,
        tasks="all_vrandlife",
        max_lifetime=60,
        log_every=2,
        checkpoint_every=50,
        method=EvolvedLPGConfig(
            objective=LPGConfig(recurrent_width=16),
            life=LifeConfig(num_workers=16),
            meta=EvolutionConfig(
                population_size=64, learning_rate=3e-2, num_mini_batches=2, num_episodes=32
            ),
            held_out=HeldOutConfig(period=50, num_levels=32),
        ),
        evaluation=replace(LAPTOP_EVALUATION, max_lifetime=60, horizons=(5, 15, 50, 150, 500)),
    ),
    "desk": Run(
        steps=400,
        tasks="all_vrandlife",
        max_lifetime=60,
        log_every=2,
        checkpoint_every=50,
        method=EvolvedLPGConfig(
            objective=LPGConfig(recurrent_width=16),
            life=LifeConfig(num_workers=16),
            meta=EvolutionConfig(
                population_size=128, learning_rate=3e-2, num_mini_batches=4, num_episodes=32
            ),
            held_out=HeldOutConfig(period=50, num_levels=64),
        ),
        evaluation=replace(LAPTOP_EVALUATION, max_lifetime=60, horizons=(5, 15, 50, 150, 500)),
    ),
    "paper": Run(
        steps=2500,
        tasks="all_vrandlife",
        log_every=1,
        checkpoint_every=50,
        method=EvolvedLPGConfig(
            meta=AS_IN_PUBLIC_CODE, held_out=HeldOutConfig(period=100, num_levels=64)
        ),
        evaluation=LevelEvaluationConfig(horizons=(5, 25, 100, 250, 1000, 2500)),
    ),
}

_TIME_SCALES: dict[str, TimeScale] = {
    # In numbers as large as what else is read, so that candidates differ by what they make of them.
    **dict.fromkeys(("smoke", "laptop", "desk"), "unit"),
    # As in public code; the paper's text has n / N and log N.
    "paper": "raw",
}


def _lpg_es_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    return lambda world: on(world, _SIZES[size])


def _ta_lpg_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = on(world, _SIZES[size])
        shortest, longest = _lifetimes(run, world)
        objective = replace(
            run.method.objective,
            time="progress_and_lifetime",
            time_scale=_TIME_SCALES[size],
            shortest_lifetime=shortest,
            longest_lifetime=longest,
        )
        return replace(run, method=replace(run.method, objective=objective))

    return preset


def _lifetimes(run: Run, world: WorldSpec | None) -> tuple[int, int]:
    """The shortest and the longest of training."""
    tasks = level_distribution(run.tasks) if world is None else world
    shortest, longest = tasks.lifetime_range
    shortest = shortest if run.min_lifetime is None else run.min_lifetime
    longest = longest if run.max_lifetime is None else run.max_lifetime
    return shortest, max(shortest, longest)


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    world = required(world)
    check(run, world)
    method = evolved_lpg(
        world.world, world.sample_task, run.method, optimal_return=world.optimal_return
    )
    return evolution_experiment(method, run.method.meta, run.method.life, world)


LPG_ES = MethodSpec(
    name="lpg-es",
    kind=KIND,
    summary="LPG evolved over whole lifetimes",
    paper="2402.05828",
    presets={size: _lpg_es_preset(size) for size in _SIZES},
    build=_build,
    check=check_worlds,
    test=test,
    pictures=pictures,
    learned_by=learned_by,
    panels=HELD_OUT_PANELS | PANELS,
    symptoms=SYMPTOMS,
)
TA_LPG = LPG_ES._replace(
    name="ta-lpg",
    summary="LPG that knows time, evolved over whole lifetimes",
    presets={size: _ta_lpg_preset(size) for size in _SIZES},
)
