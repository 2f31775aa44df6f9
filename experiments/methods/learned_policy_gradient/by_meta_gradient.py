"""LPG and GROOVE: an objective learned by meta-gradients, on random tasks or those it regrets."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial

from rlsuite.compiling import jit
from rlsuite.curricula.buffer import BufferConfig
from rlsuite.experiments.errors import ConfigError
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
from rlsuite.experiments.symptoms import Symptom
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.gradient_config import MetaGradientConfig
from rlsuite.meta.held_out import HeldOutConfig
from rlsuite.methods.groove import GrooveConfig, groove
from rlsuite.methods.lpg import LPGPartsConfig, MetaGradientLPGConfig, meta_gradient_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig

_SIZES: dict[str, Run] = {
    "smoke": Run(
        steps=20,
        tasks="all_vrandlife",
        log_every=5,
        checkpoint_every=10,
        method=MetaGradientLPGConfig(
            objective=LPGConfig(recurrent_width=16),
            life=LifeConfig(num_workers=8),
            meta=MetaGradientConfig(
                num_agents=8, learning_rate=1e-3, num_mini_batches=2, num_episodes=4
            ),
        ),
        evaluation=SMOKE_EVALUATION,
    ),
    "laptop": Run(
        steps=600,
        log_every=10,
        checkpoint_every=200,
        method=MetaGradientLPGConfig(
            objective=LPGConfig(recurrent_width=32),
            life=LifeConfig(num_workers=16),
            meta=MetaGradientConfig(
                num_agents=16, learning_rate=5e-4, max_gradient_norm=0.05, num_mini_batches=2
            ),
            held_out=HeldOutConfig(period=300, num_levels=32),
        ),
        evaluation=LAPTOP_EVALUATION,
    ),
    "desk": Run(
        steps=1250,
        log_every=10,
        checkpoint_every=250,
        method=MetaGradientLPGConfig(
            objective=LPGConfig(recurrent_width=32),
            life=LifeConfig(num_workers=16),
            meta=MetaGradientConfig(
                num_agents=64,
                learning_rate=5e-4,
                learning_rate_decay=0.998,  # Else GROOVE loses what it has learned, now and then.
                max_gradient_norm=0.05,
                num_mini_batches=8,
            ),
            held_out=HeldOutConfig(period=125, num_levels=64),
        ),
        evaluation=LAPTOP_EVALUATION,
    ),
    "paper": Run(
        method=MetaGradientLPGConfig(held_out=HeldOutConfig(period=100, num_levels=64)),
        evaluation=LevelEvaluationConfig(),
    ),
}
_JIT = partial(jit, program="large")
_BUFFERS = {
    "smoke": BufferConfig(size=64),
    "laptop": BufferConfig(size=256),
    "desk": BufferConfig(size=1024),
}

_PANELS = HELD_OUT_PANELS | {
    "agent_return": "return at the end of a lifetime",
    "score": "score of finished tasks",
    "buffer_score": "mean score in the buffer",
    "policy_entropy": "policy entropy (nats)",
    "critic_loss": "loss of the value critics",
    "gradient_norm": "norm of the meta-gradient",
    "gradient_noise_scale": "noise scale of the meta-gradient (agents)",
}

_SYMPTOMS = (
    Symptom("gradient_norm", lambda norm: norm == 0, 10, "the meta-gradient is zero"),
    # That of actions in a box is below zero where they are nearly certain.
    Symptom("policy_entropy", lambda nats: 0 <= nats < 0.01, 50, "policies have no entropy left"),
)


def _lpg_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    return lambda world: on(world, _SIZES[size])


def _groove_preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = on(world, _SIZES[size])
        parts = {part.name: getattr(run.method, part.name) for part in fields(LPGPartsConfig)}
        buffer = _BUFFERS.get(size, BufferConfig())
        return replace(run, method=GrooveConfig(**parts, buffer=buffer))

    return preset


def _build_lpg(run: Run, world: WorldSpec | None) -> Experiment:
    world = _checked(run, required(world))
    method = meta_gradient_lpg(
        world.world, world.sample_task, run.method, optimal_return=world.optimal_return
    )
    updates, steps = _work(run.method)
    headline, agents = ("agent_return", "policy_entropy"), run.method.meta.num_agents
    return Experiment(method, updates, steps, headline, _JIT, divisible=agents)


def _build_groove(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, _checked(run, required(world))
    smallest = 2 * config.meta.num_agents
    if config.buffer.size < smallest:
        raise ConfigError(
            f"buffer.size: {config.buffer.size} is not allowed; it must be at least {smallest}, "
            "twice the number of agents"
        )
    if config.score == "exact_regret" and world.optimal_return is None:
        raise ConfigError(
            f"score: {config.score!r} is not allowed; it must be another one for {world.name}, "
            "whose optimal return is not known"
        )
    editors = {} if world.design is None else world.design.editors
    method = groove(
        world.world,
        world.sample_task,
        config,
        optimal_return=world.optimal_return,
        editor=next(iter(editors.values()), None),
    )
    updates, steps = _work(config)
    if config.score == "algorithmic_regret":
        steps += updates * config.life.num_workers * config.life.rollout_length
    headline = ("agent_return", "policy_entropy", "score", "buffer_score")
    return Experiment(method, updates, steps, headline, _JIT, divisible=config.meta.num_agents)


def _checked(run: Run, world: WorldSpec) -> WorldSpec:
    check(run, world)
    num_updates, shortest = run.method.meta.num_updates, world.lifetime_range[0]
    if num_updates > shortest:
        raise ConfigError(
            f"meta.num_updates: {num_updates} is not allowed; it must be at most "
            f"{shortest}, the shortest lifetime of {world.name}"
        )
    return world


def _work(config: LPGPartsConfig) -> tuple[int, int]:
    """Agent updates and world steps of a meta-step, antagonists' left out."""
    updates = config.meta.num_agents * config.meta.num_updates
    # The meta-objective takes one rollout more than there are updates.
    rollouts = updates + config.meta.num_agents
    return updates, rollouts * config.life.num_workers * config.life.rollout_length


LPG = MethodSpec(
    name="lpg",
    kind=KIND,
    summary="learned policy gradient, by meta-gradients on random tasks",
    paper="2007.08794",
    presets={size: _lpg_preset(size) for size in _SIZES},
    build=_build_lpg,
    check=check_worlds,
    test=test,
    pictures=pictures,
    learned_by=learned_by,
    panels=_PANELS,
    symptoms=_SYMPTOMS,
)
GROOVE = LPG._replace(
    name="groove",
    summary="LPG on the tasks it regrets most, by meta-gradients",
    paper="2310.02782",
    presets={size: _groove_preset(size) for size in _SIZES},
    build=_build_groove,
)
