"""A student that learns on levels which a designer puts it on: unsupervised environment design."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from rlsuite.curricula.designer import Designer, DesignerState
from rlsuite.lifetime import Life
from rlsuite.method import Method, Metrics, single_precision
from rlsuite.objectives.objective import Clock, Learner
from rlsuite.rollout import (
    Experience,
    Level,
    Levels,
    finished_returns,
    reset_worlds,
    rollout,
)
from rlsuite.scores import evidence_of

Measures = Mapping[str, Callable[[Level], Float[Array, ""] | Int[Array, ""]]]
"""By name, `level -> number`: what is worth watching of levels. NaN where a level has none."""


class DesignState(NamedTuple):
    """Everything that changes. Updates are the rollouts that the student has learned from."""

    key: PRNGKeyArray
    learner: Learner
    designer: DesignerState
    num_updates: Int[Array, ""]


def design(
    life: Life,
    designer: Designer,
    *,
    lifetime: int,
    discount: float,
    gae_lambda: float,
    measures: Measures | None = None,
) -> Method:
    """Unsupervised environment design for one student: a step is one rollout on levels of its own.

    The designer proposes a level for every worker; all workers start on theirs with an episode and
    an empty memory, and go through one rollout. The designer is told what it has shown, and the
    student learns from it if the lesson says so.

    Args:
      life: how the student lives, with a level for every worker.
      designer: which levels come next.
      lifetime: updates, over which learning rates may fall; those of tasks are not read.
      discount: of the advantages that scores see.
      gae_lambda: likewise.
      measures: what is worth watching of the levels.

    Returns:
      A method whose state is a `DesignState`. What follows a schedule goes by the updates that the
      student has learned from. Metrics are those of the objective (NaN in steps without learning)
      and of the designer, means over workers of the measures and of `score`; `episode_return`, that
      of the episodes that ended; `solve_rate`, the share of workers whose first episode had a
      positive return, of those whose first has ended; `parameter_norm` of the student; and
      `gradient_updates`, those that it has learned from so far.
    """
    life = life._replace(level_axes=0)

    def init(key):
        key, designer_key, learner_key = jax.random.split(key, 3)
        learner = life.objective.init(learner_key)
        return DesignState(key, learner, designer.init(designer_key), jnp.zeros((), jnp.int32))

    def step(state):
        key, propose_key, act_key, report_key, learn_key = jax.random.split(state.key, 5)
        designed, lesson = designer.propose(propose_key, state.designer, state.learner)
        level = lesson.task.level
        experience = act_on(act_key, life, state.learner, level)
        evidence = evidence_of(
            life.objective, state.learner, experience, discount=discount, gae_lambda=gae_lambda
        )
        episodes = episodes_of(experience)
        designed, scores = designer.report(
            report_key, designed, lesson, evidence, episodes.worker_return
        )

        def learn(learner: Learner) -> tuple[Learner, Metrics]:
            clock = Clock(state.num_updates, jnp.int32(lifetime))
            return life.objective.update(learn_key, (), learner, experience, clock)

        learner, metrics = where_taught(lesson.teaches, learn, state.learner)
        num_updates = state.num_updates + lesson.teaches
        return DesignState(key, learner, designed, num_updates), {
            **metrics,
            **designer.metrics(designed),
            **{name: jnp.nanmean(jax.vmap(of)(level)) for name, of in (measures or {}).items()},
            "score": jnp.nanmean(scores),
            "episode_return": episodes.mean_return,
            "solve_rate": episodes.solve_rate,
            "parameter_norm": optax.tree.norm(real_numbers(learner)),
            "gradient_updates": num_updates.astype(jnp.float32),
        }

    return single_precision(Method(init=init, step=step))


def where_taught(
    teaches: Bool[Array, ""], learn: Callable[[Learner], tuple[Learner, Metrics]], learner: Learner
) -> tuple[Learner, Metrics]:
    """What a learner becomes by a lesson that may teach nothing; its metrics are NaN then."""

    def keep(learner: Learner) -> tuple[Learner, Metrics]:
        _, shapes = jax.eval_shape(learn, learner)
        return learner, jax.tree.map(lambda one: jnp.full(one.shape, jnp.nan), shapes)

    return jax.lax.cond(teaches, learn, keep, learner)


def act_on(key: PRNGKeyArray, life: Life, learner: Learner, level: Level) -> Experience:
    """A rollout that starts with an episode on each worker's level.

    Its judgements are the learner's, which may learn from it once.
    """
    reset_key, act_key = jax.random.split(key)
    levels, num_workers = Levels(level, 0), life.num_workers
    worlds = reset_worlds(reset_key, life.world, levels, num_workers)
    policy = life.objective.behaviour(learner, judges=True)
    memory = policy.init_memory(num_workers)
    length = life.rollout_length
    return rollout(act_key, life.world, levels, policy, worlds, memory, length)[2]


class Episodes(NamedTuple):
    """What a rollout that starts with episodes has come to, and its first ones.

    Attributes:
      worker_return: mean return of each worker's episodes that ended; of one in which none has,
        what it has brought so far.
      worker_best: the best of them, likewise.
      mean_return: of all that ended.
      solve_rate: the share of workers whose first episode had a positive return, of those whose
        first has ended.
    """

    worker_return: Float[Array, " worker"]
    worker_best: Float[Array, " worker"]
    mean_return: Float[Array, ""]
    solve_rate: Float[Array, ""]


def episodes_of(experience: Experience) -> Episodes:
    """The episodes of a rollout that starts with one on each worker's level."""
    steps = experience.transitions
    running, returns = finished_returns(jnp.zeros_like(steps.reward[0]), steps)
    has_ended = steps.ended.any(axis=0)
    first = jnp.take_along_axis(returns, jnp.argmax(steps.ended, axis=0)[None], axis=0)[0]
    solved = jnp.where(jnp.isnan(first), jnp.nan, first > 0)
    return Episodes(
        worker_return=jnp.where(has_ended, jnp.nanmean(returns, axis=0), running),
        worker_best=jnp.where(has_ended, jnp.nanmax(returns, axis=0), running),
        mean_return=jnp.nanmean(returns),
        solve_rate=jnp.nanmean(solved),
    )


def real_numbers(tree: PyTree) -> list[Array]:
    """Leaves that are: what is counted has no say in whether all is well."""
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
