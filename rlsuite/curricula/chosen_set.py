"""A set of tasks that is drawn or chosen once, at the start, and trained on from then on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.curricula.curriculum import Curriculum, SampleTask, drawn_from
from rlsuite.lifetime import Task
from rlsuite.ranges import Count
from rlsuite.requirements import require, require_counts
from rlsuite.selection import take

ScoreTask = Callable[[PRNGKeyArray, Task], Float[Array, ""]]
"""What one task is chosen by, before anything was learned."""

SCORED_AT_ONCE = 64

Chosen = Literal["any", "informative", "uninformative"]
"""Which levels of a pool are taken."""


@dataclass(frozen=True)
class LevelSetConfig:
    """Which levels there are to learn on.

    Attributes:
      size: levels of the one set that is trained on; none draws new ones for ever.
      chosen: `any` levels, or of a pool those that there is most (`informative`) or least
        (`uninformative`) to learn on.
      pool_size: levels that those are chosen from.
    """

    size: Count | None = None
    chosen: Chosen = "any"
    pool_size: Count = 4000


def chosen_set(
    sample_task: SampleTask,
    size: int,
    *,
    pool_size: int | None = None,
    score: ScoreTask | None = None,
    highest: bool = True,
) -> Curriculum:
    """A set of tasks that is made by `init`, so that runs of other seeds have other sets.

    It is replayed uniformly at random, as a `frozen_set` that is known before.

    Args:
      sample_task: `key -> Task`, where they are drawn from.
      size: tasks in the set.
      pool_size: tasks that are drawn; by default no more than are taken.
      score: what they are chosen by; none takes those drawn first.
      highest: whether those of the highest scores are taken, or those of the lowest. Equal scores
        go by the order of the draws, and what is no number is taken last.

    Raises:
      ValueError: if the set is empty, or the pool smaller than the set.
    """
    pool_size = size if pool_size is None else pool_size
    require_counts(size=size)
    require(size <= pool_size, "pool_size", pool_size, f"at least size, {size}")

    def init(key):
        draw_key, score_key = jax.random.split(key)
        pool = jax.vmap(sample_task)(jax.random.split(draw_key, pool_size))
        if score is None:
            return jax.tree.map(lambda leaf: leaf[:size], pool)
        keys = jax.random.split(score_key, pool_size)
        batch = min(SCORED_AT_ONCE, pool_size)
        scores = jax.lax.map(lambda both: score(*both), (keys, pool), batch_size=batch)
        best_first = jnp.argsort(-scores if highest else scores)
        return take(pool, best_first[:size])

    return Curriculum(
        init=init,
        propose=lambda key, tasks, wanted: (tasks, drawn_from(tasks, key, wanted.size)),
        report=lambda tasks, tickets, scores, finished: tasks,
        metrics=lambda tasks: {},
    )
