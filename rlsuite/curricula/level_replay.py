"""Levels that are worth another visit, and edits of them: PLR and ACCEL, as designers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.curricula.buffer import (
    Buffer,
    BufferConfig,
    buffer_metrics,
    choose_replays,
    choose_victims,
    empty_buffer,
    replay_log_weights,
)
from rlsuite.curricula.curriculum import Editor, SampleTask
from rlsuite.curricula.designer import Designer, Lesson, draw_tasks
from rlsuite.lifetime import Task
from rlsuite.ranges import Fraction, Positive
from rlsuite.rollout import Level
from rlsuite.scores import Evidence, Score, ScoreState
from rlsuite.selection import put, take, where_each

NEW, REPLAYED, EDITED = range(3)
"""Where the levels of a lesson come from."""

Parents = Callable[[Evidence, Float[Array, " worker"]], Int[Array, " worker"]]
"""`(evidence, returns) -> workers`: whose replayed level each worker's next edited one is from."""


@dataclass(frozen=True)
class LevelReplayConfig(BufferConfig):
    """How levels are kept and replayed.

    Attributes:
      min_fill: nothing is replayed before this share of the buffer is filled.
      learn_from_new: whether the student also learns on levels that are not replayed (PLR), or is
        only judged on them (robust PLR, and ACCEL).
    """

    replay_probability: Fraction = 0.8
    temperature: Positive = 0.3
    staleness: Fraction = 0.3
    min_fill: Fraction = 0.5
    learn_from_new: bool = False


class LevelReplayState(NamedTuple):
    """A buffer of levels, what their score remembers of each, and what comes after a replay.

    Attributes:
      buffer: the levels; none of them is ever marked as being played.
      remembered: of each slot, by the score.
      last: the tasks that are edited if the last lesson was a replay, where any are; else `()`.
      edits_next: whether they are.
    """

    buffer: Buffer
    remembered: ScoreState
    last: Any
    edits_next: Bool[Array, ""]


def replayed_levels(
    sample_task: SampleTask,
    score: Score,
    config: LevelReplayConfig,
    num_workers: int,
    *,
    edit: Editor | None = None,
    parents: Parents | None = None,
) -> Designer:
    """Prioritised level replay (arXiv 2010.03934, 2110.02439), and ACCEL (arXiv 2203.01302).

    With `replay_probability` a lesson is one of levels of the buffer, drawn by
    `replay_log_weights`, else one of fresh levels; once the buffer holds enough to replay. Replayed
    levels are different, but for those of the `top` scores: each worker's is drawn from all, as
    there may be fewer of them than workers. Levels that the buffer doesn't hold are scored and then
    take an empty slot, or that of the lowest score if theirs is higher, so that it has the highest
    scores of all. One that it does hold (an edit may change nothing) is scored anew where it is, by
    the first worker that had it. Scores that are no number take no slot.

    With an editor every replay is followed by a lesson of that batch's levels, edited.

    Public codes weigh what is replaced by its staleness too; the papers go by scores alone, as is
    done here.

    Args:
      sample_task: `key -> Task`, where fresh levels come from.
      score: what makes a level worth another visit. What it remembers of a level is kept with it
        from visit to visit; every rollout starts with an episode.
      config: of the buffer.
      num_workers: of the student.
      edit: what is done to replayed levels; none edits nothing.
      parents: which of them are edited, such as the `easiest`; none edits each once.

    Raises:
      ValueError: if the buffer has fewer slots than the student has workers, or there are parents
        and no editor.
    """
    if parents is not None and edit is None:
        raise ValueError("parents: a value is not allowed without an editor; nothing is edited")
    if config.size < num_workers:
        raise ValueError(
            f"buffer.size: {config.size} is not allowed; it must be at least the {num_workers} "
            "workers of the student"
        )
    least = max(num_workers, config.min_fill * config.size)
    editor = edit or (lambda key, level: level)
    draw = _draw_each if config.prioritisation == "top" else choose_replays

    def init(key):
        task_key, score_key = jax.random.split(key)
        buffer = empty_buffer(task_key, sample_task, config.size)
        remembered = jax.vmap(score.init)(jax.random.split(score_key, config.size), buffer.task)
        last = () if edit is None else jax.tree.map(lambda leaf: leaf[:num_workers], buffer.task)
        return LevelReplayState(buffer, remembered, last, jnp.array(False))

    def propose(key, state, learner):
        del learner
        draw_key, choice_key = jax.random.split(key)
        coin_key, choice_key, edit_key = jax.random.split(choice_key, 3)
        buffer = state.buffer
        nowhere = jnp.full(num_workers, -1, jnp.int32)

        def fresh():
            return Lesson(
                draw_tasks(draw_key, sample_task, num_workers),
                nowhere,
                jnp.array(config.learn_from_new),
            )

        def replayed():
            ages = (buffer.num_reports - buffer.last_scored).astype(jnp.float32)
            log_weights = replay_log_weights(buffer.score, ages, buffer.is_scored, config)
            slot = draw(choice_key, log_weights, num_workers).astype(jnp.int32)
            return Lesson(take(buffer.task, slot), slot, jnp.array(True))

        def edited():
            keys = jax.random.split(edit_key, num_workers)
            task = state.last._replace(level=jax.vmap(editor)(keys, state.last.level))
            return Lesson(task, nowhere, jnp.array(config.learn_from_new))

        has_enough = buffer.is_scored.sum() >= least
        replays = has_enough & jax.random.bernoulli(coin_key, config.replay_probability)
        kind = jnp.where(state.edits_next, EDITED, jnp.where(replays, REPLAYED, NEW))
        kind = kind.astype(jnp.int32)
        kinds = [fresh, replayed] if edit is None else [fresh, replayed, edited]
        lesson = jax.lax.switch(kind, kinds)
        if edit is None:
            return state, lesson
        return state._replace(last=lesson.task, edits_next=kind == REPLAYED), lesson

    def report(key, state, lesson, evidence, returns):
        buffer = state.buffer
        slot = jnp.where(lesson.slot >= 0, lesson.slot, _find(buffer, lesson.task))
        known = slot >= 0
        init_key, value_key = jax.random.split(key)
        anew = jax.vmap(score.init)(jax.random.split(init_key, num_workers), lesson.task)
        remembered = where_each(known, take(state.remembered, slot), anew)
        remembered, scores = score_each(
            value_key, score, remembered, lesson.task, evidence, returns
        )

        buffer = buffer._replace(
            num_reports=buffer.num_reports + 1,
            num_drawn=buffer.num_drawn + num_workers,
            num_replayed=buffer.num_replayed + (lesson.slot >= 0).sum(dtype=jnp.int32),
        )
        # Of equal levels the first counts.
        written = jnp.where(known & ~_comes_again(slot), slot, config.size)
        buffer = _write(buffer, written, lesson.task, scores)
        inserted = _places(buffer, lesson.task, scores, ~known)
        buffer = _write(buffer, inserted, lesson.task, scores)
        # A new level may take the slot of one that was scored just now.
        kept = put(state.remembered, written, remembered)
        kept = put(kept, inserted, remembered)
        state = state._replace(buffer=buffer, remembered=kept)
        if parents is None:
            return state, scores
        return state._replace(last=take(state.last, parents(evidence, returns))), scores

    return Designer(init, propose, report, lambda state: buffer_metrics(state.buffer))


def easiest(num_parents: int, num_workers: int) -> Parents:
    r"""The levels that the student does best on, each as often, as ACCEL's paper has it.

    They are those of the highest return less the critic's error, the mean :math:`|\hat A_t|` of the
    rollout (Parker-Holder et al., arXiv 2203.01302, has 4 of 32, so each 8 times). Its public code
    takes the lowest of these instead, which are the hardest.

    Args:
      num_parents: how many levels; where it doesn't divide the workers', the easiest of them come
        once more.
      num_workers: of the student.

    Raises:
      ValueError: if there are fewer workers, or none of the levels is taken.
    """
    if not 1 <= num_parents <= num_workers:
        raise ValueError(
            f"num_parents: {num_parents} is not allowed; it must be from 1 to the {num_workers} "
            "workers of the student"
        )

    def choose(evidence, returns):
        ease = returns - jnp.abs(evidence.advantages).mean(axis=0)
        return jnp.resize(jnp.argsort(-ease)[:num_parents], (num_workers,))

    return choose


def _draw_each(
    key: PRNGKeyArray, log_weights: Float[Array, " slot"], num: int
) -> Int[Array, " num"]:
    """Draws `num` slots with the given log probabilities, independently of each other."""
    return jax.random.categorical(key, log_weights, shape=(num,))


def score_each(
    key: PRNGKeyArray,
    score: Score,
    remembered: ScoreState,
    task: Task,
    evidence: Evidence,
    returns: Float[Array, " worker"],
) -> tuple[ScoreState, Float[Array, " worker"]]:
    """What a score remembers of each worker's level after a rollout, and its value.

    Args:
      key: randomness of the values.
      score: to which each worker is an agent of its own with a single world.
      remembered: by it, of each level before.
      task: of each worker.
      evidence: of the rollout.
      returns: each worker's mean.
    """

    def of_one(key, remembered, task, evidence, mean_return):
        evidence = jax.tree.map(lambda leaf: leaf[:, None], evidence)
        remembered = score.observe(remembered, task, evidence)
        return remembered, score.value(key, remembered, task, mean_return)

    keys = jax.random.split(key, returns.size)
    in_axes = (0, 0, 0, 1, 0)
    return jax.vmap(of_one, in_axes)(keys, remembered, task, evidence, returns)


def _comes_again(slot: Int[Array, " worker"]) -> Bool[Array, " worker"]:
    """Which workers have a slot that one before them has too."""
    return jnp.tril(slot[:, None] == slot, -1).any(axis=1)


def _find(buffer: Buffer, task: Task) -> Int[Array, " worker"]:
    """The slots that hold the same levels, -1 for levels that none does."""
    same = jax.vmap(lambda one: _is_same(buffer.task.level, one))(task.level) & buffer.is_scored
    return jnp.where(same.any(axis=1), jnp.argmax(same, axis=1), -1).astype(jnp.int32)


def _is_same(levels: Level, level: Level) -> Bool[Array, " level"]:
    """Which levels equal the one."""
    equal = jax.tree.map(
        lambda many, one: jnp.all((many == one).reshape(len(many), -1), axis=1), levels, level
    )
    return jnp.stack(jax.tree.leaves(equal)).all(axis=0)


def _places(
    buffer: Buffer, task: Task, scores: Float[Array, " worker"], wanted: Bool[Array, " worker"]
) -> Int[Array, " worker"]:
    """The slots that new levels take, out of range for those that take none.

    The first of the highest scores comes to the emptiest or lowest slot, and so on while theirs is
    higher, which is what inserting one after the other comes to. Of equal levels one is enough.
    """
    num_workers, size = scores.size, buffer.score.size
    same = jax.vmap(lambda one: _is_same(task.level, one))(task.level)
    wanted &= ~jnp.any(jnp.tril(same, -1) & wanted, axis=1) & ~jnp.isnan(scores)
    victims = choose_victims(buffer, jnp.zeros(size, bool), num_workers).astype(jnp.int32)
    best_first = jnp.lexsort((-scores, ~wanted))
    lowest = jnp.where(buffer.is_scored[victims], buffer.score[victims], -jnp.inf)
    is_free = ~buffer.is_scored[victims] | jnp.isnan(lowest)
    taken = wanted[best_first] & (is_free | (scores[best_first] > lowest))
    return (
        jnp.full(num_workers, size, jnp.int32).at[best_first].set(jnp.where(taken, victims, size))
    )


def _write(
    buffer: Buffer, slot: Int[Array, " worker"], task: Task, scores: Float[Array, " worker"]
) -> Buffer:
    """Scored levels in their slots; those out of range are dropped."""
    return buffer._replace(
        task=put(buffer.task, slot, task),
        score=buffer.score.at[slot].set(scores, mode="drop"),
        is_scored=buffer.is_scored.at[slot].set(True, mode="drop"),
        last_scored=buffer.last_scored.at[slot].set(buffer.num_reports, mode="drop"),
    )
