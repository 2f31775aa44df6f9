"""The levels that LPG and its kin are meta-tested on: the same for all runs."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import MinLen

from rlsuite.compiling import jit
from rlsuite.envs.gridworld.levels import LEVEL_DISTRIBUTIONS, TABULAR_LEVELS
from rlsuite.envs.gridworld.mazes import MAZES
from rlsuite.experiments.level_sets import LevelSet, lasting, shortened
from rlsuite.experiments.meta_test import ObjectiveEvaluationConfig, other_worlds
from rlsuite.experiments.role_keys import HELD_OUT_SEED, role_key
from rlsuite.experiments.specs import WorldSpec
from rlsuite.experiments.worlds.grid_world import grid_world
from rlsuite.ranges import Count, NotNegative, Positive
from rlsuite.selection import take

LEAST_OPTIMAL_RETURN = 0.01


@dataclass(frozen=True)
class LevelEvaluationConfig(ObjectiveEvaluationConfig):
    """How an objective is meta-tested on levels of the grid world, beside A2C.

    Attributes:
      num_levels: levels drawn from the training distribution, none of them seen in training.
      num_draws: draws of each named level and maze (its start, objects and rewards).
      num_workers: parallel worlds of each agent.
      rollout_length: steps in each world between updates.
      objective_rates: learned objectives are tuned over their agents' learning rate of the policy
        times each of these, on training levels; with one value, that is it. Meta-gradients reach
        back through few updates, and make these smaller than is good for a whole life.
      a2c_rates: A2C is tuned over its learning rates times each of these …
      a2c_entropies: … and each of these entropy coefficients, on training levels.
    """

    num_levels: Count = 64
    num_draws: Count = 8
    num_workers: Count = 64
    rollout_length: Count = 20
    objective_rates: Annotated[tuple[Positive, ...], MinLen(1)] = (1.0,)
    a2c_rates: Annotated[tuple[Positive, ...], MinLen(1)] = (0.25, 1.0, 4.0)
    a2c_entropies: Annotated[tuple[NotNegative, ...], MinLen(1)] = (0.0, 0.01, 0.05)


def held_out_levels(world: WorldSpec, settings: LevelEvaluationConfig) -> LevelSet:
    """Levels of the training distribution that nobody trained on."""
    name, number = f"held-out {world.name}", settings.num_levels
    return level_set(name, (world,), world, number, settings.max_lifetime, HELD_OUT_SEED)


def level_sets(world: WorldSpec, settings: LevelEvaluationConfig) -> list[LevelSet]:
    """The training distribution's held-out levels, the five tabular levels, and the mazes.

    Then other worlds that are asked for, with one level each if there are no more, and the held-out
    levels again, once for each horizon that is asked for.

    All grid worlds of them that are tabular share one size, so that they share compiled code.
    """
    draws = settings.num_draws
    sets = [
        held_out_levels(world, settings),
        *(
            level_set(
                name,
                tuple(map(grid_world, members)),
                world,
                draws,
                settings.max_lifetime,
                HELD_OUT_SEED,
            )
            for name, members in (("tabular levels", TABULAR_LEVELS), ("mazes", tuple(MAZES)))
        ),
        *(
            level_set(
                other.name,
                (other,),
                other,
                draws if other.draw else 1,
                settings.max_lifetime,
                HELD_OUT_SEED,
            )
            for other in other_worlds(settings)
        ),
    ]
    return sets + [lasting(sets[0], horizon) for horizon in settings.horizons or ()]


@cache
def level_set(
    name: str,
    members: tuple[WorldSpec, ...],
    trained_on: WorldSpec,
    num_draws: int,
    max_lifetime: int | None,
    seed: int,
) -> LevelSet:
    """Levels of several distributions as one set, the same for the same arguments.

    A level that pays next to nothing even to the best policy is left out: there is nothing to
    normalise by.

    Args:
      name: of the set.
      members: the distributions.
      trained_on: what the run was trained on; tabular worlds get its size if it is larger.
      num_draws: levels of each distribution.
      max_lifetime: cuts lifetimes, in agent updates; none leaves them.
      seed: of the draws.
    """
    key = role_key("levels", seed)
    worlds = [_common_size(member, trained_on) for member in members]
    drawn = []
    for index, world in enumerate(worlds):
        keys = jax.random.split(jax.random.fold_in(key, index), num_draws)
        drawn.append(jit(jax.vmap(world.sample_task), program="once")(keys))
    tasks = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *drawn)
    tasks = shortened(tasks, max_lifetime)
    strata = [member.name for member in members for _ in range(num_draws)]
    world, solve = worlds[0], worlds[0].optimal_return
    if solve is None:
        return LevelSet(name, world, tasks, strata, optimal=None)
    optimal = np.asarray(jit(jax.vmap(solve))(tasks.level))
    paying = np.flatnonzero(optimal >= LEAST_OPTIMAL_RETURN)
    return LevelSet(name, world, take(tasks, paying), [strata[i] for i in paying], optimal[paying])


@cache
def _common_size(member: WorldSpec, trained_on: WorldSpec) -> WorldSpec:
    """The same tasks in a world that holds those of all sets, if it is a tabular grid world."""
    if member.optimal_return is None or member.name not in LEVEL_DISTRIBUTIONS:
        return member
    others = [grid_world(name) for name in (*TABULAR_LEVELS, *MAZES)]
    solved = [
        other.world
        for other in (trained_on, *others)
        if other.optimal_return is not None and other.name in LEVEL_DISTRIBUTIONS
    ]
    sizes = ("max_side", "max_objects", "max_types")
    return grid_world(
        member.name, **{size: max(getattr(world, size) for world in solved) for size in sizes}
    )
