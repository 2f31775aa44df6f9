"""The meta-test of drifts: on the world of training and on others, beside PPO and DPO."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp

from rlsuite.drifts import LearnedDriftConfig, discovered, learned, ppo_clip
from rlsuite.experiments.evaluation import Evaluation, Role
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import LevelSet, lasting, shortened
from rlsuite.experiments.meta_test import (
    Contender,
    LearnedBy,
    MetaTest,
    ObjectiveEvaluationConfig,
    meta_test,
)
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.lifetime import Task


@dataclass(frozen=True)
class DriftEvaluationConfig(ObjectiveEvaluationConfig):
    """How a drift is meta-tested on the world it was trained on and on others, beside PPO and DPO.

    Attributes:
      worlds: other worlds, each learned with the settings with which PPO is good at it.
    """

    worlds: tuple[str, ...] = ()


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The drift of a run beside those of others, the one it started from, PPO's and DPO's.

    On the world of training agents learn with the run's own settings, on others with those with
    which PPO is good at them.
    """
    settings = finished.run.evaluation
    own = _world_set(finished.named_world, _own_settings(finished), settings)
    names = [name for name in dict.fromkeys(settings.worlds) if name != finished.run.tasks]
    others = [_world_set(find_world(name), find_world(name).ppo, settings) for name in names]
    contenders = [
        _trained(finished, finished.title, "own"),
        *(_trained(rival, f"{rival.title} ({rival.directory})", "rival") for rival in rivals),
        _untrained(finished.run.method.drift),
        Contender("PPO", "baseline", _by_ppo_clip, ()),
        Contender("DPO", "baseline", _by_discovered, ()),
    ]
    horizons = [lasting(own, horizon) for horizon in settings.horizons or ()]
    return meta_test(MetaTest(contenders, [own, *others, *horizons]), settings, watch)


def _own_settings(finished: Finished) -> PPOSettings:
    config = finished.run.method
    assert finished.world is not None
    _, lifetime = finished.world.lifetime_range
    return PPOSettings(
        config.networks, config.ppo, config.life.num_workers, config.life.rollout_length, lifetime
    )


def _world_set(world: WorldSpec, agent: PPOSettings, settings: DriftEvaluationConfig) -> LevelSet:
    """A world with its usual parameters, as a set of one level."""
    level = world.sample_task(jax.random.key(0)).level
    task = shortened(Task(level, jnp.int32(agent.lifetime)), settings.max_lifetime)
    tasks = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], task)
    return LevelSet(world.name, world, agent, tasks, [world.name], optimal=None)


def _trained(finished: Finished, name: str, role: Role) -> Contender:
    return Contender(name, role, _by_learned(finished.run.method.drift), finished.learned)


def _untrained(config: LearnedDriftConfig) -> Contender:
    name = "no drift" if config.clip_epsilon is None else "untrained drift"
    parameters = learned(config).init_parameters(jax.random.key(0))
    return Contender(name, "baseline", _by_learned(config), parameters)


@cache
def _by_learned(config: LearnedDriftConfig) -> LearnedBy:
    return lambda world, settings, parameters: (settings.life(world, learned(config)), parameters)


def _by_ppo_clip(world, settings, parameters):
    return settings.life(world, ppo_clip()), parameters


def _by_discovered(world, settings, parameters):
    return settings.life(world, discovered()), parameters
