"""Expectations beside playing, brute force and stationary chains."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.games import (
    SCRIPTS,
    battle_of_the_sexes,
    memory_one,
    prisoners_dilemma,
    view_from,
)
from rlsuite.games import (
    best_response,
    expected_totals,
    fictitious_play,
    hedge,
    scripted,
    tournament,
)

NAMES = list(SCRIPTS)
GAME = prisoners_dilemma()
ROUNDS = 5


def machine(name, payoffs=GAME, seat=0):
    return SCRIPTS[name].machine(view_from(payoffs, jnp.int32(seat), jnp.int32(ROUNDS)))


@pytest.mark.parametrize(
    ("names", "totals"),
    [
        (("always 0", "always 1"), (0, 100)),
        (("tit for tat", "defect once"), (74, 74)),
        # Of nine rounds in which it may probe, and the first: 10 × 0.1 + 8 × 0.9 in each.
        (("naive prober", "always 0"), (82, 72)),
        (("random", "random"), (57.5, 57.5)),
    ],
)
def test_totals_that_can_be_had_with_a_pencil(names, totals):
    found = expected_totals(GAME, *(machine(name) for name in names), 10)
    np.testing.assert_allclose(found, totals, rtol=1e-5)


def test_long_matches_pay_what_the_stationary_chain_does():
    """Of two plans that look at the last round, by the eigenvector of their joint chain."""
    chances = np.random.default_rng(0).uniform(0.1, 0.9, (2, 5))
    num_rounds = 4000
    found = expected_totals(
        GAME, *(memory_one(jnp.asarray(one, jnp.float32)) for one in chances), num_rounds
    )
    chain = np.zeros((4, 4))
    for last, (a, b) in enumerate(product((0, 1), repeat=2)):
        p, q = chances[0][1 + 2 * a + b], chances[1][1 + 2 * b + a]
        chain[last] = np.outer([1 - p, p], [1 - q, q]).ravel()
    values, vectors = np.linalg.eig(chain.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    expected = np.asarray(GAME).reshape(2, 4) @ stationary
    np.testing.assert_allclose(found / num_rounds, expected, rtol=2e-3)


def test_expectations_are_the_means_of_matches():
    players = [scripted(SCRIPTS[name]) for name in ("naive prober", "random", "tit for tat")]
    played = jax.jit(
        lambda key: tournament(players, GAME[None], key, num_rounds=ROUNDS, num_draws=4000).totals
    )(jax.random.key(0))
    for i, first in enumerate(("naive prober", "random", "tit for tat")):
        for j, second in enumerate(("naive prober", "random", "tit for tat")):
            expected = expected_totals(GAME, machine(first), machine(second), ROUNDS)
            of_matches = np.asarray(played[i, j, 0, 0])
            error = 4 * of_matches.std() / np.sqrt(of_matches.size) + 1e-3
            assert abs(of_matches.mean() - expected[0]) < error


@pytest.mark.parametrize(
    "name",
    [
        "tit for two tats",
        "hard tit for tat",
        "reverse tit for tat",
        "win-stay lose-shift",
        "alternating 0 1",
        "grim trigger",
    ],
)
def test_the_best_response_is_the_best_of_all_sequences(name):
    opponent = machine(name)
    payoffs, chances = np.asarray(GAME)[0], np.asarray(opponent.chances)
    successors = np.asarray(opponent.successors)
    totals = []
    for plan in product((0, 1), repeat=ROUNDS):
        place, total = 0, 0.0
        for action in plan:
            other = int(chances[place])
            total += payoffs[action, other]
            place = successors[place, other, action]
        totals.append(total)
    found = best_response(GAME[0], opponent, ROUNDS)
    assert float(found.total) == max(totals)
    # Its actions come to that.
    place, total = 0, 0.0
    for now in range(ROUNDS):
        action, other = int(found.actions[now, place]), int(chances[place])
        total += payoffs[action, other]
        place = successors[place, other, action]
    assert total == max(totals)


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("always 0", 100),
        ("always 1", 50),
        # All but the last round cooperate.
        ("tit for tat", 82),
        ("grim trigger", 82),
        # Nine rounds of 0.9 × 8, and a last one of 0.9 × 10 + 0.1 × 5.
        ("naive prober", 9 * 7.2 + 9.5),
    ],
)
def test_best_responses_to_well_known_players(name, total):
    found = best_response(GAME[0], machine(name), 10)
    assert float(found.total) == pytest.approx(total, rel=1e-5)


def test_nobody_does_better_than_the_best_response():
    names = ("tit for tat", "hard tit for tat", "win-stay lose-shift", "stubborn", "turn-taker")
    players = {name: scripted(SCRIPTS[name]) for name in names}
    learners = {"hedge": hedge(), "predictor": fictitious_play(1), "average": fictitious_play()}
    games = jnp.stack([GAME, battle_of_the_sexes()])
    totals = jax.jit(
        lambda key: (
            tournament(
                [*players.values(), *learners.values()], games, key, num_rounds=ROUNDS, num_draws=4
            ).totals
        )
    )(jax.random.key(0))
    for j, name in enumerate(players):
        for seat in (0, 1):
            for game, payoffs in enumerate(games):
                own = view_from(payoffs, jnp.int32(seat), jnp.int32(ROUNDS)).own
                best = best_response(own, machine(name, payoffs, 1 - seat), ROUNDS).total
                assert (totals[:, j, seat, game] <= best + 1e-4).all()


def test_grim_trigger_is_worth_cooperating_with_while_a_match_will_hardly_stop():
    """Cooperating pays 8 / h and defecting 10 + 5 (1 - h) / h, the same at h = 0.6."""
    stops = jnp.array([0.01, 0.4, 0.6, 0.8])
    grim = machine("grim trigger", seat=1)
    found = jax.jit(jax.vmap(lambda stop: best_response(GAME[0], grim, 2500, stop)))(stops)
    cooperating, defecting = 8 / stops, 10 + 5 * (1 - stops) / stops
    np.testing.assert_allclose(found.total, np.maximum(cooperating, defecting), rtol=1e-4)
    np.testing.assert_array_equal(found.actions[[0, 1, 3], 0, 0], [0, 0, 1])
    kept = jax.jit(lambda stop: expected_totals(GAME, grim, grim, 2500, stop))(stops[0])
    np.testing.assert_allclose(kept, [cooperating[0]] * 2, rtol=1e-4)
