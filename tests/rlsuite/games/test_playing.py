"""Tournaments beside a plain loop, and beside totals that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.games import (
    SCRIPTS,
    battle_of_the_sexes,
    ordinal_games,
    prisoners_dilemma,
    swap_roles,
)
from rlsuite.games import fictitious_play, hedge, scripted, tournament

PD_AND_BOS = jnp.stack([prisoners_dilemma(), battle_of_the_sexes()])


def those(*names):
    return {name: scripted(SCRIPTS[name]) for name in names}


PLAYERS = {**{name: scripted(script) for name, script in SCRIPTS.items()}, "hedge": hedge()}
NAMES = list(PLAYERS)


@pytest.fixture(scope="module")
def record():
    """All scripts and a learner that draws, at the case studies."""
    return jax.jit(
        lambda key: tournament(list(PLAYERS.values()), PD_AND_BOS, key, num_rounds=10, num_draws=2)
    )(jax.random.key(0))


@pytest.mark.parametrize(
    ("player", "totals"),
    [
        ("grim trigger", [80, 45, 90, 80, 50, 85]),
        ("tit for tat", [80, 45, 74, 80, 50, 51]),
        ("always 1", [100, 50, 95, 55, 50, 95]),
        ("win-stay lose-shift", [80, 25]),
        ("hard tit for tat", [80, 45]),
    ],
)
def test_totals_of_the_papers_prisoners_dilemma(record, player, totals):
    opponents = [
        *("always 0", "always 1", "defect once"),
        *("tit for tat", "suspicious tit for tat", "reverse tit for tat"),
    ][: len(totals)]
    places = [NAMES.index(name) for name in opponents]
    for seat in (0, 1):  # The game is symmetric.
        np.testing.assert_allclose(record.totals[NAMES.index(player), places, seat, 0, 0], totals)


def test_totals_of_the_papers_battle_of_the_sexes(record):
    def total(player, opponent, seat):
        return float(record.totals[NAMES.index(player), NAMES.index(opponent), seat, 1, 0])

    assert [total("stubborn", "always 0", seat) for seat in (0, 1)] == [100, 0]
    assert [total("stubborn", "alternating 0 1", seat) for seat in (0, 1)] == [50, 50]
    assert [total("turn-taker", "turn-taker", seat) for seat in (0, 1)] == [85, 85]


def test_both_seats_tell_of_the_same_match(record):
    actions, payoffs = np.asarray(record.actions), np.asarray(PD_AND_BOS)
    for i, j in [(0, 1), (3, 9), (12, 18), (18, 18)]:
        for game in range(2):
            first, second = actions[:, i, j, 0, game], actions[:, j, i, 1, game]
            for seat, (me, you) in enumerate(((i, j), (j, i))):
                np.testing.assert_allclose(
                    record.totals[me, you, seat, game],
                    payoffs[game, seat][first, second].sum(axis=0),
                )


def test_a_plain_loop_plays_the_same_matches(record):
    """Learners that draw nothing, match by match."""
    players = {**those("tit for tat", "win-stay lose-shift"), "predictor": fictitious_play(1)}
    games = ordinal_games()[[5, 40, 77]]
    found = jax.jit(lambda key: tournament(list(players.values()), games, key, num_rounds=6))(
        jax.random.key(0)
    )
    for game, payoffs in enumerate(games):
        for i, first in enumerate(players):
            for j, second in enumerate(players):
                views = [payoffs, np.asarray(swap_roles(payoffs))]
                moves = []
                for _ in range(6):
                    moves.append(
                        (
                            plain(first, views[0][0], moves),
                            plain(second, views[1][0], [move[::-1] for move in moves]),
                        )
                    )
                assert found.actions[:, i, j, 0, game, 0].tolist() == [a for a, _ in moves]
                assert found.actions[:, j, i, 1, game, 0].tolist() == [b for _, b in moves]


def plain(name, own, moves):
    """What a player does after `moves`, pairs of its own action and the other's."""
    if name == "tit for tat":
        return moves[-1][1] if moves else 0
    if name == "win-stay lose-shift":
        if not moves:
            return 0
        mine, yours = moves[-1]
        return mine if own[mine][yours] >= own.mean() else 1 - mine
    context = moves[-1] if moves else None
    before = [None, *moves[:-1]]
    seen = [b for (_, b), last in zip(moves, before, strict=False) if last == context]
    counts = np.array([1 + seen.count(0), 1 + seen.count(1)])
    worth = own @ counts
    return int(worth[1] > worth[0] + 1e-6)


def test_the_same_key_gives_the_same_matches_and_another_key_others(record):
    def play(key):
        return tournament([hedge()], PD_AND_BOS, key, num_rounds=8, num_draws=16).actions

    program = jax.jit(play)
    first, again, other = (program(jax.random.key(seed)) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    # Matches of one player draw for themselves.
    assert (first[..., 0] != first[..., 1]).any() and (first[:, 0, 0, 0] != first[:, 0, 0, 1]).any()


def test_what_actions_are_called_changes_nothing_for_those_who_look_at_payoffs():
    players = [scripted(SCRIPTS[name]) for name in ("stubborn", "maximin")]
    games = jnp.asarray(ordinal_games())
    play = jax.jit(lambda games: tournament(players, games, jax.random.key(0), num_rounds=3).totals)
    np.testing.assert_array_equal(play(games), play(games[:, :, ::-1, :]))
    np.testing.assert_array_equal(play(games), play(games[:, :, :, ::-1]))


@pytest.mark.parametrize(
    ("players", "sizes", "message"),
    [
        ([], {}, "players: 0 is not allowed; it must be at least 1"),
        ([hedge()], {"num_rounds": 0}, "num_rounds: 0 is not allowed"),
        ([hedge()], {"num_draws": 0}, "num_draws: 0 is not allowed"),
    ],
)
def test_tournaments_of_nothing_are_refused(players, sizes, message):
    with pytest.raises(ValueError, match=message):
        tournament(players, PD_AND_BOS, jax.random.key(0), **{"num_rounds": 2, **sizes})
