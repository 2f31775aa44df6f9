"""Go-Explore: return to what is known already, then explore from there."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.archive import (
    NOWHERE,
    CellArchive,
    Trajectories,
    Weigh,
    choose,
    insert,
    inverse_root_of_seen,
    new_archive,
)
from rlsuite.envs.cells import Cells
from rlsuite.exploration.cells import CellsConfig
from rlsuite.method import Method, single_precision
from rlsuite.ranges import Count
from rlsuite.rollout import Level


@dataclass(frozen=True)
class GoExploreConfig(CellsConfig):
    """How cells are returned to and explored from.

    Attributes:
      num_trajectories: cells that are returned to at once, in one step.
      trajectory_length: actions from each.
      mean_repeat: how many times in a row an action is taken, on average.
      max_length: the most actions that a way to a cell may have.
      reset_counters: whether cells to which a better way was found count from zero again.
    """

    num_trajectories: Count = 64
    trajectory_length: Count = 30
    mean_repeat: Count = 4
    max_length: Count = 200
    reset_counters: bool = True


NEVER = jnp.iinfo(jnp.int32).max
"""When a cell was entered that has not been yet."""


class GoExploreState(NamedTuple):
    """Everything that changes.

    Attributes:
      key: randomness of the steps to come.
      archive: what was found; its last cell is the end of an episode.
      steps: of the world so far.
      first_met: steps after the batch in which each of the cells was entered first that are
        counted; `NEVER` where it hasn't been.
    """

    key: PRNGKeyArray
    archive: CellArchive
    steps: Int[Array, ""]
    first_met: Int[Array, " cell"]


def go_explore(
    world: Environment,
    level: Level,
    cells: Cells,
    config: GoExploreConfig,
    *,
    weigh: Weigh = inverse_root_of_seen,
    counted: Cells | None = None,
) -> Method:
    """Go-Explore's first phase (Ecoffet et al., arXiv 2004.12919; 1901.10995 before it).

    A step chooses cells of the archive, restores the states in which they were entered, and acts
    at random from there: each action is repeated a geometric number of times. Whatever cells are
    come by, with a higher score than before or with the same in fewer steps, are remembered with
    the way there. The end of an episode is a cell of its own, at which nothing begins, so that the
    best way to an end is known too.

    The world has to be deterministic, its states are restored as they are.

    Args:
      world: a gymnax world with discrete actions.
      level: its parameters.
      cells: what states have in common that are not told apart.
      config: sizes.
      weigh: which cells are worth returning to.
      counted: cells that are counted and nothing more, so that explorers with cells of different
        kinds can be compared; those of the archive by default.

    Returns:
      A method whose state is a `GoExploreState`. Metrics: `cells` that were entered, `counted`
      cells likewise, `best_score` of all, `best_length` of the shortest way to it, `ended_score`,
      that of the best episode that has ended (NaN before), `seen_steps` of the world so far, and
      `world_steps` of them in this step: what would come after an episode's end is not made.
    """
    num_actions, end = world.num_actions, cells.number
    counted = counted or cells

    def init(key):
        key, reset_key = jax.random.split(key)
        seen, state = jax.tree.map(jnp.asarray, world.reset_env(reset_key, level))
        archive = new_archive(state, cells.of(state, seen), end + 1, config.max_length, num_actions)
        first_met = jnp.full(counted.number, NEVER).at[counted.of(state, seen)].set(0, mode="drop")
        return GoExploreState(key, archive, jnp.zeros((), jnp.int32), first_met)

    def explore(key, state, start):
        """One trajectory from the state of a cell."""
        action_key, repeat_key, step_key = jax.random.split(key, 3)
        length = config.trajectory_length
        drawn = jax.random.randint(action_key, (length,), 0, num_actions)
        anew = jax.random.bernoulli(repeat_key, 1 / config.mean_repeat, (length,)).at[0].set(True)
        # The action that was drawn last, where a new one is not due.
        action = drawn[jax.lax.cummax(jnp.where(anew, jnp.arange(length), 0))]

        def step(carry, action):
            state, is_over = carry
            seen, stepped, reward, terminated, _ = world.step_env(step_key, state, action, level)
            ended = terminated | world.is_truncated(stepped, level)
            place = jnp.where(is_over, NOWHERE, jnp.where(ended, end, cells.of(stepped, seen)))
            met = jnp.where(is_over | ended, counted.number, counted.of(stepped, seen))
            outcome = action, jnp.where(is_over, 0.0, reward), place, stepped
            return (stepped, is_over | ended), (outcome, met)

        _, (outcome, met) = jax.lax.scan(step, (state, jnp.zeros((), bool)), action)
        return Trajectories(start, *outcome), met

    def step(state):
        key, choose_key, explore_key = jax.random.split(state.key, 3)
        archive = state.archive
        weights = weigh(archive).at[end].set(0.0)
        start = choose(choose_key, archive.entered, weights, config.num_trajectories)
        states = archive.state_at(start)
        keys = jax.random.split(explore_key, config.num_trajectories)
        found, met = jax.vmap(explore)(keys, states, start)
        archive = insert(archive, found, reset_counters=config.reset_counters)
        made = (found.cell != NOWHERE).sum(dtype=jnp.int32)
        steps = state.steps + made
        first_met = state.first_met.at[met].min(steps, mode="drop")
        return GoExploreState(key, archive, steps, first_met), {
            **_metrics(archive, end, steps),
            "counted": (first_met < NEVER).sum().astype(jnp.float32),
            "world_steps": made.astype(jnp.float32),
        }

    return single_precision(Method(init, step))


def _metrics(archive: CellArchive, end: int, steps: Int[Array, ""]) -> dict[str, Float[Array, ""]]:
    best = archive.score.max(where=archive.entered, initial=-jnp.inf)
    at_best = archive.entered & (archive.score == best)
    length = jnp.where(at_best, archive.length, jnp.iinfo(jnp.int32).max).min()
    entered: Bool[Array, " cell"] = archive.entered[:end]
    return {
        "cells": entered.sum().astype(jnp.float32),
        "best_score": best,
        "best_length": length.astype(jnp.float32),
        "ended_score": jnp.where(archive.entered[end], archive.score[end], jnp.nan),
        "seen_steps": steps.astype(jnp.float32),
    }


def way_to(archive: CellArchive, cell: int) -> Int[Array, " step"]:
    """The actions of the best way to a cell. Not for compiled programs: its length is known."""
    return archive.way(cell)[: int(archive.length[cell])]
