"""The meta-test of drifts: on the world of training and on others, beside PPO and DPO."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.drifts import Drift, LearnedDriftConfig, discovered, learned, ppo_clip
from rlsuite.experiments.evaluation import Evaluation, Role
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import LevelSet, lasting, shortened
from rlsuite.experiments.meta_test import (
    Contender,
    MetaTest,
    ObjectiveEvaluationConfig,
    meta_test,
    other_worlds,
)
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Run, Watch, WorldSpec, required
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import Task


@dataclass(frozen=True)
class DriftEvaluationConfig(ObjectiveEvaluationConfig):
    """How a drift is meta-tested on the world it was trained on and on others, beside PPO and DPO.

    Attributes:
      worlds: other worlds, each learned with the settings with which PPO is good at it.
    """


@dataclass(frozen=True)
class ByDrift:
    """Agents that learn by PPO with a learned drift."""

    settings: PPOSettings
    drift: LearnedDriftConfig

    def __call__(self, world: Environment, parameters: Any) -> Trainer:
        """Agents in a world that learn by a drift's parameters."""
        return Trainer(self.settings.life(world, learned(self.drift)), parameters)


@dataclass(frozen=True)
class _ByHand:
    """Agents that learn by PPO with a drift that has no parameters."""

    settings: PPOSettings
    make_drift: Callable[[], Drift]

    def __call__(self, world: Environment, parameters: Any) -> Trainer:
        return Trainer(self.settings.life(world, self.make_drift()))


def learned_by(run: Run, world: WorldSpec) -> ByDrift:
    """How agents learn by the drift of a run, on its own world with its own settings."""
    config, settings = run.method, world.ppo
    if world.name == run.tasks:
        life = config.life
        settings = settings._replace(
            networks=config.networks,
            ppo=config.ppo,
            num_workers=life.num_workers,
            rollout_length=life.rollout_length,
        )
    return ByDrift(settings, config.drift)


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The drift of a run beside those of others, the one it started from, PPO's and DPO's.

    On the world of training agents learn with the run's own settings, on others with those with
    which PPO is good at them.
    """
    settings, world = finished.run.evaluation, finished.named_world
    own_settings = learned_by(finished.run, world).settings
    lifetime = required(finished.world).lifetime_range[1]
    own = _world_set(world._replace(ppo=own_settings), lifetime, settings)
    others = [
        _world_set(other, other.ppo.lifetime, settings)
        for other in other_worlds(settings)
        if other.name != finished.run.tasks
    ]
    contenders = [
        _trained(finished, finished.title, "own"),
        *(_trained(rival, rival.title_as_rival, "rival") for rival in rivals),
        _untrained(finished),
        Contender("PPO", "baseline", lambda world: _ByHand(world.ppo, ppo_clip)),
        Contender("DPO", "baseline", lambda world: _ByHand(world.ppo, discovered)),
    ]
    horizons = [lasting(own, horizon) for horizon in settings.horizons or ()]
    return meta_test(MetaTest(contenders, [own, *others, *horizons]), settings, watch)


def _world_set(world: WorldSpec, lifetime: int, settings: DriftEvaluationConfig) -> LevelSet:
    """A world with its usual parameters, as a set of one level."""
    level = world.sample_task(jax.random.key(0)).level
    task = shortened(Task(level, jnp.int32(lifetime)), settings.max_lifetime)
    tasks = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], task)
    return LevelSet(world.name, world, tasks, [world.name], optimal=None)


def _trained(finished: Finished, name: str, role: Role) -> Contender:
    return Contender(name, role, partial(learned_by, finished.run), finished.learned)


def _untrained(finished: Finished) -> Contender:
    config = finished.run.method.drift
    name = "no drift" if config.clip_epsilon is None else "untrained drift"
    parameters = learned(config).init_parameters(role_key("untrained"))
    return Contender(name, "baseline", partial(learned_by, finished.run), parameters)
