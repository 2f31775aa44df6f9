"""What agents can be trained on, by name: our level distributions and gymnax's worlds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import gymnax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.agents import AgentConfig
from rlsuite.envs import register_worlds
from rlsuite.envs.brax import BRAX_WORLDS, has_brax, make_brax_world
from rlsuite.envs.gridworld.levels import LEVEL_DISTRIBUTIONS, level_distribution
from rlsuite.envs.gridworld.solver import optimal_return
from rlsuite.experiments.errors import ConfigError, closest
from rlsuite.lifetime import Task
from rlsuite.rollout import Level

register_worlds()

# Making this world fetches its images.
WORLDS_THAT_DOWNLOAD = ("MNISTBandit-bsuite",)

_TABLE = AgentConfig()
_SMALL_PERCEPTRON = AgentConfig("perceptron", (32,), (), "adam", 1e-3, 1e-3, 0.5)
_PERCEPTRON = AgentConfig("perceptron", (64, 64), (), "adam", 5e-4, 5e-4, 1.0)
_CONVOLUTION = AgentConfig("convolution", (64,), (32, 32), "adam", 5e-4, 5e-4, 1.0)

# Lifetimes in agent updates and agents, by family of gymnax's worlds (LPG's appendix).
_FAMILIES = {"MinAtar": (100_000, _CONVOLUTION), "bsuite": (100, _PERCEPTRON)}
_OTHER_WORLDS = (1000, _PERCEPTRON)


@dataclass(frozen=True)
class TaskSource:
    """A world and a distribution over tasks in it.

    Attributes:
      name: the level distribution or gymnax world.
      world: sized for the levels.
      sample_task: `key -> Task`.
      lifetime_range: the shortest and the longest lifetime, in agent updates.
      agent: the field's usual agent for such a world.
      optimal_return: `level -> return`, where a solver knows it.
    """

    name: str
    world: Environment
    sample_task: Callable[[PRNGKeyArray], Task]
    lifetime_range: tuple[int, int]
    agent: AgentConfig
    optimal_return: Callable[[Level], Float[Array, ""]] | None = None


@cache
def task_source(name: str, **sizes: int) -> TaskSource:
    """Looks up a level distribution of the grid world, or a world of gymnax or brax.

    Args:
      name: as `rlsuite list` shows it.
      **sizes: `max_side`, `max_objects` and `max_types` of the grid world, to have levels of
        several distributions in one world.

    Raises:
      ConfigError: if the name is unknown, or the world has files to download or needs brax where
        that is not installed.
    """
    if name in LEVEL_DISTRIBUTIONS:
        return _grid_world(name, **sizes)
    if name in BRAX_WORLDS:
        return _brax_world(name)
    if name not in gymnax.registered_envs:
        suggestion = closest(name, [*LEVEL_DISTRIBUTIONS, *gymnax.registered_envs])
        hint = f"did you mean '{suggestion}'?" if suggestion else "see 'rlsuite list'"
        raise ConfigError(f"tasks: unknown name '{name}' ({hint})")
    return _gymnax_world(name)


def worlds() -> list[str]:
    """The worlds that agents here can act in, brax's among them where it is installed."""
    gymnax_worlds = [name for name in gymnax.registered_envs if name not in WORLDS_THAT_DOWNLOAD]
    return [*gymnax_worlds, *(BRAX_WORLDS if has_brax() else ())]


def _grid_world(name: str, **sizes: int) -> TaskSource:
    distribution = level_distribution(name, **sizes)
    world = distribution.world
    return TaskSource(
        name=name,
        world=world,
        sample_task=lambda key: Task(*distribution.sample(key)),
        lifetime_range=distribution.lifetime_range,
        agent=_TABLE if world.tabular else _SMALL_PERCEPTRON,
        optimal_return=(lambda level: optimal_return(world, level)) if world.tabular else None,
    )


def _gymnax_world(name: str) -> TaskSource:
    if name in WORLDS_THAT_DOWNLOAD:
        raise ConfigError(
            f"tasks: {name!r} is not allowed; it must be a world without files to download"
        )
    return _world(name, *gymnax.make(name))


def _brax_world(name: str) -> TaskSource:
    if not has_brax():
        raise ConfigError(f"tasks: {name!r} needs brax; install the extra rlsuite[brax]")
    world = make_brax_world(name)
    return _world(name, world, world.default_params)


def _world(name: str, world: Environment, params: Level) -> TaskSource:
    lifetime, agent = _FAMILIES.get(name.rpartition("-")[2], _OTHER_WORLDS)
    level = jax.tree.map(jnp.asarray, params)
    return TaskSource(
        name=name,
        world=world,
        sample_task=lambda key: Task(level, jnp.int32(lifetime)),
        lifetime_range=(lifetime, lifetime),
        agent=agent,
    )
