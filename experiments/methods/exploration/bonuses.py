"""PPO with exploration bonuses as a method of the command."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.agents.common import (
    KIND,
    PANELS,
    by_hand,
    experiment,
    learned_by,
    learners,
    whole_lives,
)
from rlsuite.experiments.methods.exploration.bonuses_pictures import pictures
from rlsuite.experiments.methods.exploration.bonuses_test import BonusEvaluationConfig, test
from rlsuite.experiments.ppo_settings import check_actor, check_mini_batches
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.bonuses import BonusAgentsConfig, BonusConfig, bonus_agents

_SIZES = {
    "smoke": Run(
        steps=4,
        log_every=1,
        checkpoint_every=2,
        evaluation=BonusEvaluationConfig(num_episodes=8),
    ),
    "laptop": Run(
        log_every=10,
        checkpoint_every=300,
        evaluation=BonusEvaluationConfig(),
    ),
    "desk": Run(
        log_every=10,
        checkpoint_every=300,
        evaluation=BonusEvaluationConfig(),
    ),
    # Steps, rates and the limit of rewards are the paper's; the learner is PPO, where it has
    # IMPALA, and the world a stand-in for its tasks.
    "paper": Run(
        log_every=10,
        checkpoint_every=200,
        evaluation=BonusEvaluationConfig(),
    ),
}
_WORLDS = {
    "smoke": "corridors",
    "laptop": "multi_room",
    "desk": "multi_room",
    "paper": "multi_room_n6",
}
_NUM_AGENTS = {"smoke": 2, "laptop": 8, "desk": 32, "paper": 5}


def _preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = _SIZES[size]
        world = world or find_world(_WORLDS[size])
        settings = world.ppo
        method = BonusAgentsConfig(
            networks=settings.networks,
            ppo=settings.ppo,
            life=LifeConfig(settings.num_workers, settings.rollout_length),
            num_agents=_NUM_AGENTS[size],
            bonus=BonusConfig(weight=_WEIGHTS.get(world.name, BonusConfig.weight)),
        )
        if size == "paper":
            method = _as_published(method)
            return replace(run, tasks=world.name, steps=2400, method=method)
        steps = run.steps if size == "smoke" else settings.lifetime
        return replace(run, tasks=world.name, steps=steps, method=method)

    return preset


_WEIGHTS = {"multi_room": 0.01, "key_room": 0.01, "corridors": 1.0}
"""Of the bonus, by world; that of `multi_room` by short runs with key 0, of which is no result."""


def _as_published(method: BonusAgentsConfig) -> BonusAgentsConfig:
    """256 workers of 80 steps, hence 2400 updates are 49 million steps; 1024 units and features."""
    ppo = replace(method.ppo, learning_rate=1e-4, entropy_coefficient=0.005)
    networks = replace(method.networks, hidden_widths=(1024, 1024))
    fitting = replace(method.bonus.fitting, num_features=1024, num_outputs=128)
    bonus = replace(method.bonus, weight=1.0, reward_clip=1.0, fitting=fitting)
    return replace(method, ppo=ppo, networks=networks, life=LifeConfig(256, 80), bonus=bonus)


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, whole_lives(run, world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    check_actor(world.world, config.networks)
    fitting, num_steps = config.bonus.fitting, config.life.num_workers * config.life.rollout_length
    if num_steps % fitting.num_mini_batches:
        raise ConfigError(
            f"bonus.fitting.num_mini_batches: {fitting.num_mini_batches} is not allowed; it must "
            f"be a divisor of the {num_steps} steps of a rollout"
        )
    try:
        method = bonus_agents(world.world, world.sample_task, config)
    except ValueError as error:
        field = str(error).partition(":")[0]
        where = {"actions": "tasks.", "contexts": "", "beside": ""}.get(field, "bonus.")
        raise ConfigError(f"{where}{error}") from error
    num_agents = prod(config.groups)
    return experiment(method, replace(config, num_agents=num_agents))


_PRESETS = {size: _preset(size) for size in _SIZES}

BONUSES = MethodSpec(
    name="bonuses",
    title="bonuses",
    kind=KIND,
    summary="PPO on rewards with a bonus for what is new: to training, to the episode, or both",
    paper="2306.03236",
    presets=_PRESETS,
    build=_build,
    test=test,
    pictures=pictures,
    learned=learners,
    learned_by=partial(learned_by, _PRESETS),
    by_hand=partial(by_hand, _PRESETS),
    trains_apart=True,
    panels={**PANELS, "bonus": "bonus, before it is scaled", "cells_entered": "cells entered"},
)
