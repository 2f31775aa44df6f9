"""Repeated games as a world, beside what their rules say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.games import SCRIPTS, RepeatedGames, battle_of_the_sexes, level, prisoners_dilemma

WORLD = RepeatedGames()
PARAMS = level(prisoners_dilemma()[None], [SCRIPTS["tit for tat"]], 4)


def match(params, actions, key=0):
    """Observations, rewards and ends of a match in which the agent plays `actions`."""
    observation, state = WORLD.reset(jax.random.key(key), params)
    shown, rewards, ends = [np.asarray(observation)], [], []
    for action in actions:
        observation, state, reward, terminated, _ = WORLD.step_env(
            jax.random.key(1), state, action, params
        )
        shown.append(np.asarray(observation))
        rewards.append(float(reward))
        ends.append(bool(terminated))
    return np.array(shown), rewards, ends, state


def test_a_match_against_tit_for_tat():
    shown, rewards, ends, _ = match(PARAMS, [1, 1, 0, 0])
    np.testing.assert_allclose(rewards, np.array([10, 5, 0, 8]) / 10 / 4, rtol=1e-6)
    assert ends == [False, False, False, True]
    # Nothing yet; 1 against 0; both 1; 0 against 1; both 0.
    assert shown[:, :5].argmax(axis=1).tolist() == [0, 3, 4, 2, 1]
    np.testing.assert_allclose(shown[:, 5], [0, 0.25, 0.5, 0.75, 1])
    payoffs = np.array([[8, 0], [10, 5], [8, 10], [0, 5]]) / 10
    np.testing.assert_allclose(shown[:, 7:], np.tile(payoffs.ravel(), (5, 1)), rtol=1e-6)


def test_a_match_ends_by_its_rounds_and_not_by_a_limit():
    _, _, _, state = match(PARAMS, [0, 0, 0])
    *_, terminated, truncated, _ = WORLD.step(jax.random.key(0), state, 0, PARAMS)
    assert terminated and not truncated


@pytest.mark.parametrize("payoffs", [-1 - prisoners_dilemma(), 0 * prisoners_dilemma()])
def test_games_that_pay_nothing_above_zero(payoffs):
    shown, rewards, *_ = match(level(payoffs[None], [SCRIPTS["tit for tat"]], 4), [1, 1, 0, 0])
    assert np.isfinite(shown).all() and (shown >= 0).all() and (shown <= 1).all()
    own = np.asarray(payoffs[0])[[1, 1, 0, 0], [0, 1, 1, 0]]
    np.testing.assert_allclose(rewards, own / max(np.abs(payoffs).max(), 1) / 4, rtol=1e-6)


def test_either_seat_sees_the_game_its_own_way():
    params = level(battle_of_the_sexes()[None], [SCRIPTS["stubborn"]], 4)
    found = set()
    for key in range(8):
        shown, rewards, _, state = match(params, [0, 1], key)
        seat = int(state.view.seat)
        assert shown[0][6] == seat
        # The other plays what it likes best: action 1 from the second seat, 0 from the first.
        expected = [0, 7] if seat == 0 else [7, 0]
        np.testing.assert_allclose(rewards, np.array(expected) / 10 / 4, rtol=1e-6)
        found.add(seat)
    assert found == {0, 1}


def test_games_seats_and_opponents_are_drawn_evenly():
    games = jnp.stack([prisoners_dilemma(), battle_of_the_sexes()])
    params = level(games, [SCRIPTS["always 0"], SCRIPTS["always 1"], SCRIPTS["turn-taker"]], 2)
    _, states = jax.vmap(WORLD.reset, in_axes=(0, None))(
        jax.random.split(jax.random.key(0), 2400), params
    )
    is_first_game = np.asarray(states.view.payoffs[:, 0, 0, 0] == 8)
    kinds = [is_first_game, np.asarray(states.view.seat), np.asarray(states.opponent.chances[:, 0])]
    counts = np.unique(np.stack(kinds), axis=1, return_counts=True)[1]
    assert counts.sum() == 2400 and len(counts) == 8
    # The turn-taker starts as one of the others does.
    assert counts.min() > 150 and counts.max() < 470


def test_the_world_is_one_and_the_same():
    assert RepeatedGames() == WORLD and hash(RepeatedGames()) == hash(WORLD)
    assert WORLD.default_params.opponents.chances.shape[:3] == (144, 2, len(SCRIPTS))
    assert WORLD.observation_space().shape == match(PARAMS, [])[0].shape[1:]
    assert WORLD.action_space().n == WORLD.num_actions == 2


@pytest.mark.parametrize("seat", [0, 1])
def test_opponents_play_their_own_seat(seat):
    """A machine that looks at payoffs is made for the seat it has."""
    params = level(battle_of_the_sexes()[None], [SCRIPTS["stubborn"]], 4)
    # Of the agent's seat; the opponent has the other.
    assert params.opponents.chances[0, seat, 0, 0] == (1 if seat == 0 else 0)
