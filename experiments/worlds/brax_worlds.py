"""Brax's tasks, where it is installed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from rlsuite.envs.brax import BRAX_WORLDS, has_brax, make_brax_world
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_parameters
from rlsuite.experiments.worlds.gymnax_worlds import world_spec


@cache
def _world(name: str) -> Any:
    return make_brax_world(name)


def _make(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
    if not has_brax():
        raise ConfigError(f"tasks: {name!r} needs brax; install the extra rlsuite[brax]")
    world = _world(name)
    return world_spec(name, world, with_parameters(world.default_params, parameters))


FAMILY = WorldFamily("worlds of brax, with the extra rlsuite[brax]", lambda: BRAX_WORLDS, _make)
