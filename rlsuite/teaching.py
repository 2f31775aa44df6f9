"""Students that learn on levels which a teacher builds for them, and learns to build."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from rlsuite.curricula.designer import Designer, DesignerState, random_levels
from rlsuite.designing import Measures, act_on, episodes_of, real_numbers, where_taught
from rlsuite.envs.construction import Construction
from rlsuite.lifetime import Life, Task
from rlsuite.method import Method, single_precision
from rlsuite.objectives.objective import Clock, Learner
from rlsuite.requirements import require
from rlsuite.rollout import Experience, Levels, reset_worlds, rollout
from rlsuite.scores import Evidence
from rlsuite.selection import where_each

StudentReturns = Float[Array, "student worker"]
"""A number for each student and level."""

Pay = Callable[[StudentReturns, StudentReturns], Float[Array, " worker"]]
"""`(best, mean) -> what the teacher gets for each level`, by the students' returns there."""


class TeachingState(NamedTuple):
    """Everything that changes. Leaves of `students` have a leading `student` axis.

    Updates are the rollouts that students have learned from.
    """

    key: PRNGKeyArray
    teacher: Learner
    students: Learner
    designer: DesignerState
    num_updates: Int[Array, ""]


def teach(
    student: Life,
    teacher: Life,
    pay: Pay,
    *,
    num_students: int,
    lifetime: int,
    designer: Designer | None = None,
    measures: Measures | None = None,
) -> Method:
    """Environment design by a teacher that is paid for what students do on its levels.

    In each step the teacher builds a level per worker, in one episode of its own world each. All
    students go through one rollout on these levels and learn from it, each for itself; and the
    teacher learns from its episodes, which are paid at their end.

    With a designer the teacher is where its new levels come from. A lesson of levels that it holds
    is given to the students as it is, and the teacher rests; in place of any other they get what
    the teacher has built. The designer is told of either by what the teacher is, or would be, paid.

    Args:
      student: how students live, with a level for every worker.
      teacher: how the teacher lives; it has as many workers, its rollouts are one episode long,
        and its world shows the level under `"extra"`.
      pay: what the teacher gets.
      num_students: that play the same levels.
      lifetime: updates, over which learning rates may fall.
      designer: which keeps levels, and whose scores are the returns that it is told, as those of
        `replayed_levels` with the score `rlsuite.scores.as_told` are; none keeps nothing.
      measures: what is worth watching of the levels.

    Returns:
      A method whose state is a `TeachingState`. Metrics are those of the first student's objective
      and of the teacher's (`teacher_policy_entropy` and so on), means over workers of the measures
      and of `teacher_reward`; `solve_rate` and `episode_return` as in `rlsuite.designing.design`,
      of the first student; `parameter_norm` of all; and `gradient_updates` of each student.

    Raises:
      ValueError: if the teacher has another number of workers than the students, or if its world is
        a `Construction`, which says how long episodes are, and its rollouts aren't as long; and, as
        the first step is traced, if `pay` needs more students.
    """
    if teacher.num_workers != student.num_workers:
        raise ValueError(
            f"teacher: {teacher.num_workers} workers are not allowed; it must have as many as the "
            f"students, {student.num_workers}"
        )
    built_in = teacher.world
    if isinstance(built_in, Construction) and teacher.rollout_length != built_in.num_steps:
        raise ValueError(
            f"teacher: {teacher.rollout_length} steps of a rollout are not allowed; it must be "
            f"{built_in.num_steps}, those of an episode"
        )

    # In place of these the students get what the teacher has built.
    anything = Task(student.world.default_params, jnp.int32(lifetime))
    designer = designer or random_levels(lambda key: anything, student.num_workers)

    def init(key):
        key, teacher_key, student_key, designer_key = jax.random.split(key, 4)
        return TeachingState(
            key,
            teacher.objective.init(teacher_key),
            jax.vmap(student.objective.init)(jax.random.split(student_key, num_students)),
            designer.init(designer_key),
            jnp.zeros((), jnp.int32),
        )

    def step(state):
        key, build_key, act_key, learn_key, teacher_key = jax.random.split(state.key, 5)
        propose_key, report_key, build_key = jax.random.split(build_key, 3)
        built = _build(build_key, teacher, state.teacher)
        designed, lesson = designer.propose(propose_key, state.designer, state.students)
        is_built = lesson.slot < 0
        level = jax.tree.map(lambda leaf: leaf[-1], built.transitions.extra)
        level = where_each(is_built, level, lesson.task.level)
        lesson = lesson._replace(task=lesson.task._replace(level=level))
        act_keys = jax.random.split(act_key, num_students)
        experience = jax.vmap(lambda key, learner: act_on(key, student, learner, level))(
            act_keys, state.students
        )
        episodes = jax.vmap(episodes_of)(experience)
        reward = pay(episodes.worker_best, episodes.worker_return)
        designed, _ = designer.report(report_key, designed, lesson, _seen(experience), reward)
        clock = Clock(state.num_updates, jnp.int32(lifetime))

        def learn(students):
            def one(key, learner, experience):
                return student.objective.update(key, (), learner, experience, clock)

            keys = jax.random.split(learn_key, num_students)
            return jax.vmap(one)(keys, students, experience)

        def be_paid(learner):
            return teacher.objective.update(teacher_key, (), learner, _paid(built, reward), clock)

        students, metrics = where_taught(lesson.teaches, learn, state.students)
        taught, of_teacher = where_taught(is_built.all(), be_paid, state.teacher)
        num_updates = state.num_updates + lesson.teaches
        norm = optax.tree.norm(real_numbers((taught, students)))
        return TeachingState(key, taught, students, designed, num_updates), {
            **_first(metrics),
            **{f"teacher_{name}": value for name, value in of_teacher.items()},
            **designer.metrics(designed),
            **{name: jnp.nanmean(jax.vmap(of)(level)) for name, of in (measures or {}).items()},
            "teacher_reward": reward.mean(),
            "episode_return": episodes.mean_return[0],
            "solve_rate": episodes.solve_rate[0],
            "parameter_norm": norm,
            "gradient_updates": num_updates.astype(jnp.float32),
        }

    return single_precision(Method(init=init, step=step))


def _seen(experience: Experience) -> Evidence:
    """What the first student has shown, which nobody has judged."""
    steps = jax.tree.map(lambda leaf: leaf[0], experience).transitions
    unknown = jnp.full(steps.reward.shape, jnp.nan)
    return Evidence(steps.reward, steps.ended, unknown, unknown)


def regret(best: StudentReturns, mean: StudentReturns) -> Float[Array, " worker"]:
    r"""PAIRED's (arXiv 2012.02096): the antagonist's best return less the protagonist's mean.

    The first student is the protagonist, the second the antagonist. It is not held above zero;
    public code of 2021 does that.

    Raises:
      ValueError: if there are fewer than two students.
    """
    # JAX would take the only one for both.
    require(len(best) >= 2, "num_students", len(best), "at least 2 where regret is paid")
    return best[1] - mean[0]


def failure(best: StudentReturns, mean: StudentReturns) -> Float[Array, " worker"]:
    """What a minimax teacher gets: the student's mean return, negative."""
    del best
    return -mean[0]


def _build(key: PRNGKeyArray, teacher: Life, learner: Learner) -> Experience:
    """One episode of building in each worker's world."""
    reset_key, act_key = jax.random.split(key)
    levels = Levels(teacher.world.default_params)
    worlds = reset_worlds(reset_key, teacher.world, levels, teacher.num_workers)
    policy = teacher.objective.behaviour(learner)
    memory = policy.init_memory(teacher.num_workers)
    length = teacher.rollout_length
    return rollout(act_key, teacher.world, levels, policy, worlds, memory, length)[2]


def _paid(built: Experience, reward: Float[Array, " worker"]) -> Experience:
    """Episodes that are paid with their last step."""
    steps = built.transitions
    steps = steps._replace(reward=jnp.zeros_like(steps.reward).at[-1].set(reward), extra=())
    return built._replace(transitions=steps)


def _first(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[0], tree)
