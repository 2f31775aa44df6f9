"""Levels that what was learned is tested on, as a set."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from rlsuite.experiments.specs import WorldSpec
from rlsuite.lifetime import Task


class LevelSet(NamedTuple):
    """Levels that belong together in a result.

    Attributes:
      name: what the set is called.
      world: the world, with how agents are built there.
      tasks: leaves with a leading `level` axis.
      strata: the name of the distribution that each level was drawn from.
      optimal: return of the best policy on each level, where it is known.
      horizon: the lifetime, where the set is there to show what becomes of agents by then.
    """

    name: str
    world: WorldSpec
    tasks: Task
    strata: list[str]
    optimal: Float[np.ndarray, " level"] | None
    horizon: int | None = None


def lasting(level_set: LevelSet, horizon: int) -> LevelSet:
    """The same levels, each for so many updates."""
    lifetime = jnp.full_like(level_set.tasks.lifetime, horizon)
    return level_set._replace(
        name=f"{horizon} updates",
        tasks=level_set.tasks._replace(lifetime=lifetime),
        horizon=horizon,
    )


def shortened(tasks: Task, max_lifetime: int | None) -> Task:
    """The tasks with lifetimes cut to so many updates; none leaves them."""
    if max_lifetime is None:
        return tasks
    return tasks._replace(lifetime=jnp.minimum(tasks.lifetime, max_lifetime))
