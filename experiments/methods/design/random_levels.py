"""Random levels that students are tested on: those that can be solved."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Shaped

from rlsuite.compiling import jit
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import WorldSpec
from rlsuite.rollout import Level
from rlsuite.selection import take

DRAWS = 4
"""How many levels are drawn for each that is to be one that can be solved."""

_AT_ONCE = 32


def random_levels(world: WorldSpec, number: int) -> Level:
    """The first so many random levels that can be solved, or all of `DRAWS` times as many.

    They are the same for all runs; where nobody can say what can be solved, all are taken.

    Returns:
      Levels with a leading `level` axis.

    Raises:
      ConfigError: if none can be solved.
    """
    levels, solvable = map(jax.device_get, _drawing(world)(_keys(number)))
    if not solvable.any():
        raise _none_solvable(world, number)
    return take(levels, np.flatnonzero(solvable)[:number])


@cache
def check_random_levels(world: WorldSpec, number: int) -> None:
    """Refuses what `random_levels` refuses, having drawn no more than it takes to find one.

    Raises:
      ConfigError: if none can be solved.
    """
    keys, draw = _keys(number), _drawing(world)
    batches = (keys[first : first + _AT_ONCE] for first in range(0, len(keys), _AT_ONCE))
    if not any(draw(batch)[1].any() for batch in batches):
        raise _none_solvable(world, number)


def _keys(number: int) -> Shaped[Array, "level *key"]:
    return jax.random.split(role_key("levels"), DRAWS * number)


@cache
def _drawing(world: WorldSpec) -> Callable[..., tuple[Level, Bool[Array, " level"]]]:
    """`keys -> (levels, which can be solved)`."""
    is_solvable = None if world.design is None else world.design.is_solvable

    def draw(key):
        level = world.sample_task(key).level
        return level, jnp.array(True) if is_solvable is None else is_solvable(level)

    return jit(jax.vmap(draw), program="once")


def _none_solvable(world: WorldSpec, number: int) -> ConfigError:
    return ConfigError(
        f"evaluation.num_levels: {number} is not allowed; it must be so many that of {DRAWS} "
        f"times as many levels of '{world.name}' one can be solved"
    )


def shortfall(name: str, asked: int, found: int) -> list[str]:
    """A line of how many random levels there are, where these are fewer than were asked for."""
    if found >= asked:
        return []
    return [
        f"{name.capitalize()} are {found:,} and not {asked:,}: of {DRAWS * asked:,} that were "
        "drawn no more can be solved."
    ]
