"""Players for payoffs that change, beside their formulas."""

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.bandits import (
    begin,
    discounted_ucb,
    exp3,
    explore_then_stay,
    in_blocks,
    sliding_window_ucb,
    ucb1,
)
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import Bandit, Payoff

MEANS = jnp.array([0.2, 0.8, 0.5])


def certain(means_at):
    """A bandit that pays `means_at(round)[action]` for certain."""

    def pull(key, instance, now, action):
        mean = means_at(now)[action]
        return now + 1, Payoff(mean, mean)

    return Bandit(3, lambda instance: jnp.int32(0), pull)


STEADY = certain(lambda now: MEANS)


def played(player, num_rounds, bandit=STEADY, num_agents=2):
    keys = jax.random.split(jax.random.key(0), num_agents)
    games = jax.vmap(lambda key: begin(bandit, player, key, ()))(keys)
    return jax.jit(lambda games: play_rounds(bandit, player, games, jnp.int32(0), num_rounds))(
        games
    )


def test_exp3_weighs_losses_by_how_likely_they_were_seen():
    games, rounds = played(exp3(3, 1000), 300)
    rate = np.sqrt(2 * np.log(3) / 3000)
    for game in range(2):
        losses = np.zeros(3)
        for action in np.asarray(rounds.action[:, game]):
            chances = np.exp(-rate * losses) / np.exp(-rate * losses).sum()
            losses[action] += (1 - float(MEANS[action])) / chances[action]
        np.testing.assert_allclose(games.player[game], losses - losses.min(), rtol=1e-3, atol=1e-3)
    assert np.mean(played(exp3(3, 3000), 3000)[1].action[-1000:] == 1) > 0.7


def test_blocks_are_of_one_action_and_their_average_is_what_is_learned():
    games, rounds = played(in_blocks(ucb1(3), 5), 100)
    actions = np.asarray(rounds.action).reshape(20, 5, 2)
    assert (actions == actions[:, :1]).all()
    np.testing.assert_array_equal(games.player.player.plays.sum(axis=1), 20)
    alone, _ = played(ucb1(3), 20)
    np.testing.assert_array_equal(games.player.player.plays, alone.player.plays)
    np.testing.assert_allclose(games.player.player.mean, np.tile(MEANS, (2, 1)), rtol=1e-5)


def test_discounted_ucb_forgets():
    changing = certain(lambda now: jnp.where(now < 500, MEANS, MEANS[::-1] * jnp.array([1, 0, 1])))
    _, rounds = played(discounted_ucb(3, discount=0.95, exploration=0.02), 1000, changing)
    shares = [
        np.mean(np.asarray(part) == best)
        for part, best in ((rounds.action[400:500], 1), (rounds.action[900:], 0))
    ]
    assert min(shares) > 0.5


def test_a_sliding_window_is_the_average_of_its_rounds():
    window = 12
    changing = certain(lambda now: jnp.where(now < 150, MEANS, MEANS[::-1] * jnp.array([1, 0, 1])))
    games, rounds = played(sliding_window_ucb(3, window), 300, changing)
    actions, paid = (np.asarray(column[:, 0]) for column in rounds)
    for now in range(300):
        recent = slice(max(0, now - window), now)
        plays, total = (
            np.bincount(actions[recent], weights=what, minlength=3)
            for what in (None, np.float64(paid[recent]))
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            index = total / plays + np.sqrt(0.5 * np.log(min(now, window) or 1) / plays)
        index[plays == 0] = np.inf
        assert actions[now] in np.flatnonzero(index >= index.max() - 1e-4)
    np.testing.assert_array_equal(games.player.plays.sum(axis=1), window)
    assert np.mean(actions[100:150] == 1) > 0.5 and np.mean(actions[200:] == 0) > 0.4


def test_who_explores_first_stays_at_the_best():
    games, rounds = played(explore_then_stay(3, num_samples=4, burn_in=2), 40)
    assert rounds.action[:, 0].tolist() == [0] * 6 + [1] * 6 + [2] * 6 + [1] * 22
    np.testing.assert_array_equal(games.player.plays, 4)
