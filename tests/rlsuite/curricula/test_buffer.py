"""Tests of the buffer: what may be drawn, what may be replaced and how often."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.curricula.buffer import (
    BufferConfig,
    choose_replays,
    prioritised_replay,
    replay_log_weights,
)
from rlsuite.lifetime import Task

AGENTS, SIZE = 3, 7


def sample_task(key):
    """Tasks that can be told apart."""
    return Task(level=jax.random.uniform(key), lifetime=jax.random.randint(key, (), 1, 100))


def make(**options):
    curriculum = prioritised_replay(sample_task, BufferConfig(**({"size": SIZE} | options)))
    return curriculum._replace(
        propose=jax.jit(curriculum.propose), report=jax.jit(curriculum.report)
    )


CURRICULA = {
    "rank": make(),
    "always replay, proportional": make(replay_probability=1.0, prioritisation="proportional"),
    "never replay": make(replay_probability=0.0),
    "stale": make(replay_probability=1.0, staleness=0.3),
}


def numpy(buffer):
    return jax.tree.map(np.asarray, buffer)


def check_proposal(before, after, proposal, wanted):
    """Everything that must hold between a buffer, the buffer after a proposal, and the tickets."""
    tickets = proposal.ticket[wanted]
    num_replayed = after.num_replayed - before.num_replayed
    assert len(set(tickets)) == wanted.sum()
    assert not before.is_playing[tickets].any()
    played = before.is_playing.copy()
    played[tickets] = True
    np.testing.assert_array_equal(after.is_playing, played)
    assert after.num_drawn - before.num_drawn == wanted.sum()
    for leaf, kept in zip(jax.tree.leaves(proposal.task), jax.tree.leaves(after.task), strict=True):
        np.testing.assert_array_equal(leaf[wanted], kept[tickets])

    replays, fresh = tickets[after.is_scored[tickets]], tickets[~after.is_scored[tickets]]
    assert len(replays) == num_replayed
    assert before.is_scored[replays].all()
    others = np.setdiff1d(np.arange(SIZE), fresh)
    np.testing.assert_array_equal(after.task.level[others], before.task.level[others])
    np.testing.assert_array_equal(after.task.lifetime[others], before.task.lifetime[others])
    np.testing.assert_array_equal(after.is_scored[others], before.is_scored[others])
    np.testing.assert_array_equal(after.score, before.score)
    assert (after.task.level[fresh] != before.task.level[fresh]).all()
    check_victims(before, replays, fresh)


def check_victims(before, replays, fresh):
    """Fresh tasks take empty slots, then the lowest scores among what may be replaced."""
    free = ~before.is_playing
    free[replays] = False
    empty = np.flatnonzero(free & ~before.is_scored)
    num_empty = min(len(fresh), len(empty))
    assert len(np.intersect1d(fresh, empty)) == num_empty
    taken = np.sort(before.score[np.setdiff1d(fresh, empty)])
    lowest = np.sort(before.score[free & before.is_scored])[: len(fresh) - num_empty]
    np.testing.assert_array_equal(taken, lowest)


def check_report(before, after, tickets, scores, finished):
    expected = before.score.copy()
    expected[tickets[finished]] = scores[finished]
    np.testing.assert_array_equal(after.score, expected)
    scored, playing = before.is_scored.copy(), before.is_playing.copy()
    scored[tickets[finished]], playing[tickets[finished]] = True, False
    np.testing.assert_array_equal(after.is_scored, scored)
    np.testing.assert_array_equal(after.is_playing, playing)
    np.testing.assert_array_equal(after.task.level, before.task.level)


masks = st.lists(st.booleans(), min_size=AGENTS, max_size=AGENTS)
# Few distinct scores, so that ties are common.
score_lists = st.lists(
    st.sampled_from([-2.0, -0.5, 0.0, 1.0, 50.0]), min_size=AGENTS, max_size=AGENTS
)


@pytest.mark.parametrize("name", CURRICULA)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), rounds=st.lists(st.tuples(masks, score_lists), max_size=8))
def test_any_history_of_proposals_and_reports_keeps_the_buffer_right(name, seed, rounds):
    curriculum = CURRICULA[name]
    keys = jax.random.split(jax.random.key(seed), len(rounds) + 2)
    buffer = curriculum.init(keys[0])
    everyone = np.ones(AGENTS, bool)
    after, proposal = numpy(curriculum.propose(keys[1], buffer, everyone))
    check_proposal(numpy(buffer), after, proposal, everyone)
    tickets, buffer = proposal.ticket, after
    for key, (finished, scores) in zip(keys[2:], rounds, strict=True):
        finished, scores = np.array(finished), np.array(scores, np.float32)
        reported = numpy(curriculum.report(buffer, tickets, scores, finished))
        check_report(buffer, reported, tickets, scores, finished)
        after, proposal = numpy(curriculum.propose(key, reported, finished))
        check_proposal(reported, after, proposal, finished)
        if name == "never replay":
            assert after.num_replayed == 0
        if name == "always replay, proportional":
            num_eligible = (reported.is_scored & ~reported.is_playing).sum()
            expected = min(finished.sum(), num_eligible)
            assert after.num_replayed - reported.num_replayed == expected
        tickets, buffer = np.where(finished, proposal.ticket, tickets), after


def test_a_buffer_too_small_for_its_agents_is_refused():
    curriculum = prioritised_replay(sample_task, BufferConfig(size=5))
    with pytest.raises(ValueError, match=r"buffer.size: 5 .* at least twice the 3 agents"):
        curriculum.propose(jax.random.key(0), curriculum.init(jax.random.key(0)), jnp.ones(3, bool))
    exact = prioritised_replay(sample_task, BufferConfig(size=6))
    exact.propose(jax.random.key(0), exact.init(jax.random.key(0)), jnp.ones(3, bool))


def test_metrics_describe_the_scored_tasks():
    curriculum = make(replay_probability=0.0)
    buffer = curriculum.init(jax.random.key(0))
    buffer, proposal = curriculum.propose(jax.random.key(1), buffer, jnp.ones(3, bool))
    finished = jnp.array([True, False, True])
    buffer = curriculum.report(buffer, proposal.ticket, jnp.array([1.0, 100.0, 4.0]), finished)
    metrics = {name: float(value) for name, value in curriculum.metrics(buffer).items()}
    assert metrics == {
        "buffer_scored": 2.0,
        "buffer_score": 2.5,
        "buffer_score_highest": 4.0,
        "replayed_fraction": 0.0,
    }


SCORES = jnp.array([3.0, 9.0, -1.0, 100.0, 5.0])
AGES = jnp.array([2.0, 0.0, 6.0, 50.0, 2.0])
ELIGIBLE = jnp.array([True, True, True, False, True])
SCORED = np.array([3.0, 9.0, -1.0, 5.0])


def weights(**options):
    log_weights = replay_log_weights(SCORES, AGES, ELIGIBLE, BufferConfig(**options))
    assert log_weights[3] == -jnp.inf
    return np.delete(np.exp(log_weights), 3)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_rank_weights(temperature):
    ranks = np.array([3, 1, 4, 2])
    expected = ranks ** (-1 / temperature)
    np.testing.assert_allclose(
        weights(temperature=temperature), expected / expected.sum(), rtol=1e-5
    )


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_proportional_weights(temperature):
    expected = np.exp(SCORED / temperature)
    result = weights(prioritisation="proportional", temperature=temperature)
    np.testing.assert_allclose(result, expected / expected.sum(), rtol=1e-5)


@pytest.mark.parametrize("staleness", [0.25, 1.0])
def test_staleness_mixes_ages_in(staleness):
    by_score = 1 / np.array([3, 1, 4, 2])
    by_score /= by_score.sum()
    by_age = np.array([2.0, 0.0, 6.0, 2.0]) / 10
    expected = (1 - staleness) * by_score + staleness * by_age
    np.testing.assert_allclose(weights(staleness=staleness), expected, rtol=1e-5)


def test_replays_are_drawn_with_their_probabilities_and_without_replacement():
    probabilities = np.array([0.05, 0.1, 0.0, 0.25, 0.6])
    num_draws = 20_000
    keys = jax.random.split(jax.random.key(0), num_draws)
    draw = jax.vmap(partial(choose_replays, num=2), in_axes=(0, None))
    first, second = np.asarray(draw(keys, jnp.log(probabilities))).T
    assert (first != second).all()
    possible = probabilities > 0

    def fits(draws, expected):
        counts = np.bincount(draws, minlength=5)
        assert counts[~possible].sum() == 0
        expected = num_draws * expected[possible]
        return scipy.stats.chisquare(counts[possible], expected).pvalue > 1e-3

    assert fits(first, probabilities)
    # The second is drawn from what the first has left.
    after = [
        sum(p * q / (1 - p) for i, p in enumerate(probabilities) if i != j)
        for j, q in enumerate(probabilities)
    ]
    assert fits(second, np.array(after))


@pytest.mark.parametrize(
    ("case", "options", "scores"),
    [
        ("all scored at the same time", {"staleness": 1.0}, [1.0, 2.0]),
        (
            "a score too low for its probability to be told from zero",
            {"staleness": 0.1, "prioritisation": "proportional", "temperature": 0.01},
            [5.0, 0.0],
        ),
    ],
)
def test_only_what_is_scored_and_idle_is_replayed_whatever_the_weights(case, options, scores):
    """The replays handed out must be the two scored ones, never a slot in play or an empty one."""
    curriculum = make(replay_probability=1.0, **options)
    buffer = curriculum.init(jax.random.key(0))
    buffer, proposal = curriculum.propose(jax.random.key(1), buffer, jnp.ones(3, bool))
    # The agent on slot 0 plays on; the two others have finished.
    finished = proposal.ticket != 0
    both = jnp.zeros(SIZE).at[jnp.array([1, 2])].set(jnp.array(scores))
    buffer = curriculum.report(buffer, proposal.ticket, both[proposal.ticket], finished)
    after, proposal = numpy(curriculum.propose(jax.random.key(2), buffer, finished))
    check_proposal(numpy(buffer), after, proposal, np.asarray(finished))
    assert set(proposal.ticket[np.asarray(finished)]) == {1, 2}
