"""The one type of everything that chooses which levels a student's workers are put on next."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.lifetime import Task
from rlsuite.method import Metrics
from rlsuite.objectives.objective import Learner
from rlsuite.scores import Evidence

DesignerState = Any


class Lesson(NamedTuple):
    """Tasks for the workers of a student, one each, for one rollout.

    Attributes:
      task: every leaf has a leading `worker` axis.
      slot: the places of the tasks in the designer's memory; -1 for those it doesn't hold.
      teaches: whether the student learns from them, or is only judged by them.
    """

    task: Task
    slot: Int[Array, " worker"]
    teaches: Bool[Array, ""]


class Designer(NamedTuple):
    """Which levels a student is put on, where every worker of it has its own.

    A `Curriculum` gives tasks to agents for whole lives; this gives them to one agent that lives
    on, for a rollout at a time.

    Attributes:
      init: `key -> state`.
      propose: `(key, state, learner) -> (state, lesson)`, for a student that has learned so much.
      report: `(key, state, lesson, evidence, returns) -> (state, scores)`, told what the student
        has shown on a lesson before it learned from it. Evidence has the axes `[time, worker]`,
        returns are each worker's mean, and so are scores, NaN where there are none.
      metrics: `state -> metrics` worth plotting.
    """

    init: Callable[[PRNGKeyArray], DesignerState]
    propose: Callable[[PRNGKeyArray, DesignerState, Learner], tuple[DesignerState, Lesson]]
    report: Callable[
        [PRNGKeyArray, DesignerState, Lesson, Evidence, Float[Array, " worker"]],
        tuple[DesignerState, Float[Array, " worker"]],
    ]
    metrics: Callable[[DesignerState], Metrics]


def without_scores(
    state: DesignerState, lesson: Lesson
) -> tuple[DesignerState, Float[Array, " worker"]]:
    """What those report that score nothing."""
    return state, jnp.full(lesson.slot.shape, jnp.nan)


def draw_tasks(key: PRNGKeyArray, sample_task: SampleTask, num_tasks: int) -> Task:
    """Fresh tasks, with a leading axis."""
    return jax.vmap(sample_task)(jax.random.split(key, num_tasks))


def random_levels(sample_task: SampleTask, num_workers: int) -> Designer:
    """Domain randomisation: a fresh level for every worker and rollout.

    An episode that ends within a rollout starts again on the same level, as in JaxUED; other codes
    draw another one at each reset.

    Args:
      sample_task: `key -> Task`.
      num_workers: of the student.
    """

    def propose(key, state, learner):
        del learner
        draw_key, _ = jax.random.split(key)
        task = draw_tasks(draw_key, sample_task, num_workers)
        return state, Lesson(task, jnp.full(num_workers, -1, jnp.int32), jnp.array(True))

    return Designer(
        init=lambda key: (),
        propose=propose,
        report=lambda key, state, lesson, evidence, returns: without_scores(state, lesson),
        metrics=lambda state: {},
    )
