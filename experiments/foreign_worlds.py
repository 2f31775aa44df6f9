"""Families of other packages' worlds, which are there where their extra is installed."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from rlsuite.envs.foreign import ForeignWorld, is_installed
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.specs import WorldFamily, WorldSpec
from rlsuite.experiments.world_parameters import with_parameters
from rlsuite.experiments.worlds.gymnax_worlds import world_spec


def foreign_family(
    title: str,
    names: Sequence[str],
    make: Callable[[str], ForeignWorld],
    *,
    package: str,
    extra: str,
    like: str,
) -> WorldFamily:
    """Worlds of another package; where that is absent, asking for one says what it needs.

    Args:
      title: what they are of.
      names: of all of them, known without importing the package.
      make: makes one by its name.
      package: what has to be importable.
      extra: of rlsuite, by which it is installed.
      like: the world whose settings of PPO serve these.
    """
    make_once = cache(make)

    def make_spec(name: str, parameters: Mapping[str, Any]) -> WorldSpec:
        if not is_installed(package):
            raise ConfigError(f"tasks: {name!r} needs {title}; install the extra rlsuite[{extra}]")
        world = make_once(name)
        level = with_parameters(world.default_params, parameters)
        return world_spec(name, world, level, like=like)

    return WorldFamily(
        title=f"worlds of {title}",
        names=lambda: names,
        make=make_spec,
        is_there=lambda: is_installed(package),
        word=extra,
    )
