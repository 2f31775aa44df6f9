"""Tests of designers that replay and edit levels: what is kept, drawn, merged and learned from."""

from functools import partial

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.curricula.designer import Lesson
from rlsuite.curricula.level_replay import LevelReplayConfig, easiest, replayed_levels
from rlsuite.envs.maze import Maze, every_view, optimal_return, parse_level, policy_value
from rlsuite.lifetime import Task
from rlsuite.rollout import episode_returns, memoryless
from rlsuite.scores import Evidence, exact_regret, no_score

WORKERS, SIZE = 3, 6
KEY = jax.random.key(0)
NOTHING = Evidence(*(jnp.zeros((1, WORKERS)) for _ in Evidence._fields))

# A level's score is what the student got there, and it remembers how often it was scored.
COUNTED = no_score()._replace(
    init=lambda key, task: jnp.int32(0),
    observe=lambda state, task, evidence: state + 1,
    value=lambda key, state, task, agent_return: agent_return,
)


def sample_task(key):
    return Task(level=jax.random.uniform(key), lifetime=jnp.int32(5))


def make(edit=None, parents=None, **options):
    config = LevelReplayConfig(**({"size": SIZE} | options))
    designer = replayed_levels(sample_task, COUNTED, config, WORKERS, edit=edit, parents=parents)
    return designer._replace(propose=jax.jit(designer.propose), report=jax.jit(designer.report))


DESIGNER = make()
STALEST = make(staleness=1.0, replay_probability=1.0)


def lesson_of(levels):
    task = Task(jnp.asarray(levels, jnp.float32), jnp.full(WORKERS, 5, jnp.int32))
    return Lesson(task, jnp.full(WORKERS, -1, jnp.int32), jnp.array(False))


def report(designer, state, levels, scores):
    return designer.report(KEY, state, lesson_of(levels), NOTHING, jnp.asarray(scores, jnp.float32))


def held(state):
    """The levels in the buffer with their scores, whatever their slots."""
    return {level: score for level, (score, _) in remembered(state).items()}


def remembered(state):
    """Likewise, with how often each level was scored."""
    buffer = state.buffer
    kept = np.asarray(buffer.is_scored)
    levels, *known = (
        np.asarray(x)[kept].tolist() for x in (buffer.task.level, buffer.score, state.remembered)
    )
    return dict(zip(levels, zip(*known, strict=True), strict=True))


def inserted_one_by_one(buffer, levels, scores):
    """What a reader of the paper would write: merge, fill up, or replace the lowest if better."""
    buffer, new = dict(buffer), {}
    for level, score in zip(levels, scores, strict=True):
        if level in buffer:
            buffer[level] = score
        elif not np.isnan(score):
            new.setdefault(level, score)
    for level, score in new.items():
        if len(buffer) < SIZE:
            buffer[level] = score
            continue
        lowest = min(buffer, key=buffer.get)
        if score > buffer[lowest]:
            del buffer[lowest]
            buffer[level] = score
    return buffer


batch = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from([*np.arange(8.0).tolist(), float("nan")])),
    min_size=WORKERS,
    max_size=WORKERS,
    unique_by=lambda pair: pair[0],
)


@given(st.lists(batch, max_size=8))
@settings(max_examples=60, deadline=None)
def test_levels_are_inserted_as_one_after_the_other(batches):
    """The scores that are kept are the same; of equal ones either may be.

    What their score remembers of levels stays with these, whoever else takes a slot meanwhile.
    """
    state, expected, counts = DESIGNER.init(KEY), {}, {}
    for pairs in batches:
        levels, scores = map(list, zip(*pairs, strict=True))
        # Levels whose score becomes no number would leave in another order.
        scores = [0.0 if level in expected and np.isnan(s) else s for level, s in pairs]
        state, _ = report(DESIGNER, state, levels, scores)
        found = held(state)
        expected = inserted_one_by_one(expected, levels, scores)
        assert sorted(found.values()) == sorted(expected.values())
        # Of a level that has just come, or come back, nothing was known.
        before, counts = counts, {level: count for level, (_, count) in remembered(state).items()}
        for level, count in counts.items():
            assert count == before.get(level, 0) + (level in levels)
        expected = found
    assert state.buffer.is_scored.sum() == len(expected) <= SIZE


def test_a_level_that_is_held_is_scored_where_it_is():
    state, _ = report(DESIGNER, DESIGNER.init(KEY), [1, 2, 3], [0.1, 0.2, 0.3])
    state, scores = report(DESIGNER, state, [2, 4, 4], [0.9, 0.5, 0.7])
    np.testing.assert_allclose(scores, [0.9, 0.5, 0.7])
    found = held(state)
    assert set(found) == {1.0, 2.0, 3.0, 4.0} and found[2.0] == pytest.approx(0.9)
    slot = int(jnp.argmax(state.buffer.task.level == 2.0))
    assert state.remembered[slot] == 2  # What the score remembers goes on.
    # Of workers that had the same level the first counts.
    state, _ = report(DESIGNER, state, [5, 2, 2], [0.0, 0.4, 0.8])
    assert held(state)[2.0] == pytest.approx(0.4) and state.remembered[slot] == 3


@pytest.fixture(scope="module")
def filled():
    """A full buffer: level n has score n; those of the second batch are the younger ones."""
    state = DESIGNER.init(KEY)
    for first in (0, WORKERS):
        levels = np.arange(first, first + WORKERS)
        state, _ = report(DESIGNER, state, levels, levels)
    return state


def replayed_slots(designer, state, num=400):
    """Slots of as many lessons that follow the same."""
    keys = jax.random.split(jax.random.key(1), num)
    lessons = jax.jit(jax.vmap(lambda key: designer.propose(key, state, ())[1]))(keys)
    assert (lessons.slot >= 0).all() and lessons.teaches.all()
    return np.asarray(lessons.slot)


def shares(designer, state, num=400):
    """How often each level is among those that are replayed, which are different."""
    slots = replayed_slots(designer, state, num)
    assert all(len(set(row)) == WORKERS for row in slots)
    return np.bincount(slots.ravel(), minlength=SIZE) / num


def test_only_staleness_counts_where_its_weight_is_one(filled):
    """Of two batches the older one is replayed, whatever its scores; the younger has no age."""
    found = shares(STALEST, filled)
    older = np.asarray(filled.buffer.last_scored) == 1
    np.testing.assert_array_equal(found, older)


def test_any_level_is_as_likely_where_the_temperature_is_infinite(filled):
    designer = make(temperature=1e30, staleness=0.0, replay_probability=1.0)
    np.testing.assert_allclose(shares(designer, filled), WORKERS / SIZE, atol=0.09)


def test_the_highest_scores_are_replayed_where_it_is_low(filled):
    designer = make(temperature=1e-3, staleness=0.0, replay_probability=1.0)
    top = np.asarray(filled.buffer.score) >= SIZE - WORKERS
    np.testing.assert_array_equal(shares(designer, filled), top)


@pytest.mark.parametrize(("num_top", "staleness"), [(1, 0.0), (2, 0.0), (1, 0.4)])
def test_every_worker_gets_one_of_the_top(filled, num_top, staleness):
    """Even if there are fewer of them than workers; only what staleness has goes by age."""
    options = {"prioritisation": "top", "num_top": num_top, "staleness": staleness}
    slots = replayed_slots(make(**options, replay_probability=1.0), filled)
    of_each_worker = [np.bincount(column, minlength=SIZE) / len(slots) for column in slots.T]
    score, scored_at = np.asarray(filled.buffer.score), np.asarray(filled.buffer.last_scored)
    top, older = score >= SIZE - num_top, scored_at == 1
    expected = (1 - staleness) * top / num_top + staleness * older / WORKERS
    assert (np.array(of_each_worker)[:, expected == 0] == 0).all()
    np.testing.assert_allclose(of_each_worker, [expected] * WORKERS, atol=0.09)


def test_nothing_is_replayed_before_enough_is_there():
    designer = make(replay_probability=1.0, min_fill=1.0)
    state, _ = report(designer, designer.init(KEY), [1, 2, 3], [1.0, 2.0, 3.0])
    _, lesson = designer.propose(KEY, state, ())
    assert (lesson.slot == -1).all() and not lesson.teaches
    state, _ = report(designer, state, [4, 5, 6], [1.0, 2.0, 3.0])
    _, lesson = designer.propose(KEY, state, ())
    assert (lesson.slot >= 0).all() and lesson.teaches


@pytest.mark.parametrize("learn_from_new", [True, False])
def test_only_plain_level_replay_learns_from_new_levels(learn_from_new):
    designer = make(learn_from_new=learn_from_new)
    _, lesson = designer.propose(KEY, designer.init(KEY), ())
    assert lesson.teaches == learn_from_new


def lessons_of(designer, num):
    """Slots of lessons that follow each other, and their levels; every level has a new score."""

    def step(state, key):
        propose_key, score_key, report_key = jax.random.split(key, 3)
        state, lesson = designer.propose(propose_key, state, ())
        scores = jax.random.uniform(score_key, (WORKERS,))
        state, _ = designer.report(report_key, state, lesson, NOTHING, scores)
        return state, (lesson, state.buffer.is_scored.sum())

    keys = jax.random.split(jax.random.key(2), num)
    return jax.jit(lambda: jax.lax.scan(step, designer.init(KEY), keys)[1])()


def test_edits_follow_every_replay_and_are_of_what_was_replayed():
    designer = make(lambda key, level: level + 100.0, replay_probability=0.8)
    lessons, _ = lessons_of(designer, 2000)
    levels = np.asarray(lessons.task.level)
    replayed = np.asarray(lessons.slot[:, 0] >= 0)
    after = np.flatnonzero(replayed[:-1]) + 1
    np.testing.assert_allclose(levels[after], levels[after - 1] + 100.0, rtol=1e-6)
    assert not replayed[after].any()
    # With a replay probability of 0.8: 1/9 new, 4/9 replayed and 4/9 edited.
    assert replayed.mean() == pytest.approx(4 / 9, abs=0.02)
    np.testing.assert_array_equal(lessons.teaches, replayed)


def test_only_the_easiest_are_edited_where_these_are_the_parents():
    """Those of the highest return less the critic's mean error, each as often as may be."""
    designer = make(lambda key, level: level + 100.0, easiest(2, WORKERS), replay_probability=1.0)
    state, random = designer.init(KEY), np.random.default_rng(0)
    expected, num_edited = np.zeros(WORKERS), 0
    for number in range(12):
        state, lesson = designer.propose(jax.random.key(number), state, ())
        returns, advantages = random.normal(size=WORKERS), random.normal(size=(5, WORKERS))
        evidence = NOTHING._replace(advantages=jnp.asarray(advantages, jnp.float32))
        levels = np.asarray(lesson.task.level)
        if number > 0 and lesson.slot[0] < 0:
            np.testing.assert_allclose(levels, expected, rtol=1e-6)
            num_edited += 1
        ease = [returns[n] - np.mean([abs(step[n]) for step in advantages]) for n in range(WORKERS)]
        first, second, _ = sorted(range(WORKERS), key=lambda n: -ease[n])
        expected = levels[[first, second, first]] + 100.0
        returns = jnp.asarray(returns, jnp.float32)
        state, _ = designer.report(KEY, state, lesson, evidence, returns)
    # One lesson of new levels, as there is nothing to replay; then every other one.
    assert num_edited == 5


@pytest.mark.parametrize("number", [0, WORKERS + 1])
def test_there_are_not_more_parents_than_workers(number):
    with pytest.raises(ValueError, match=f"num_parents: {number} is not allowed; it must be from"):
        easiest(number, WORKERS)


def test_parents_of_no_edits_are_refused():
    with pytest.raises(ValueError, match="parents: a value is not allowed without an editor"):
        make(parents=easiest(2, WORKERS))


def test_edits_that_change_nothing_add_nothing():
    """What they do is to score again what is there, between replays that are rarer for it."""
    designer = make(lambda key, level: level, replay_probability=1.0)
    lessons, sizes = lessons_of(designer, 20)
    replayed = np.asarray(lessons.slot[:, 0] >= 0)
    assert not replayed[:1].any() and replayed[1:].tolist() == [True, False] * 9 + [True]
    assert (sizes == WORKERS).all()


def test_a_buffer_smaller_than_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"buffer.size: 2 is not allowed; it must be at least"):
        make(size=2)


def test_exact_regret_of_a_maze_is_what_a_shortest_path_pays_beyond_the_return():
    """Straight ahead to the goal in two steps of ten, or walled off from it."""
    world = Maze(3)
    paths = [parse_level(text, max_steps=10) for text in (">.G ... ...", ">#G .#. .#.")]
    levels = jax.tree.map(lambda *leaves: jnp.stack(leaves), *paths)
    lesson = Lesson(Task(levels, jnp.ones(2, jnp.int32)), jnp.full(2, -1), jnp.array(False))
    score = exact_regret(partial(optimal_return, world))
    task = Task(paths[0], jnp.int32(1))
    designer = replayed_levels(lambda key: task, score, LevelReplayConfig(size=2), 2)
    nothing = jnp.zeros((4, 2))
    evidence = Evidence(nothing, nothing.astype(bool), nothing, nothing)
    returns = jnp.array([0.5, 0.0])
    _, scores = designer.report(KEY, designer.init(KEY), lesson, evidence, returns)
    np.testing.assert_allclose(scores, [1 - 0.9 * 2 / 10 - 0.5, 0.0], atol=1e-6)


def test_exact_regret_by_episodes_is_about_that_by_evaluation_of_the_policy():
    """Of a student without memory, whose actions are random numbers of what it sees."""
    world = Maze(3)
    level = parse_level(">.. .#. ..G", max_steps=12)
    weights = jax.random.normal(jax.random.key(5), (5, 5, 3, 3))

    def act(view):
        logits = jnp.einsum("...ijk,ijka->...a", view.image, weights)
        return distrax.Categorical(logits + view.direction[..., None] * weights[0, 0, 0])

    score, task = exact_regret(partial(optimal_return, world)), Task(level, jnp.int32(1))

    @jax.jit
    def both(key):
        found = episode_returns(key, world, level, memoryless(act), 2000)
        value = policy_value(world, level, act(every_view(world, level)).probs)
        exact = optimal_return(world, level) - value.expected_return
        return found, value, score.value(key, (), task, found.mean()), exact

    found, value, regret, exact = both(KEY)
    assert 0.1 < value.solve_rate < 0.95
    tolerance = 5 * float(found.std()) / 2000**0.5
    assert float(exact) == pytest.approx(float(regret), abs=tolerance)
    assert float(value.solve_rate) == pytest.approx(float((found > 0).mean()), abs=tolerance)
