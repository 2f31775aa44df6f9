"""Repeated games as a method of the command."""

from dataclasses import replace

from rlsuite.agents import ActorCriticConfig
from rlsuite.experiments.methods.agents.common import PANELS, learners
from rlsuite.experiments.methods.games.pictures import pictures
from rlsuite.experiments.methods.games.players import GamesEvaluationConfig
from rlsuite.experiments.methods.games.test import test
from rlsuite.experiments.ppo_settings import check_mini_batches
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, worldless
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.repeated_games import RepeatedGamesConfig, repeated_games

_METHOD = RepeatedGamesConfig()
_LAPTOP = Run(
    tasks=None,
    steps=600,
    log_every=10,
    checkpoint_every=200,
    method=_METHOD,
    evaluation=GamesEvaluationConfig(),
)
_SIZES = {
    "smoke": Run(
        tasks=None,
        steps=4,
        log_every=2,
        checkpoint_every=2,
        method=replace(
            _METHOD,
            networks=ActorCriticConfig("perceptron", (8,), recurrent_width=8),
            life=LifeConfig(4, 10),
            opponents=("always 0", "tit for tat"),
            num_agents=2,
        ),
        evaluation=GamesEvaluationConfig(
            num_draws=1,
            baselines=("tit for tat", "stubborn", "alternating 0 1", "predictor of 1 round"),
            num_pairs=4,
            num_gradient_steps=3,
        ),
    ),
    "laptop": _LAPTOP,
    "desk": replace(_LAPTOP, steps=5000, method=replace(_METHOD, life=LifeConfig(128, 10))),
    "paper": replace(
        _LAPTOP,
        steps=10_000,
        method=replace(_METHOD, life=LifeConfig(1024, 10), num_agents=32),
        evaluation=GamesEvaluationConfig(num_draws=64, num_pairs=4096),
    ),
}


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    del world
    config, life = run.method, run.method.life
    check_mini_batches("ppo", config.ppo, life, config.networks)
    return Experiment(
        method=repeated_games(config, run.steps),
        agent_updates_per_step=config.num_agents,
        world_steps_per_step=config.num_agents * life.num_workers * life.rollout_length,
        headline=("episode_return", "agent_return", "policy_entropy"),
        divisible=config.num_agents,
    )


REPEATED_GAMES = MethodSpec(
    name="repeated-games",
    title="Repeated games",
    kind="game player",
    summary="agents with memory in repeated 2 × 2 games, in a tournament with scripts and learners",
    paper="2305.16867",
    presets=worldless(_SIZES),
    build=_build,
    test=test,
    pictures=pictures,
    learned=learners,
    panels=PANELS | {"episode_return": "score of a match", "agent_return": "score at the end"},
)
