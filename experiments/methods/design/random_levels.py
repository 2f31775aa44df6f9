"""Random levels that students are tested on: those that can be solved."""

import jax
import numpy as np

from rlsuite.compiling import jit
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.level_sets import HELD_OUT_SEED, take
from rlsuite.experiments.specs import WorldSpec
from rlsuite.rollout import Level

DRAWS = 4
"""How many levels are drawn for each that is to be one that can be solved."""


def random_levels(world: WorldSpec, number: int) -> Level:
    """The first so many random levels that can be solved, or all of `DRAWS` times as many.

    They are the same for all runs; where nobody can say what can be solved, all are taken.

    Returns:
      Levels with a leading `level` axis.

    Raises:
      ConfigError: if none can be solved.
    """
    drawn = DRAWS * number
    keys = jax.random.split(jax.random.key(HELD_OUT_SEED), drawn)
    levels = jit(jax.vmap(world.sample_task), program="once")(keys).level
    solvable = np.ones(drawn, bool)
    if world.design is not None:
        solvable = np.asarray(jit(jax.vmap(world.design.is_solvable), program="once")(levels))
    if not solvable.any():
        raise ConfigError(
            f"evaluation.num_levels: {number} is not allowed; it must be so many that of {DRAWS} "
            f"times as many levels of '{world.name}' one can be solved"
        )
    return take(levels, np.flatnonzero(solvable)[:number])


def shortfall(asked: int, found: int) -> list[str]:
    """A line of how many random levels there are, where these are fewer than were asked for."""
    if found >= asked:
        return []
    return [
        f"Random mazes are {found:,} and not {asked:,}: of {DRAWS * asked:,} that were drawn no "
        "more can be solved."
    ]
