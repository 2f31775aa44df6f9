"""Sampling for learnability: levels on which a student sometimes succeeds, and sometimes not."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.designer import Designer, Lesson, draw_tasks, without_scores
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.objective import Learner
from rlsuite.ranges import Count, Fraction
from rlsuite.rollout import Level, Levels, Policy, add_reward, reset_worlds, step_worlds
from rlsuite.scores import learnability
from rlsuite.selection import every, take, where_each


@dataclass(frozen=True)
class LearnableLevelsConfig:
    """How learnable levels are found; the defaults are those of the paper.

    Attributes:
      period: steps of the method from one search to the next.
      num_batches: a search looks at so many batches, one after the other …
      batch_size: … of so many levels, …
      search_length: … with so many steps of the student on each level.
      size: levels that are kept, those of the highest learnability.
      set_fraction: share of the workers that are put on levels of the set; the others' are fresh.
    """

    period: Count = 50
    num_batches: Count = 5
    batch_size: Count = 1000
    search_length: Count = 2000
    size: Count = 1000
    set_fraction: Fraction = 0.5


class LearnableLevels(NamedTuple):
    """The set of levels, how learnable they were when they were found, and steps made so far."""

    task: Task
    learnability: Float[Array, " level"]
    success: Float[Array, " level"]
    num_steps: Int[Array, ""]


Judge = Callable[
    [PRNGKeyArray, Policy, Level], tuple[Float[Array, " level"], Float[Array, " level"]]
]
"""`(key, policy, levels) -> (learnability, success rate)` of each level."""

_Found = tuple[Task, Float[Array, " level"], Float[Array, " level"]]
"""All but the count of a `LearnableLevels`."""


def success_counts(
    key: PRNGKeyArray, world: Environment, levels: Level, policy: Policy, length: int
) -> tuple[Int[Array, " level"], Int[Array, " level"]]:
    """Episodes of positive return, and all that ended, in some steps on each level."""
    reset_key, step_key = jax.random.split(key)
    num_levels = len(jax.tree.leaves(levels)[0])
    of_each = Levels(levels, 0)
    worlds = reset_worlds(reset_key, world, of_each, num_levels)

    def step(carry, key):
        worlds, memory, running, successes, episodes = carry
        keys = jax.random.split(key, num_levels + 1)
        worlds, memory, steps = step_worlds(keys, world, of_each, policy, worlds, memory)
        running, returned = add_reward(running, steps.reward, steps.ended)
        successes = successes + (returned > 0)
        return (worlds, memory, running, successes, episodes + steps.ended), None

    none = jnp.zeros(num_levels, jnp.int32)
    start = (worlds, policy.init_memory(num_levels), jnp.zeros(num_levels), none, none)
    keys = jax.random.split(step_key, length)
    *_, successes, episodes = jax.lax.scan(step, start, keys)[0]
    return successes, episodes


def by_episodes(world: Environment, length: int) -> Judge:
    """Judges levels by the episodes that end within some steps on each."""

    def judge(key, policy, levels):
        successes, episodes = success_counts(key, world, levels, policy, length)
        return learnability(successes, episodes), successes / jnp.maximum(episodes, 1)

    return judge


def by_success_rate(success_rate: Callable[[Policy, Level], Float[Array, ""]]) -> Judge:
    """Judges levels by p (1 - p) where p is known, as by evaluation of a policy without memory."""

    def judge(key, policy, levels):
        del key
        success = jax.vmap(partial(success_rate, policy))(levels)
        return success * (1 - success), success

    return judge


def learnable_levels(
    life: Life,
    sample_task: SampleTask,
    config: LearnableLevelsConfig,
    *,
    judge: Judge | None = None,
) -> Designer:
    """Sampling for learnability (Rutherford et al., arXiv 2408.15099, Algorithm 1).

    Every `period` steps the student as it is is tried on fresh levels, and those are kept on which
    `learnability` is highest, by the episodes that end within `search_length` steps. Until the next
    search, a part of the workers are put on levels drawn uniformly from these, the others on fresh
    ones. The student learns from all.

    Args:
      life: how the student lives.
      sample_task: `key -> Task`.
      config: sizes.
      judge: what is found of levels, in place of that.

    Raises:
      ValueError: if a search looks at fewer levels than are kept.
    """
    pool = config.num_batches * config.batch_size
    if config.size > pool:
        raise ValueError(
            f"levels.size: {config.size} is not allowed; it must be at most the {pool} levels of a "
            "search"
        )
    judge = judge or by_episodes(life.world, config.search_length)
    num_workers = life.num_workers
    from_set = jnp.arange(num_workers) < round(config.set_fraction * num_workers)

    def search(needed: tuple[PRNGKeyArray, Learner]) -> _Found:
        key, learner = needed
        policy = life.objective.behaviour(learner)

        def try_batch(key):
            draw_key, act_key = jax.random.split(key)
            task = draw_tasks(draw_key, sample_task, config.batch_size)
            return task, *judge(act_key, policy, task.level)

        found = jax.lax.map(try_batch, jax.random.split(key, config.num_batches))
        task, scores, success = jax.tree.map(
            lambda leaf: leaf.reshape(pool, *leaf.shape[2:]), found
        )
        scores, best = jax.lax.top_k(scores, config.size)
        task, success = take((task, success), best)
        return task, scores, success

    def init(key):
        zeros = jnp.zeros(config.size)
        return LearnableLevels(
            draw_tasks(key, sample_task, config.size), zeros, zeros, jnp.zeros((), jnp.int32)
        )

    def propose(key, state, learner):
        draw_key, set_key = jax.random.split(key)
        search_key, choice_key = jax.random.split(set_key)
        due = search_key, learner
        known = state.task, state.learnability, state.success
        task, scores, success = every(config.period, state.num_steps, search, due, known)
        state = LearnableLevels(task, scores, success, state.num_steps + 1)
        fresh = draw_tasks(draw_key, sample_task, num_workers)
        place = jax.random.randint(choice_key, (num_workers,), 0, config.size)
        chosen = take(state.task, place)
        lesson = Lesson(
            where_each(from_set, chosen, fresh),
            jnp.full(num_workers, -1, jnp.int32),
            jnp.array(True),
        )
        return state, lesson

    return Designer(
        init=init,
        propose=propose,
        report=lambda key, state, lesson, evidence, returns: without_scores(state, lesson),
        metrics=lambda state: {
            "set_learnability": state.learnability.mean(),
            "set_success": state.success.mean(),
        },
    )
