"""A2C as a method of the command, with the field's usual networks for the world."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.agents.common import (
    KIND,
    PANELS,
    AgentEvaluationConfig,
    by_hand,
    experiment,
    learned_by,
    learners,
    test,
    whole_lives,
)
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.a2c import A2CAgentsConfig, a2c_agents

_SIZES = {
    "smoke": Run(
        steps=4,
        log_every=1,
        checkpoint_every=2,
        method=A2CAgentsConfig(life=LifeConfig(num_workers=4), num_agents=2),
        evaluation=AgentEvaluationConfig(8),
    ),
    "laptop": Run(
        steps=3000,
        log_every=100,
        checkpoint_every=3000,
        method=A2CAgentsConfig(life=LifeConfig(num_workers=16), num_agents=8),
        evaluation=AgentEvaluationConfig(),
    ),
    "desk": Run(
        steps=3000,
        log_every=100,
        checkpoint_every=3000,
        method=A2CAgentsConfig(life=LifeConfig(num_workers=16), num_agents=32),
        evaluation=AgentEvaluationConfig(),
    ),
}


# Of Adam; found on CartPole, where the field's usual 5e-4 is slow.
_RATE = 2e-3


def _agent(world: WorldSpec) -> AgentConfig:
    if world.agent.optimiser != "adam":
        return world.agent
    return replace(world.agent, policy_learning_rate=_RATE, prediction_learning_rate=_RATE)


def _preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        world, run = world or find_world("CartPole-v1"), _SIZES[size]
        return replace(run, tasks=world.name, method=replace(run.method, agent=_agent(world)))

    return preset


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, whole_lives(run, world)
    try:
        make_agent(world.world, config.agent)
    except ValueError as error:
        name = "tasks" if str(error).startswith("actions") else "agent"
        raise ConfigError(f"{name}.{error}") from error
    return experiment(a2c_agents(world.world, world.sample_task, config), config)


_PRESETS = {size: _preset(size) for size in _SIZES}

A2C = MethodSpec(
    name="a2c",
    kind=KIND,
    summary="agents that learn by advantage actor-critic",
    paper="1602.01783",
    presets=_PRESETS,
    build=_build,
    test=test,
    learned=learners,
    learned_by=partial(learned_by, _PRESETS),
    by_hand=partial(by_hand, _PRESETS),
    panels=PANELS,
)
