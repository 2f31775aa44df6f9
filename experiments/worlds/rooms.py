"""Worlds for explorers: corridors, rooms in lava and rooms with keys, with maps drawn anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from annotated_types import Interval
from jaxtyping import Array, Float

from rlsuite.agents import ActorCriticConfig, AgentConfig
from rlsuite.envs.rooms import (
    Corridors,
    Rooms,
    bank,
    key_room,
    multi_room,
)
from rlsuite.envs.rooms.recipes import DrawMap
from rlsuite.envs.rooms.world import Params
from rlsuite.envs.step_tables import optimal_return
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_fields
from rlsuite.lifetime import Task
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.ranges import Count

MAPS_SOLVED = 256
"""Of a level with more maps, how many the optimal return is a mean over."""

_Side = Annotated[int, Interval(ge=3, le=127)]
_Number = Annotated[int, Interval(ge=0, le=64)]


@dataclass(frozen=True)
class CorridorsConfig:
    """Corridors from one root, of which one pays; which one is drawn with the level.

    Attributes:
      num_corridors: how many.
      length: steps of each, and of an episode.
    """

    num_corridors: Count = 10
    length: Count = 10


@dataclass(frozen=True)
class RoomsConfig:
    """Rooms with several maps.

    Attributes:
      num_contexts: maps of a level, one of which each episode has; ten thousand stand for as many
        as there are.
      side: cells along each side.
      max_steps_in_episode: the limit of an episode.
      view_radius: cells seen in each direction.
      num_distractions: planes of random bits.
    """

    num_contexts: Count = 10_000
    side: _Side = 10
    max_steps_in_episode: Count = 200
    view_radius: _Number = 3
    num_distractions: _Number = 0

    @property
    def draw(self) -> DrawMap:
        """How a map is drawn."""
        return key_room(self.side)

    def world(self, default_params: Params | None = None) -> Rooms:
        """Rooms of this size."""
        return Rooms(
            self.side,
            has_keys=True,
            view_radius=self.view_radius,
            num_distractions=self.num_distractions,
            default_params=default_params,
        )


@dataclass(frozen=True)
class MultiRoomConfig(RoomsConfig):
    """Rooms in a chain, in lava.

    Attributes:
      num_rooms: in the chain.
    """

    side: _Side = 13
    max_steps_in_episode: Count = 80
    num_rooms: Count = field(default=3, kw_only=True)

    @property
    def draw(self) -> DrawMap:
        """How a map is drawn."""
        return multi_room(self.num_rooms, self.side)

    def world(self, default_params: Params | None = None) -> Rooms:
        """Rooms of this size."""
        return Rooms(
            self.side,
            has_keys=False,
            view_radius=self.view_radius,
            num_distractions=self.num_distractions,
            default_params=default_params,
        )


ROOMS: Mapping[str, RoomsConfig] = {
    "multi_room": MultiRoomConfig(),
    "multi_room_n6": MultiRoomConfig(side=25, max_steps_in_episode=240, num_rooms=6),
    "key_room": RoomsConfig(),
}
"""Chains of rooms in lava, of a laptop's size and of publications', and rooms with a key."""

_CORRIDORS = PPOSettings(
    networks=ActorCriticConfig("table"),
    ppo=PPOConfig(num_epochs=4, num_mini_batches=1, learning_rate=2e-2, entropy_coefficient=1e-3),
    num_workers=16,
    rollout_length=20,
    lifetime=300,
)
_ROOMS = PPOSettings(
    networks=ActorCriticConfig("perceptron", (32, 32), torso="shared"),
    ppo=PPOConfig(num_epochs=3, num_mini_batches=4, learning_rate=2e-3, anneal_learning_rate=True),
    num_workers=16,
    rollout_length=64,
    lifetime=300,
)
_AGENT = AgentConfig("perceptron", (64, 64), (), "adam", 1e-3, 1e-3, 0.5)


@cache
def corridors(name: str, config: CorridorsConfig) -> WorldSpec:
    """The world of corridors."""
    world = Corridors(config.num_corridors, config.length)

    def sample_task(key):
        paying = jax.random.randint(key, (), 0, config.num_corridors)
        level = world.default_params.replace(paying=paying)
        return Task(level, jnp.int32(_CORRIDORS.lifetime))

    return WorldSpec(
        name=name,
        world=world,
        sample_task=sample_task,
        lifetime_range=(_CORRIDORS.lifetime, _CORRIDORS.lifetime),
        agent=AgentConfig(),
        ppo=_CORRIDORS,
        optimal_return=lambda level: jnp.ones(()),
    )


@cache
def rooms(name: str, config: RoomsConfig) -> WorldSpec:
    """The world of rooms whose maps are drawn by a recipe.

    Raises:
      ConfigError: if there is no such map.
    """
    try:
        draw = config.draw
    except ValueError as error:
        raise ConfigError(f"tasks.{error}") from error

    def sample_task(key):
        level = bank(key, draw, config.num_contexts, config.max_steps_in_episode)
        return Task(level, jnp.int32(_ROOMS.lifetime))

    world = config.world(bank(jax.random.key(0), draw, 1, config.max_steps_in_episode))
    return WorldSpec(
        name=name,
        world=world,
        sample_task=sample_task,
        lifetime_range=(_ROOMS.lifetime, _ROOMS.lifetime),
        agent=_AGENT,
        ppo=_ROOMS,
        optimal_return=partial(mean_optimal_return, world),
    )


def mean_optimal_return(world: Rooms, level: Params) -> Float[Array, ""]:
    """The greatest return in the mean over the maps of a level, or over the first 256 of them."""
    cells = world.cells["position"]

    def optimal(context):
        return optimal_return(world.map_table(level, context, cells), level.max_steps_in_episode)

    contexts = jnp.arange(min(level.num_maps, MAPS_SOLVED))
    return jax.lax.map(optimal, contexts, batch_size=32).mean()


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    if name == "corridors":
        return corridors(name, with_fields(CorridorsConfig(), parameters))
    return rooms(name, with_fields(ROOMS[name], parameters))


def _names() -> tuple[str, ...]:
    return ("corridors", *ROOMS)


FAMILY = WorldFamily("worlds for explorers", _names, _make)
