"""The meta-test of drifts: on the world of training and on others, beside PPO and DPO."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp

from rlsuite.drifts import LearnedDriftConfig, discovered, learned, ppo_clip
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import DriftEvaluationConfig, LPORun
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.level_sets import LevelSet, lasting, shortened
from rlsuite.experiments.meta_test import Contender, LearnedBy, MetaTest
from rlsuite.experiments.presets_ppo import PPOPreset, ppo_preset
from rlsuite.experiments.runner import last_state
from rlsuite.experiments.storage import read_config, read_document
from rlsuite.experiments.tasks import task_source
from rlsuite.lifetime import Task


def drift_meta_test(directory: Path, against: Sequence[Path]) -> MetaTest:
    """The drift of a run beside those of others, the one it started from, PPO's and DPO's.

    On the world of training agents learn with the run's own settings, on others with those with
    which PPO is good at them.

    Raises:
      UserError: if one of the other runs has learned something of another kind.
    """
    config = _config(directory)
    settings = config.evaluation
    own = _world_set(config.tasks, _own_settings(config), settings)
    others = [_world_set(name, ppo_preset(name), settings) for name in settings.worlds]
    contenders = [
        _trained(directory, read_document(directory)["method"].upper()),
        *(
            _trained(rival, f"{read_document(rival)['method'].upper()} ({rival})")
            for rival in against
        ),
        _untrained(config.drift),
        Contender("PPO", _by_ppo_clip, ()),
        Contender("DPO", _by_discovered, ()),
    ]
    horizons = [lasting(own, horizon) for horizon in settings.horizons or ()]
    return MetaTest(contenders, [own, *others, *horizons], notes={})


def _config(directory: Path) -> LPORun:
    config = read_config(directory)
    if not isinstance(config, LPORun):
        raise UserError(f"'{directory}' has not learned a drift")
    return config


def _own_settings(config: LPORun) -> PPOPreset:
    _, lifetime = config.lifetimes(task_source(config.tasks))
    return PPOPreset(
        config.networks, config.ppo, config.life.num_workers, config.life.rollout_length, lifetime
    )


def _world_set(name: str, agent: PPOPreset, settings: DriftEvaluationConfig) -> LevelSet:
    """A world with its usual parameters, as a set of one level."""
    source = task_source(name)
    level = source.sample_task(jax.random.key(0)).level
    task = shortened(Task(level, jnp.int32(agent.lifetime)), settings)
    tasks = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], task)
    return LevelSet(name, source, agent, tasks, [name], optimal=None)


def _trained(directory: Path, name: str) -> Contender:
    config = _config(directory)
    parameters = last_state(directory, build(config).method).parameters
    return Contender(name, _by_learned(config.drift), parameters)


def _untrained(config: LearnedDriftConfig) -> Contender:
    name = "no drift" if config.clip_epsilon is None else "untrained drift"
    parameters = learned(config).init_parameters(jax.random.key(0))
    return Contender(name, _by_learned(config), parameters)


@cache
def _by_learned(config: LearnedDriftConfig) -> LearnedBy:
    return lambda world, settings, parameters: (settings.life(world, learned(config)), parameters)


def _by_ppo_clip(world, settings, parameters):
    return settings.life(world, ppo_clip()), parameters


def _by_discovered(world, settings, parameters):
    return settings.life(world, discovered()), parameters
