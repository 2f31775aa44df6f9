"""Tests of the buffer: what may be drawn, what may be replaced and how often."""

from functools import cache, partial
from itertools import product

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
    choose_victims,
    prioritised_replay,
    replay_log_weights,
)
from rlsuite.curricula.curriculum import Curriculum
from rlsuite.lifetime import Task

AGENTS, SIZE = 3, 7


def sample_task(key):
    """Tasks that can be told apart."""
    return Task(level=jax.random.uniform(key), lifetime=jax.random.randint(key, (), 1, 100))


def make(*, edit=None, **options):
    config = BufferConfig(**({"size": SIZE} | options))
    return Curriculum(*map(jax.jit, prioritised_replay(sample_task, config, edit=edit)))


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

    def priority(slot):
        """No number first, then the lowest score, the stalest of equal ones."""
        score = before.score[slot]
        score = (0, 0.0) if np.isnan(score) else (1, score)
        return *score, before.last_scored[slot]

    taken = sorted(map(priority, np.setdiff1d(fresh, empty)))
    lowest = sorted(map(priority, np.flatnonzero(free & before.is_scored)))
    assert taken == lowest[: len(fresh) - num_empty]


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
# Few distinct scores, so that ties are common, and some that are no numbers or not finite.
score_lists = st.lists(
    st.sampled_from([-2.0, -0.5, 0.0, 1.0, 50.0, np.nan, np.inf, -np.inf]),
    min_size=AGENTS,
    max_size=AGENTS,
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
    curriculum = make(size=5)
    with pytest.raises(ValueError, match=r"buffer.size: 5 .* at least twice the 3 agents"):
        curriculum.propose(jax.random.key(0), curriculum.init(jax.random.key(0)), jnp.ones(3, bool))
    exact = make(size=6)
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


@partial(jax.jit, static_argnums=3)
def weigh(scores, ages, eligible, config):
    return replay_log_weights(scores, ages, eligible, config)


def weights(**options):
    log_weights = np.asarray(weigh(SCORES, AGES, ELIGIBLE, BufferConfig(**options)))
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


@pytest.mark.parametrize(
    ("num_top", "expected"),
    [(1, [0, 1, 0, 0]), (2, [0, 0.5, 0, 0.5]), (9, [0.25, 0.25, 0.25, 0.25])],
)
def test_weights_of_the_highest_scores_alone(num_top, expected):
    options = {"prioritisation": "top", "num_top": num_top}
    np.testing.assert_allclose(weights(**options), expected, atol=1e-7)
    by_age = np.array([2.0, 0.0, 6.0, 2.0]) / 10
    mixed = 0.7 * np.array(expected) + 0.3 * by_age
    np.testing.assert_allclose(weights(staleness=0.3, **options), mixed, rtol=1e-5, atol=1e-7)
    # Equal scores share what ranks among the highest they have.
    scores = np.array([1.0, 2, 2, 0], np.float32)
    log_weights = weigh(scores, np.zeros(4, np.float32), np.ones(4, bool), BufferConfig(**options))
    shared = {1: [0, 0.5, 0.5, 0], 2: [0, 0.5, 0.5, 0], 9: [0.25] * 4}[num_top]
    np.testing.assert_allclose(np.exp(log_weights), shared, atol=1e-7)


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
    draw = jax.jit(jax.vmap(partial(choose_replays, num=2), in_axes=(0, None)))
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


# --- Degenerate scores and ages -----------------------------------------------------------------


def weights_by_hand(scores, ages, eligible, config):
    """Replay probabilities in double precision, from the words of the docstring."""
    scores = np.where(np.isnan(scores), -np.inf, scores)[eligible].astype(np.float64)
    if config.prioritisation != "proportional":
        by_rank = np.arange(1.0, scores.size + 1) ** (-1 / config.temperature)
        if config.prioritisation == "top":
            by_rank = np.arange(scores.size) < config.num_top
        in_order = np.sort(scores)[::-1]
        by_score = np.array([by_rank[in_order == score].mean() for score in scores])
    elif np.isfinite(scores.max()):
        by_score = np.exp((scores - scores.max()) / config.temperature)
    else:
        by_score = (scores == scores.max()).astype(float)
    ages = ages[eligible].astype(np.float64)
    by_age = ages if ages.sum() > 0 else np.ones_like(ages)
    mixed = (1 - config.staleness) * by_score / by_score.sum()
    result = np.zeros(eligible.shape)
    result[eligible] = mixed + config.staleness * by_age / by_age.sum()
    return result


SLOTS = 9
degenerate = st.lists(
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1.0, 1.5, -2.0, 3e38, -3e38, 1e-30]),
    min_size=SLOTS,
    max_size=SLOTS,
)
slot_masks = st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS)
slot_ages = st.just([0] * SLOTS) | st.lists(st.integers(0, 3), min_size=SLOTS, max_size=SLOTS)


@pytest.mark.parametrize(
    ("prioritisation", "temperature"),
    [*product(("rank", "proportional"), (1e-3, 0.5, 1.0)), ("top", 1.0)],
)
@pytest.mark.parametrize("staleness", [0.0, 0.3, 1.0])
@settings(max_examples=40, deadline=None)
@given(scores=degenerate, ages=slot_ages, eligible=slot_masks)
def test_weights_of_any_scores_equal_the_derivation_by_hand(
    prioritisation, temperature, staleness, scores, ages, eligible
):
    config = BufferConfig(
        prioritisation=prioritisation, temperature=temperature, staleness=staleness
    )
    scores, ages = np.array(scores, np.float32), np.array(ages, np.float32)
    eligible = np.array(eligible)
    log_weights = np.asarray(weigh(scores, ages, eligible, config))
    np.testing.assert_array_equal(np.isfinite(log_weights), eligible)
    np.testing.assert_array_equal(log_weights[~eligible], -np.inf)
    if eligible.any():
        expected = weights_by_hand(scores, ages, eligible, config)
        np.testing.assert_allclose(np.exp(log_weights), expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(np.exp(log_weights).sum(), 1, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(scores=degenerate, eligible=slot_masks, seed=st.integers(0, 1000))
def test_replays_are_different_slots_and_the_eligible_come_first(scores, eligible, seed):
    scores, eligible = np.array(scores, np.float32), np.array(eligible)
    config = BufferConfig(prioritisation="proportional", temperature=1e-3)
    log_weights = weigh(scores, np.zeros(SLOTS, np.float32), eligible, config)
    slots = np.asarray(choose_replays(jax.random.key(seed), log_weights, SLOTS))
    assert sorted(slots) == list(range(SLOTS))
    assert eligible[slots[: eligible.sum()]].all()


def test_no_more_slots_are_drawn_than_there_are():
    assert choose_replays(jax.random.key(0), jnp.zeros(3), 0).shape == (0,)
    with pytest.raises(ValueError, match="num: 4 is not allowed; it must be at most the 3 slots"):
        choose_replays(jax.random.key(0), jnp.zeros(3), 4)


@pytest.mark.parametrize("prioritisation", ["rank", "proportional", "top"])
@pytest.mark.parametrize("score", [0.0, 7.0, np.nan, np.inf, -np.inf, 3e38])
def test_equal_scores_are_drawn_uniformly_however_many(prioritisation, score):
    """Thousands of slots: the sum of a long tie's weights must not be lost in rounding."""
    config = BufferConfig(prioritisation=prioritisation, temperature=0.3)
    eligible = np.arange(4000) % 4 > 0
    log_weights = weigh(np.full(4000, score, np.float32), np.zeros(4000), eligible, config)
    np.testing.assert_allclose(np.exp(log_weights[eligible]), 1 / 3000, rtol=1e-4)


@pytest.mark.parametrize("temperature", [1e-45, 1e-38, 1e-20, 1e-12, 1e-6, 1e-4])
@pytest.mark.parametrize("prioritisation", ["rank", "proportional"])
def test_a_tiny_temperature_takes_the_highest_score(prioritisation, temperature):
    config = BufferConfig(prioritisation=prioritisation, temperature=temperature)
    eligible = np.array([True, True, True, False, True])
    scores = np.array([2.0, 9.0, 9.0, 100.0, -3.0], np.float32)
    log_weights = weigh(scores, np.zeros(5, np.float32), eligible, config)
    np.testing.assert_allclose(np.exp(log_weights), [0, 0.5, 0.5, 0, 0])
    assert np.isfinite(log_weights[eligible]).all()


def test_what_is_drawn_after_the_weights_are_spent_is_drawn_uniformly():
    """One score is infinite: no slot is favoured among those whose weight is zero beside it."""
    scores = np.array([1.0, 1.0, np.inf, np.nan, 1.0], np.float32)
    config = BufferConfig(prioritisation="proportional")
    log_weights = weigh(scores, np.zeros(5, np.float32), np.ones(5, bool), config)
    keys = jax.random.split(jax.random.key(0), 4000)
    draw = jax.jit(jax.vmap(partial(choose_replays, num=2), in_axes=(0, None)))
    first, second = np.asarray(draw(keys, log_weights)).T
    assert (first == 2).all()
    counts = np.bincount(second, minlength=5)[[0, 1, 3, 4]]
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_ages_below_one_and_huge_ones_are_shares_of_one():
    eligible = np.array([True, True, False, True])
    config = BufferConfig(staleness=1.0)
    for ages, expected in (
        ([0.25, 0.0, 9.0, 0.75], [0.25, 0, 0, 0.75]),
        ([3e38, 3e38, 3e38, 1.0], [0.5, 0.5, 0, 0]),
        ([np.inf, 1.0, 0.0, 0.0], [1, 0, 0, 0]),
        ([np.nan, 1.0, 0.0, -3.0], [0, 1, 0, 0]),
        ([0.0, 0.0, 5.0, 0.0], [1 / 3, 1 / 3, 0, 1 / 3]),
    ):
        log_weights = weigh(np.zeros(4, np.float32), np.array(ages, np.float32), eligible, config)
        np.testing.assert_allclose(np.exp(log_weights), expected, rtol=1e-5)


def test_victims_are_empty_then_no_numbers_then_lowest_and_stalest():
    """Slot by slot: what it holds, and when it was scored."""
    scores = [5.0, np.nan, -np.inf, 5.0, 9.0, 0.0, np.nan, np.inf, -np.inf, 1.0, -7.0]
    scored_at = [3, 8, 5, 2, 1, 9, 4, 0, 1, 0, 0]
    size = len(scores)
    is_scored = np.arange(size) != 9
    is_playing = np.arange(size) == 10
    buffer = make().init(jax.random.key(0))
    buffer = buffer._replace(
        score=jnp.array(scores),
        last_scored=jnp.array(scored_at),
        is_scored=jnp.array(is_scored),
        is_playing=jnp.array(is_playing),
    )
    kept = jnp.arange(size) == 4
    victims = choose_victims(buffer, kept, size)
    np.testing.assert_array_equal(victims, [9, 6, 1, 8, 2, 5, 3, 0, 7, 4, 10])


def test_metrics_speak_of_finite_scores():
    curriculum = make()
    buffer = curriculum.init(jax.random.key(0))
    assert np.isnan(curriculum.metrics(buffer)["buffer_score"])
    buffer = buffer._replace(
        score=jnp.array([jnp.nan, jnp.inf, -jnp.inf, 1.0, 3.0, 100.0, 100.0]),
        is_scored=jnp.arange(SIZE) < 5,
    )
    metrics = curriculum.metrics(buffer)
    assert metrics["buffer_scored"] == 5
    assert (metrics["buffer_score"], metrics["buffer_score_highest"]) == (2, 3)
    with_nothing = curriculum.metrics(buffer._replace(is_scored=jnp.arange(SIZE) < 3))
    assert np.isnan(with_nothing["buffer_score"]) and np.isnan(with_nothing["buffer_score_highest"])


@cache
def rounds_of(prioritisation, staleness):
    """A program, of a key and the score of all: which slots are taken, and which are replays."""
    curriculum = make(
        replay_probability=0.5,
        prioritisation=prioritisation,
        temperature=0.1,
        staleness=staleness,
    )
    everyone = jnp.ones(AGENTS, bool)

    @jax.jit
    def run(key, score):
        def turn(state, key):
            buffer, tickets = state
            buffer = curriculum.report(buffer, tickets, jnp.full(AGENTS, score), everyone)
            after, proposal = curriculum.propose(key, buffer, everyone)
            is_replay = after.is_scored[proposal.ticket]
            return (after, proposal.ticket), (proposal.ticket, is_replay)

        buffer, proposal = curriculum.propose(key, curriculum.init(key), everyone)
        keys = jax.random.split(key, 400)
        return jax.lax.scan(turn, (buffer, proposal.ticket), keys)[1]

    return run


@pytest.mark.parametrize("staleness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("prioritisation", ["rank", "proportional"])
@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, 0.0])
def test_equal_scores_round_after_round_replay_and_replace_every_slot(
    prioritisation, staleness, score
):
    run = rounds_of(prioritisation, staleness)
    tickets, is_replay = jax.tree.map(np.asarray, run(jax.random.key(0), score))
    for chosen in (tickets[is_replay], tickets[~is_replay]):
        counts = np.bincount(chosen, minlength=SIZE)
        assert counts.min() > 0.3 * counts.mean()


@pytest.mark.parametrize("prioritisation", ["rank", "proportional"])
@pytest.mark.parametrize("temperature", [1e-300, 1e300, float("inf")])
def test_no_temperature_makes_weights_no_numbers(prioritisation, temperature):
    scores = np.array([1.0, np.nan, -np.inf, 2.0], np.float32)
    config = BufferConfig(prioritisation=prioritisation, temperature=temperature)
    everything = np.ones(4, bool)
    found = np.exp(weigh(scores, np.arange(4.0, dtype=np.float32), everything, config))
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


def test_tiny_ages_are_ages():
    config = BufferConfig(staleness=1.0)
    ages = jnp.array([1e-35, 1e-35, 0.0, 0.0])
    found = np.exp(replay_log_weights(jnp.arange(4.0), ages, jnp.ones(4, bool), config))
    np.testing.assert_allclose(found, [0.5, 0.5, 0, 0], rtol=1e-5)


def test_fresh_tasks_are_edits_of_what_is_scored():
    """Levels lie between 0 and 1, edits move them by ten; nothing is edited before it is scored."""
    curriculum = make(replay_probability=0.0, edit=lambda key, level: level + 10.0)
    everyone = jnp.ones(AGENTS, bool)
    state = curriculum.init(jax.random.key(0))
    state, first = curriculum.propose(jax.random.key(1), state, everyone)
    assert (first.task.level < 1).all()
    state = curriculum.report(state, first.ticket, jnp.arange(3.0), jnp.array([True, True, False]))
    state, second = curriculum.propose(jax.random.key(2), state, everyone)
    edited = np.asarray(second.task.level)
    # Two were scored, so that two are edited and one is drawn.
    scored = np.asarray(first.task.level)[:2]
    np.testing.assert_allclose(np.sort(edited)[1:], np.sort(scored) + 10.0, rtol=1e-5)
    assert edited.min() < 1
    lifetimes = dict(zip(first.task.level.tolist(), first.task.lifetime.tolist(), strict=True))
    for level, lifetime in zip(edited, second.task.lifetime, strict=True):
        if level > 1:
            nearest = min(lifetimes, key=lambda one, level=level: abs(one + 10.0 - level))
            assert lifetimes[nearest] == lifetime
