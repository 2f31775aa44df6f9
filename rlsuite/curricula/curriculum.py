"""The one type of everything that chooses which tasks come next, and the ones without a buffer."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.lifetime import Task
from rlsuite.method import Metrics
from rlsuite.rollout import Level
from rlsuite.selection import take

CurriculumState = Any
SampleTask = Callable[[PRNGKeyArray], Task]
Editor = Callable[[PRNGKeyArray, Level], Level]
"""`(key, level) -> level`, a slightly different one."""


class Proposal(NamedTuple):
    """Tasks for agents to live on, with what their curriculum needs to recognise them again.

    Every leaf has a leading `agent` axis. `ticket` is the place of a task in the curriculum's
    memory (0 where there is none).
    """

    task: Task
    ticket: Int[Array, " agent"]


class Curriculum(NamedTuple):
    """Which worlds come next.

    Attributes:
      init: `key -> state`.
      propose: `(key, state, wanted) -> (state, proposal)` with a task for every agent; those that
        are not `wanted` must be left unused and change nothing in the state.
      report: `(state, tickets, scores, finished) -> state`, told once a lifetime has ended; only
        entries that are `finished` count.
      metrics: `state -> metrics` worth plotting.
    """

    init: Callable[[PRNGKeyArray], CurriculumState]
    propose: Callable[
        [PRNGKeyArray, CurriculumState, Bool[Array, " agent"]], tuple[CurriculumState, Proposal]
    ]
    report: Callable[
        [CurriculumState, Int[Array, " agent"], Float[Array, " agent"], Bool[Array, " agent"]],
        CurriculumState,
    ]
    metrics: Callable[[CurriculumState], Metrics]


def random_tasks(sample_task: SampleTask) -> Curriculum:
    """Domain randomisation: every task is drawn anew."""
    return tasks_in_turn(lambda key, place: sample_task(key))


def tasks_in_turn(sample_task: Callable[[PRNGKeyArray, Int[Array, ""]], Task]) -> Curriculum:
    """Every task is drawn anew, by a rule of the place of its agent.

    Args:
      sample_task: `(key, place) -> task`, places counted from 0.
    """

    def draw(key, num_tasks):
        task = jax.vmap(sample_task)(jax.random.split(key, num_tasks), jnp.arange(num_tasks))
        return Proposal(task, jnp.zeros(num_tasks, jnp.int32))

    return _without_memory(draw)


def frozen_set(tasks: Task) -> Curriculum:
    """A fixed set of tasks, replayed uniformly at random.

    Args:
      tasks: the set; every leaf has a leading axis, for example from `vmap(sample_task)`.

    Raises:
      ValueError: if the set is empty.
    """
    if tasks.lifetime.shape[0] == 0:
        raise ValueError("tasks: an empty set is not allowed; it must hold at least one task")

    return _without_memory(partial(drawn_from, tasks))


def drawn_from(tasks: Task, key: PRNGKeyArray, num_tasks: int) -> Proposal:
    """Tasks of a set, which has a leading axis, uniformly at random and with replacement."""
    ticket = jax.random.randint(key, (num_tasks,), 0, tasks.lifetime.shape[0])
    return Proposal(take(tasks, ticket), ticket)


def _without_memory(draw: Callable[[PRNGKeyArray, int], Proposal]) -> Curriculum:
    return Curriculum(
        init=lambda key: (),
        propose=lambda key, state, wanted: (state, draw(key, wanted.size)),
        report=lambda state, tickets, scores, finished: state,
        metrics=lambda state: {},
    )


def log_uniform_lifetimes(sample_task: SampleTask, minimum: int, maximum: int) -> SampleTask:
    """The same tasks with lifetimes drawn log-uniformly from `minimum` to `maximum`, inclusive.

    Raises:
      ValueError: if `minimum` is below 1 or above `maximum`.
    """
    if not 1 <= minimum <= maximum:
        raise ValueError(
            f"min_lifetime: {minimum} is not allowed; it must be from 1 to max_lifetime, {maximum}"
        )

    def sample(key):
        task_key, lifetime_key = jax.random.split(key)
        task = Task(*sample_task(task_key))
        bounds = jnp.log(jnp.array([minimum, maximum + 1.0]))
        drawn = jnp.exp(jax.random.uniform(lifetime_key, (), minval=bounds[0], maxval=bounds[1]))
        lifetime = jnp.clip(drawn.astype(jnp.int32), minimum, maximum)
        return task._replace(lifetime=lifetime)

    return sample
