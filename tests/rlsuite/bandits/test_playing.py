"""Games side by side, beside the same in a plain loop of NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import (
    always,
    begin,
    epsilon_greedy,
    mean_payoffs,
    oracle_greedy,
    play,
    sequence,
    successive_elimination,
    ucb1,
    uniformly_random,
)
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import Bandit, Payoff, bernoulli, noiseless

MEANS = jnp.array([0.2, 0.6, 0.5])


def plain(noise=bernoulli):
    """A bandit without memory; an instance is the means of its arms."""

    def pull(key, means, state, action):
        mean = means[action]
        return state, Payoff(noise(key, mean), mean)

    return Bandit(3, lambda means: (), pull)


def played(player, *, num_agents=8, num_rounds=400, bandit=None):
    bandit = bandit or plain()
    keys = jax.random.split(jax.random.key(0), num_agents)
    games = jax.vmap(lambda key: begin(bandit, player, key, MEANS))(keys)
    return jax.jit(lambda games: play_rounds(bandit, player, games, jnp.int32(0), num_rounds))(
        games
    )


def observed(games, rounds):
    """What every game's draws were, anew from its key."""
    keys = jax.vmap(lambda now: jax.vmap(lambda key: jax.random.fold_in(key, 2 * now))(games.key))(
        jnp.arange(rounds.mean.shape[0])
    )
    return np.asarray(jax.vmap(jax.vmap(bernoulli))(keys, rounds.mean))


def test_ucb1_is_the_textbooks():
    games, rounds = played(ucb1(3))
    paid = observed(games, rounds)
    for game in range(2):
        counts, totals = np.zeros(3), np.zeros(3)
        for now, (action, payoff) in enumerate(
            zip(rounds.action[:, game], paid[:, game], strict=True)
        ):
            if now < 3:
                best = {now}
            else:
                index = totals / counts + np.sqrt(2 * np.log(now) / counts)
                best = set(np.flatnonzero(index >= index.max() - 1e-5))
            assert int(action) in best
            counts[action] += 1
            totals[action] += payoff
    np.testing.assert_array_equal(games.player.plays.sum(axis=1), 400)


def test_elimination_without_burn_in_is_the_textbooks_action_for_action():
    games, rounds = played(successive_elimination(3, 400), num_agents=4)
    paid = observed(games, rounds)
    log_term = np.log(2 * 3 * 400)
    for game in range(4):
        expected, active, epoch = [], [0, 1, 2], 0
        while len(expected) < 400:
            num = int(np.ceil(4.0**epoch * log_term))
            start = len(expected)
            for action in active:
                expected += [action] * num
            if len(expected) > 400:  # A block that is cut drops nothing.
                break
            means = paid[start : len(expected), game].reshape(len(active), num).mean(axis=1)
            radius = np.sqrt(log_term / (2 * num))
            active = [
                action
                for action, mean in zip(active, means, strict=True)
                if mean >= means.max() - 2 * radius - 1e-6
            ]
            epoch += 1
        assert rounds.action[:, game].tolist() == expected[:400]


def test_elimination_finds_the_best_where_nothing_is_drawn_at_random():
    games, rounds = played(
        successive_elimination(3, 8000), num_agents=1, num_rounds=8000, bandit=plain(noiseless)
    )
    assert games.player.is_active[0].tolist() == [False, True, False]
    assert (rounds.action[-100:] == 1).all()


def test_burn_in_counts_in_the_regret_and_not_in_the_estimates():
    """Payoffs of the first three rounds of a run are 0, later ones those of the means."""

    def pull(key, means, state, action):
        last, run = state
        run = jnp.where(action == last, run + 1, 1)
        mean = jnp.where(run > 3, means[action], 0.0)
        return (action, run), Payoff(mean, mean)

    bandit = Bandit(3, lambda means: (jnp.int32(-1), jnp.int32(0)), pull)
    first_epoch = int(np.ceil(np.log(2 * 3 * 400)))
    games, rounds = played(
        successive_elimination(3, 400, burn_in=3),
        num_agents=1,
        num_rounds=3 + first_epoch - 1,
        bandit=bandit,
    )
    np.testing.assert_allclose(games.player.mean[0], [0.2, 0, 0], rtol=1e-6)
    assert (rounds.mean[:3] == 0).all() and (rounds.action == 0).all()


def test_simple_players():
    assert (played(always(jnp.argmax), num_agents=2)[1].action == 1).all()
    assert (played(oracle_greedy(plain()), num_agents=2)[1].action == 1).all()
    cycle = played(sequence(lambda means: jnp.array([2, 0])), num_agents=1, num_rounds=4)[1]
    assert cycle.action[:, 0].tolist() == [2, 0, 2, 0]
    shares = np.bincount(np.ravel(played(uniformly_random(3))[1].action)) / 3200
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)
    _, rounds = played(epsilon_greedy(3, 0.3), bandit=plain(noiseless))
    assert rounds.action[:3, 0].tolist() == [0, 1, 2]
    shares = np.bincount(np.ravel(rounds.action[3:])) / rounds.action[3:].size
    np.testing.assert_allclose(shares, [0.1, 0.8, 0.1], atol=0.03)


@pytest.fixture(scope="module")
def method():
    return play(
        plain(),
        ucb1(3),
        lambda key: MEANS,
        num_agents=16,
        rounds_per_step=50,
        benchmark=jnp.max,
    )


def test_a_step_is_some_rounds_of_every_game_and_regret_counts_means(method):
    state = method.init(jax.random.key(0))
    step = jax.jit(method.step)
    games = state.games
    for number in range(1, 4):
        state, metrics = step(state)
        _, rounds = play_rounds(plain(), ucb1(3), games, jnp.int32(0), 50 * number)
        means = np.asarray(rounds.mean, np.float64)
        assert metrics["payoff"] == pytest.approx(means[-50:].mean(), abs=1e-5)
        assert metrics["regret"] == pytest.approx((0.6 - means).sum(axis=0).mean(), rel=1e-4)
    assert state.round == 150
    np.testing.assert_allclose(state.mean_payoff, means.mean(axis=0), rtol=1e-5)


def test_ucb1_learns(method):
    _, metrics = jax.jit(lambda state: jax.lax.scan(lambda s, _: method.step(s), state, length=40))(
        method.init(jax.random.key(0))
    )
    assert metrics["payoff"][0] < 0.52 and metrics["payoff"][-1] > 0.57


def test_blocks_are_averages_of_rounds():
    bandit, player = plain(), ucb1(3)
    keys = jax.random.split(jax.random.key(0), 3)
    games = jax.vmap(lambda key: begin(bandit, player, key, MEANS))(keys)
    _, rounds = play_rounds(bandit, player, games, jnp.int32(0), 60)
    _, blocks = mean_payoffs(bandit, player, games, 3, 20)
    expected = np.asarray(rounds.mean).reshape(3, 20, 3).mean(axis=1)
    np.testing.assert_allclose(blocks, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["num_agents", "rounds_per_step"])
def test_sizes_below_one_are_refused(name):
    sizes = {"num_agents": 1, "rounds_per_step": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name}: 0 is not allowed; it must be at least 1"):
        play(plain(), ucb1(3), lambda key: MEANS, **sizes)
