"""Whatever is registered with gymnax, by gymnax or by a module named with `--import`."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig
from rlsuite.envs import register_worlds
from rlsuite.experiments.ppo_settings import ppo_settings
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_parameters
from rlsuite.lifetime import Task
from rlsuite.rollout import Level

register_worlds()

# Making this world fetches its images.
WORLDS_THAT_DOWNLOAD = ("MNISTBandit-bsuite",)

_PERCEPTRON = AgentConfig("perceptron", (64, 64), (), "adam", 5e-4, 5e-4, 1.0)
_CONVOLUTION = AgentConfig("convolution", (64,), (32, 32), "adam", 5e-4, 5e-4, 1.0)

# Lifetimes in agent updates and agents, by the suffix of a name (LPG's appendix).
_SUFFIXES = {"MinAtar": (100_000, _CONVOLUTION), "bsuite": (100, _PERCEPTRON)}
_OTHERS = (1000, _PERCEPTRON)


def world_spec(name: str, world: Environment, level: Level) -> WorldSpec:
    """A world with one level, and the field's usual agents for worlds of such a name."""
    lifetime, agent = _SUFFIXES.get(name.rpartition("-")[2], _OTHERS)
    level = jax.tree.map(jnp.asarray, level)
    return WorldSpec(
        name=name,
        world=world,
        sample_task=lambda key: Task(level, jnp.int32(lifetime)),
        lifetime_range=(lifetime, lifetime),
        agent=agent,
        ppo=ppo_settings(name),
    )


@cache
def gymnax_world(name: str) -> WorldSpec:
    """A world of gymnax with its usual parameters."""
    return world_spec(name, *gymnax.make(name))


def _names() -> list[str]:
    return [name for name in gymnax.registered_envs if name not in WORLDS_THAT_DOWNLOAD]


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    if not parameters:
        return gymnax_world(name)
    world, level = gymnax.make(name)
    return world_spec(name, world, with_parameters(level, parameters))


FAMILY = WorldFamily("worlds of gymnax", _names, _make)
