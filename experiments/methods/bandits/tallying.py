"""Weighted tallying bandits as a method of the command."""

from rlsuite.experiments.methods.bandits.tallying_gaps import check_horizons
from rlsuite.experiments.methods.bandits.tallying_pictures import pictures
from rlsuite.experiments.methods.bandits.tallying_players import TallyingEvaluationConfig
from rlsuite.experiments.methods.bandits.tallying_test import test
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, worldless
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    weighted_tallying_bandits,
)

_SIZES = {
    "smoke": Run(
        tasks=None,
        steps=4,
        log_every=2,
        checkpoint_every=2,
        method=WeightedTallyingBanditsConfig(
            memory=3, burn_in=3, horizon=400, num_agents=8, rounds_per_step=100
        ),
        evaluation=TallyingEvaluationConfig(
            num_games=4,
            baselines=("UCB1", "best action repeated"),
            horizon=400,
            horizons=(400, 800),
            num_gap_games=4,
            burn_ins=(3, 6),
            memories=(3,),
            long_memories=(6,),
        ),
    ),
    "laptop": Run(
        tasks=None,
        steps=100,
        log_every=1,
        checkpoint_every=50,
        method=WeightedTallyingBanditsConfig(),
        evaluation=TallyingEvaluationConfig(),
    ),
    "desk": Run(
        tasks=None,
        steps=100,
        log_every=1,
        checkpoint_every=50,
        method=WeightedTallyingBanditsConfig(num_agents=1024),
        evaluation=TallyingEvaluationConfig(),
    ),
    "paper": Run(
        tasks=None,
        steps=1000,
        log_every=10,
        checkpoint_every=100,
        method=WeightedTallyingBanditsConfig(
            horizon=1_000_000, num_agents=1024, rounds_per_step=1000
        ),
        evaluation=TallyingEvaluationConfig(horizon=100_000, num_gap_games=256),
    ),
}


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    del world
    config = run.method
    rounds = config.num_agents * config.rounds_per_step
    return Experiment(
        method=weighted_tallying_bandits(config),
        agent_updates_per_step=rounds,
        world_steps_per_step=rounds,
        headline=("payoff", "regret", "active_actions"),
        divisible=config.num_agents,
    )


WEIGHTED_TALLYING_BANDITS = MethodSpec(
    name="weighted-tallying-bandits",
    title="Weighted tallying bandits",
    kind="tallying player",
    summary="actions that cost by how often they were played of late, dropped after runs of them",
    paper="2305.02955",
    presets=worldless(_SIZES),
    build=_build,
    check=check_horizons,
    test=test,
    pictures=pictures,
    learned=lambda state: state.games.player,
    panels={
        "payoff": "mean payoff of a round",
        "regret": "regret, an upper bound of the complete policy regret",
        "active_actions": "active actions",
        "best_is_active": "share of learners that keep the best",
        "best_is_played": "share of learners at the best",
    },
)
