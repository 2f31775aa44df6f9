"""Last-switch-dependent bandits as a method of the command."""

from dataclasses import replace

from rlsuite.experiments.methods.bandits.last_switch_checks import check_test
from rlsuite.experiments.methods.bandits.last_switch_pictures import pictures
from rlsuite.experiments.methods.bandits.last_switch_players import LSDEvaluationConfig
from rlsuite.experiments.methods.bandits.last_switch_test import test
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, worldless
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, lsd_bandits

_EVALUATION = LSDEvaluationConfig()
_SIZES = {
    "smoke": Run(
        tasks=None,
        steps=4,
        log_every=2,
        checkpoint_every=2,
        method=LSDBanditsConfig(horizon=400, num_agents=8, rounds_per_step=100),
        evaluation=LSDEvaluationConfig(
            num_instances=8,
            num_draws=2,
            num_rounds=60,
            num_shown=4,
            baselines=("oracle greedy", "UCB1"),
            horizons=(400,),
            num_learners=8,
            planned=("spike",),
            num_block_learners=1,
        ),
    ),
    "laptop": Run(
        tasks=None,
        steps=100,
        log_every=1,
        checkpoint_every=50,
        method=LSDBanditsConfig(),
        evaluation=_EVALUATION,
    ),
    "desk": Run(
        tasks=None,
        steps=100,
        log_every=1,
        checkpoint_every=50,
        method=LSDBanditsConfig(num_agents=4096),
        evaluation=_EVALUATION,
    ),
    "paper": Run(
        tasks=None,
        steps=1000,
        log_every=10,
        checkpoint_every=100,
        method=LSDBanditsConfig(
            num_arms=50,
            num_plays=10,
            num_rests=20,
            horizon=1_000_000,
            rounds_per_step=1000,
        ),
        evaluation=replace(_EVALUATION, num_rounds=840, horizons=(10**5, 10**6)),
    ),
}


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    del world
    config = run.method
    rounds = config.num_agents * config.rounds_per_step
    return Experiment(
        method=lsd_bandits(config),
        agent_updates_per_step=rounds,
        world_steps_per_step=rounds,
        headline=("payoff", "regret"),
        divisible=config.num_agents,
    )


LSD_BANDITS = MethodSpec(
    name="lsd-bandits",
    title="LSD bandits",
    kind="last-switch player",
    summary="arms that pay by when they were last taken up or left, explored and then scheduled",
    paper="2306.00338",
    presets=worldless(_SIZES),
    build=_build,
    check=check_test,
    test=test,
    pictures=pictures,
    learned=lambda state: state.games.player.visits,
    panels={
        "payoff": "mean payoff of a round",
        "mean_payoff": "mean payoff of all rounds so far",
        "regret": "regret against the relaxation",
    },
)
