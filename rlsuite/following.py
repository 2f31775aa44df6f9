"""What a student comes to, while it learns, on levels that nobody puts it on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.designer import draw_tasks
from rlsuite.lifetime import Life
from rlsuite.method import Method, State
from rlsuite.objectives.objective import Learner
from rlsuite.ranges import Count
from rlsuite.rollout import Level, episode_returns
from rlsuite.watching import Measurement, watch

SEED = 2_403_13091
"""Training never draws from this key, and neither does the test of what was learned."""


@dataclass(frozen=True)
class FollowConfig:
    """How a student is followed while it learns, on random levels that are always the same.

    Attributes:
      period: steps of the method from one look to the next; none leaves it out.
      num_levels: random levels, of which those that can be solved are looked at.
      num_episodes: attempts at each.
    """

    period: Count | None = None
    num_levels: Count = 64
    num_episodes: Count = 4


class _Held(NamedTuple):
    """Levels, and which of them can be solved."""

    level: Level
    is_solvable: Bool[Array, " level"]


def follow(
    method: Method,
    life: Life,
    sample_task: SampleTask,
    student_of: Callable[[State], Learner],
    config: FollowConfig,
    is_solvable: Callable[[Level], Bool[Array, ""]] | None = None,
) -> Method:
    """The method, with the solve rate of its student on held-out levels every so many steps.

    Levels and the randomness of attempts are the same each time, so that what changes from one look
    to the next is the student alone. Reported is `held_out_solve_rate`, the share of attempts with
    a positive return at levels that can be solved, NaN in steps between.

    Args:
      method: by which the student learns.
      life: how it lives.
      sample_task: `key -> Task`, where levels come from.
      student_of: `state -> learner`, the student in the method's state.
      config: how often, and on how many; if it doesn't ask for any, the method is left as it is.
      is_solvable: `level -> whether` anybody can solve it; by default all levels are looked at.
    """
    if config.period is None:
        return method
    draw_key, act_key = jax.random.split(jax.random.key(SEED))

    def init():
        level = draw_tasks(draw_key, sample_task, config.num_levels).level
        solvable = jnp.ones(config.num_levels, bool)
        return _Held(level, solvable if is_solvable is None else jax.vmap(is_solvable)(level))

    def measure(held, state):
        policy = life.objective.behaviour(student_of(state))

        def attempt(key, level):
            return episode_returns(key, life.world, level, policy, config.num_episodes) > 0

        keys = jax.random.split(act_key, config.num_levels)
        solved = jax.vmap(attempt)(keys, held.level).mean(axis=1)
        return {"held_out_solve_rate": solved.mean(where=held.is_solvable)}

    return watch(method, Measurement(init, measure), config.period)
