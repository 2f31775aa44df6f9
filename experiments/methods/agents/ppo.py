"""PPO and DPO as methods of the command, with the settings with which it is good at the world."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

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
from rlsuite.experiments.ppo_settings import check_actor, check_mini_batches
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec
from rlsuite.lifetime import LifeConfig
from rlsuite.method import Method
from rlsuite.methods.dpo import DPOAgentsConfig, dpo_agents
from rlsuite.methods.ppo import PPOAgentsConfig, ProximalAgentsConfig, ppo_agents

_SIZES = {
    "smoke": Run(steps=4, log_every=1, checkpoint_every=2, evaluation=AgentEvaluationConfig(8)),
    "laptop": Run(log_every=10, checkpoint_every=500, evaluation=AgentEvaluationConfig()),
    "desk": Run(log_every=10, checkpoint_every=500, evaluation=AgentEvaluationConfig()),
}
_NUM_AGENTS = {"smoke": 2, "laptop": 8, "desk": 32}


def _preset(
    size: str, config_type: type[ProximalAgentsConfig]
) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        world = world or find_world("CartPole-v1")
        settings, run = world.ppo, _SIZES[size]
        method = config_type(
            networks=settings.networks,
            ppo=settings.ppo,
            life=LifeConfig(settings.num_workers, settings.rollout_length),
            num_agents=_NUM_AGENTS[size],
        )
        steps = run.steps if size == "smoke" else settings.lifetime
        return replace(run, tasks=world.name, steps=steps, method=method)

    return preset


def _build(make: Callable[..., Method], run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, whole_lives(run, world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    check_actor(world.world, config.networks)
    return experiment(make(world.world, world.sample_task, config), config)


def _spec(
    make: Callable[..., Method], config_type: type[ProximalAgentsConfig], **named: Any
) -> MethodSpec:
    presets = {size: _preset(size, config_type) for size in _SIZES}
    return MethodSpec(
        kind=KIND,
        presets=presets,
        build=partial(_build, make),
        test=test,
        learned=learners,
        learned_by=partial(learned_by, presets),
        by_hand=partial(by_hand, presets),
        panels=PANELS,
        **named,
    )


PPO = _spec(
    ppo_agents,
    PPOAgentsConfig,
    name="ppo",
    summary="agents that learn by proximal policy optimisation",
    paper="1707.06347",
)
DPO = _spec(
    dpo_agents,
    DPOAgentsConfig,
    name="dpo",
    summary="agents that learn by discovered policy optimisation",
    paper="2210.05639",
)
