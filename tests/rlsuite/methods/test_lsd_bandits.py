"""The relaxation, its rounding and the learner, beside linear programming and exact values."""

from fractions import Fraction
from itertools import product
from math import lcm

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import isotonic_regression, linprog

from rlsuite.bandits import begin, best_average, mean_payoffs, oracle_greedy
from rlsuite.bandits.interleaving import (
    Schedule,
    choose,
    cycles,
    draw_schedule,
    interleaved,
    plan,
    relaxation,
    virtual_round,
)
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import (
    NAMED,
    SwitchStates,
    last_switch_bandit,
    last_switch_graph,
    noiseless,
    pinwheel,
    random_monotone,
    recharging,
)
from rlsuite.method import train
from rlsuite.methods.lsd_bandits import (
    LSDBanditsConfig,
    Visits,
    exploration,
    explore_then_commit,
    lsd_bandits,
    monotone,
)

STATES = SwitchStates(3, 4)


@jax.jit
def relaxed(payoffs):
    return relaxation(cycles(STATES, payoffs))


@pytest.fixture(scope="module")
def instances():
    keys = jax.random.split(jax.random.key(0), 32)
    return jax.jit(jax.vmap(lambda key: random_monotone(key, 3, STATES)))(keys)


def by_linear_programming(states, payoffs):
    """The primal, with cycles listed by hand, also longer ones than the dual needs."""
    num_arms = len(payoffs)
    found = []
    for arm, pays in enumerate(np.asarray(payoffs, np.float64)):
        played = [pays[max(states.num_plays - j, 0)] for j in range(1, 2 * states.num_plays + 3)]
        found.append((arm, 1, 1, pays[0]))
        for n, k in product(range(1, states.num_rests + 4), range(1, 2 * states.num_plays + 3)):
            rested = pays[states.num_plays + min(n, states.num_rests) - 1]
            found.append((arm, n + k, k, rested + sum(played[: k - 1])))
    arms, lengths, plays, gains = map(np.array, zip(*found, strict=True))
    limits = np.stack([*(lengths * (arms == arm) for arm in range(num_arms)), plays])
    return -linprog(-gains, A_ub=limits, b_ub=np.ones(num_arms + 1)).fun


def test_the_dual_is_the_primal(instances):
    found = jax.vmap(relaxed)(instances)
    for payoffs, value in zip(instances, found.value, strict=True):
        assert float(value) == pytest.approx(by_linear_programming(STATES, payoffs), abs=1e-6)


def test_shares_are_feasible_and_worth_the_value(instances):
    solved = jax.vmap(relaxed)(instances)
    choices = cycles(STATES, instances[0])
    rates = np.asarray(solved.shares) / choices.length
    assert (rates >= 0).all() and (np.asarray(solved.shares).sum(axis=-1) <= 1 + 1e-6).all()
    assert ((rates * choices.num_plays).sum(axis=(1, 2)) <= 1 + 1e-5).all()
    gains = jax.vmap(lambda payoffs: cycles(STATES, payoffs).payoffs)(instances)
    np.testing.assert_allclose((rates * gains).sum(axis=(1, 2)), solved.value, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("satiating_trio", 0.6821),
        ("greedy_trap", 0.5),
        ("pinwheel_2_4_4", 1),
        ("pinwheel_2_3_6", 1),
        ("pinwheel_2_3_12", 0.9167),
    ],
)
def test_relaxations_of_named_instances(name, value):
    states, payoffs = NAMED[name]()
    found = jax.jit(lambda payoffs: relaxation(cycles(states, payoffs)).value)(payoffs)
    assert float(found) == pytest.approx(value, abs=5e-5)


def test_one_arm_that_always_pays_the_same_is_worth_that():
    assert float(relaxed(jnp.full((1, 7), 0.4)).value) == pytest.approx(0.4)
    alternating = jax.jit(lambda payoffs: relaxation(cycles(SwitchStates(1, 1), payoffs)))
    assert float(alternating(np.array([[0.0, 0.7]], np.float32)).value) == pytest.approx(0.35)


def test_where_plays_in_a_row_do_not_matter_one_dimension_is_enough(instances):
    """Recharging bandits: Σ τ x(τ) ≤ 1 for each arm, and Σ x ≤ 1."""
    for payoffs in instances[:6]:
        flat = np.asarray(recharging(STATES, payoffs), np.float64)
        delays = np.arange(1, 6)
        gains = flat[:, STATES.num_plays - 1 :]
        limits = [
            *(np.kron(np.eye(3)[arm], delays) for arm in range(3)),
            np.ones(15),
        ]
        one = -linprog(-gains.ravel(), A_ub=np.array(limits), b_ub=np.ones(4)).fun
        assert float(relaxed(jnp.asarray(flat, jnp.float32)).value) == pytest.approx(one, abs=1e-6)


def test_nobody_beats_the_optimum_nor_the_optimum_the_relaxation(instances):
    few = instances[:6]
    bounds = np.asarray(jax.jit(jax.vmap(relaxed))(few).value)
    best = jax.jit(jax.vmap(lambda p: best_average(last_switch_graph(STATES, p))))(few)
    best = jax.tree.map(np.asarray, best)
    assert (best.low <= bounds + 1e-5).all() and (best.high - best.low < 1e-3).all()
    bandit = last_switch_bandit(3, STATES, noiseless)
    keys = jax.random.split(jax.random.key(1), 6)
    for player in (oracle_greedy(bandit), interleaved(STATES)):

        @jax.jit
        def played(few, player=player):
            games = jax.vmap(lambda key, p: begin(bandit, player, key, p))(keys, few)
            return mean_payoffs(bandit, player, games, 2, 840)[1]

        # The first rounds, when all are rested, are nobody's average.
        assert (np.asarray(played(few))[1] <= best.high + 2e-3).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("satiating_trio", 0.6629),
        ("greedy_trap", 0.06),
        ("pinwheel_2_4_4", 1),
        ("pinwheel_2_3_6", 0.857),
        ("pinwheel_2_3_12", 0.7693),
    ],
)
def test_greedy_gets_what_it_is_said_to_get(name, value):
    """Ties are broken in favour of the first arm."""
    states, payoffs = NAMED[name]()
    bandit = last_switch_bandit(len(payoffs), states, noiseless)
    player = oracle_greedy(bandit)
    game = jax.tree.map(
        lambda leaf: leaf[None], begin(bandit, player, jax.random.key(0), jnp.asarray(payoffs))
    )
    _, blocks = mean_payoffs(bandit, player, game, 2, 840)
    assert float(blocks[1, 0]) == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize(
    ("periods", "value"),
    [
        ((2, 4, 4), Fraction(23, 32)),
        ((2, 3, 6), Fraction(13, 18)),
        # As tight as the floor of 1 − 1/e is in the limit: 1 − (1 − 1/N)^N of a relaxation of 1.
        ((3,) * 3, 1 - Fraction(2, 3) ** 3),
        ((4,) * 4, 1 - Fraction(3, 4) ** 4),
    ],
)
def test_pinwheels_pay_what_independent_arms_would(periods, value):
    """1 − Π (1 − 1/d), exactly, over all offsets of the schedule in which arm i waits for d_i."""
    states, payoffs = pinwheel(*periods)
    table = jnp.asarray(payoffs)
    length = jnp.array(periods)
    rounds = lcm(*periods)

    def paid(offset):
        schedule = Schedule(length - 1, length, offset, table)
        bandit = last_switch_bandit(len(periods), states, noiseless)
        later = jnp.arange(2 * rounds)

        def one(state, now):
            action = choose(states, schedule, now)
            state, payoff = bandit.pull(jax.random.key(0), table, state, action)
            return state, payoff.mean

        return jax.lax.scan(one, bandit.init(table), later)[1][rounds:].sum()

    offsets = jnp.array(list(product(*map(range, periods))))
    total = float(jax.jit(jax.vmap(paid))(offsets).sum())
    assert Fraction(round(total), rounds * len(offsets)) == value
    draw = jax.jit(jax.vmap(lambda key: plan(states, key, table)))
    drawn = draw(jax.random.split(jax.random.key(0), 64))
    np.testing.assert_array_equal(drawn.length, np.broadcast_to(periods, (64, len(periods))))


def test_what_is_played_pays_at_least_its_virtual_payoff(instances):
    """In a million rounds, after the longest cycle; on other payoffs it need not."""
    bandit, player = last_switch_bandit(3, STATES, noiseless), interleaved(STATES)

    @jax.jit
    def shortfalls(payoffs):
        keys = jax.random.split(jax.random.key(2), len(payoffs))
        games = jax.vmap(lambda key, p: begin(bandit, player, key, p))(keys, payoffs)
        _, rounds = play_rounds(bandit, player, games, jnp.int32(0), 1000)
        schedules = games.player
        virtual = jax.vmap(
            lambda now: jax.vmap(lambda one: virtual_round(STATES, one, now).max())(schedules)
        )(jnp.arange(1000))
        return jnp.sum((rounds.mean < jnp.maximum(virtual, 0) - 1e-6)[12:])

    many = jnp.tile(instances, (32, 1, 1))
    assert shortfalls(many) == 0
    shuffled = jax.random.permutation(jax.random.key(3), many, axis=2, independent=True)
    assert shortfalls(shuffled) > 0


def test_the_mean_over_draws_has_the_floor(instances):
    bandit, player = last_switch_bandit(3, STATES, noiseless), interleaved(STATES)
    keys = jax.random.split(jax.random.key(4), (32, 64))

    @jax.jit
    def ratios(keys):
        of_draws = jax.vmap(lambda key, p: begin(bandit, player, key, p), in_axes=(0, None))
        games = jax.vmap(of_draws)(keys, instances)
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), games)
        _, blocks = mean_payoffs(bandit, player, flat, 2, 420)
        return blocks[1].reshape(32, 64).mean(axis=1) / jax.vmap(relaxed)(instances).value

    assert (ratios(keys) > 1 - 1 / np.e).all()


def test_schedules_are_drawn_by_their_shares_and_offsets_evenly():
    """Also none, where an arm rests for good the rest of the time."""
    choices = cycles(SwitchStates(1, 2), jnp.zeros((2, 3)))
    assert choices.length.tolist() == [2, 3, 1]
    shares = jnp.array([[0.5, 0.2, 0.0], [0.0, 0.6, 0.4]])
    draw = jax.jit(jax.vmap(lambda key: draw_schedule(key, choices, shares, jnp.zeros((2, 3)))))
    found = draw(jax.random.split(jax.random.key(0), 10_000))
    lengths, offsets = np.asarray(found.length), np.asarray(found.offset)
    for arm, wanted in enumerate(({0: 0.3, 2: 0.5, 3: 0.2}, {1: 0.4, 3: 0.6})):
        values, counts = np.unique(lengths[:, arm], return_counts=True)
        assert values.tolist() == list(wanted)
        np.testing.assert_allclose(counts / 10_000, list(wanted.values()), atol=0.02)
        for length in wanted:
            of_them = offsets[lengths[:, arm] == length, arm]
            even = np.bincount(of_them, minlength=max(length, 1)) / of_them.size
            np.testing.assert_allclose(even, 1 / max(length, 1), atol=0.04)
    # Arms draw for themselves.
    both = np.mean((lengths[:, 0] == 2) & (lengths[:, 1] == 3))
    assert both == pytest.approx(0.3, abs=0.02)
    idle = np.select([lengths == 0, lengths == 1], [0, 0], lengths - 1)
    np.testing.assert_array_equal(found.num_idle, idle)


def test_isotonic_regression_is_scipys():
    random = np.random.default_rng(0)
    count = random.integers(1, 9, (5, 7))
    mean = random.random((5, 7)).astype(np.float32)
    found = jax.jit(monotone)(Visits(jnp.asarray(count, jnp.int32), jnp.asarray(mean)))
    for ours, weights, values in zip(found, count, mean, strict=True):
        np.testing.assert_allclose(ours, isotonic_regression(values, weights=weights).x, rtol=1e-5)


def test_exploration_visits_every_state_and_commits_to_what_it_found():
    """Without noise it knows the payoffs afterwards, and plays as one who was told them."""
    bandit = last_switch_bandit(2, STATES, noiseless)
    explored = exploration(2, STATES, horizon=1000, num_repeats=2)
    player = explore_then_commit(2, STATES, explored)

    @jax.jit
    def explore():
        payoffs = random_monotone(jax.random.key(5), 2, STATES)
        game = begin(bandit, player, jax.random.key(0), payoffs)
        games = jax.tree.map(lambda leaf: leaf[None], game)
        games, _ = play_rounds(bandit, player, games, jnp.int32(0), explored.num_rounds)
        return payoffs, games.player, plan(STATES, game.player.key, payoffs)

    payoffs, after, informed = explore()
    assert (after.visits.plays[0] >= 2).all()
    np.testing.assert_allclose(after.visits.mean[0], payoffs, rtol=1e-6)
    for ours, theirs in zip(after.schedule, informed, strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-6)


def test_repeats_follow_the_horizon_and_short_ones_are_refused():
    one = exploration(3, STATES, 1000).actions.size
    assert one == 3 * (1 + sum(n + 4 for n in range(1, 5)))
    assert exploration(3, STATES, 10**6).num_repeats == round((10**6 / one) ** (2 / 3))
    with pytest.raises(ValueError, match="horizon: 50 is not allowed; it must be at least 81"):
        exploration(3, STATES, 50)


def test_learners_come_close_to_the_planner_who_knows():
    """On the trap, where greedy learns to get 0.06 of 0.5."""
    config = LSDBanditsConfig(
        instances="greedy_trap", horizon=4000, num_agents=64, rounds_per_step=500
    )
    _, metrics = jax.jit(train(lsd_bandits(config), 8))(jax.random.key(0))
    assert metrics["payoff"][0] < 0.3 < 0.42 < metrics["payoff"][-1]
    assert metrics["regret"][-1] == pytest.approx(
        4000 * (0.5 - float(metrics["mean_payoff"][-1])), rel=1e-3
    )
