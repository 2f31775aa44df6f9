"""Learners within a match: predictions, regret, bandits and networks."""

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import epsilon_greedy, exp3
from rlsuite.envs.games import (
    SCRIPTS,
    RepeatedGames,
    battle_of_the_sexes,
    level,
    ordinal_games,
    prisoners_dilemma,
)
from rlsuite.games import by_policy, fictitious_play, from_bandit, hedge, scripted, tournament
from rlsuite.rollout import Policy, episode_returns

BOS = battle_of_the_sexes()[None]


def totals(players, games=BOS, **sizes):
    sizes = {"num_rounds": 10, **sizes}
    return np.asarray(
        jax.jit(lambda key: tournament(players, games, key, **sizes).totals)(jax.random.key(0))
    )


def test_predictors_learn_to_take_turns():
    """Against the alternator, where stubborn play has 50 and 85 is the best there is."""
    alternator = scripted(SCRIPTS["alternating 0 1"])
    players = [alternator, *(fictitious_play(order) for order in (0, 1, 2))]
    found = totals(players)[1:, 0, :, 0, 0]
    assert (found[0] <= 50).all()
    assert (found[1:] > 60).all() and (found <= 85).all()
    # In long matches what the first rounds cost is nothing.
    late = totals(players[:3:2], num_rounds=400)[1, 0, :, 0, 0]
    assert (late > 0.97 * 8.5 * 400).all()


def test_hedge_has_little_regret():
    """On average, against players that do not care what it does."""
    names = ("always 0", "always 1", "alternating 0 1", "random")
    players = [hedge(), *(scripted(SCRIPTS[name]) for name in names)]
    record = jax.jit(
        lambda key: tournament(players, ordinal_games(), key, num_rounds=50, num_draws=32)
    )(jax.random.key(0))
    games = ordinal_games()
    others = np.asarray(record.actions[:, 1:, 0, 1])  # Of the second players, [round, who, game].
    shares = others.mean(axis=0)[..., None]
    fixed = games[:, 0, :, 0][:, None] * (1 - shares) + games[:, 0, :, 1][:, None] * shares
    regret = 50 * fixed.max(axis=-1) - np.asarray(record.totals[0, 1:, 0])
    bound = np.ptp(games[:, 0], axis=(1, 2)) * np.sqrt(50 * np.log(2) / 2)
    assert (regret.mean(axis=-1) <= bound).all()


def test_players_at_bandits_see_payoffs_between_zero_and_one():
    """What ε-greedy without exploration has estimated: both actions of a sure thing."""
    player = from_bandit(epsilon_greedy(2, 1e-9))
    always = scripted(SCRIPTS["always 0"])
    record = tournament(
        [player, always], prisoners_dilemma()[None], jax.random.key(0), num_rounds=8
    )
    assert record.actions[:, 0, 1, 0, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    draws = totals([from_bandit(exp3(2, 400)), always], prisoners_dilemma()[None], num_rounds=400)
    assert draws[0, 1, 0, 0, 0] > 9.5 * 400


def test_games_in_which_nothing_matters_are_played_by_chance():
    players = [hedge(), from_bandit(exp3(2, 50)), from_bandit(epsilon_greedy(2))]
    record = tournament(
        players, jnp.full((1, 2, 2, 2), 3.0), jax.random.key(0), num_rounds=50, num_draws=8
    )
    assert np.isfinite(record.totals).all()
    assert 0.3 < np.asarray(record.actions[:, 0, 1, 0, 0]).mean() < 0.7


def remembering(chance_of_first=0.2):
    """Plays 1 with a chance, and after that what the other played two rounds before."""

    def act(memory, observation):
        joint = observation[..., :5] @ jnp.arange(5.0)
        last = jnp.where(joint > 0, (joint - 1) % 2, chance_of_first)
        return distrax.Categorical(probs=jnp.stack([1 - memory, memory], axis=-1)), last

    return Policy(act, lambda num_workers: jnp.full(num_workers, chance_of_first))


def test_a_policy_plays_as_it_acts_in_the_world():
    scripts = [SCRIPTS["alternating 0 1"], SCRIPTS["win-stay lose-shift"]]
    games = np.stack([np.asarray(prisoners_dilemma()), np.asarray(battle_of_the_sexes())])
    returns = jax.jit(
        lambda key: episode_returns(
            key, RepeatedGames(), level(games, scripts, 6), remembering(), 4096
        )
    )(jax.random.key(0))
    players = [by_policy(remembering()), *map(scripted, scripts)]
    found = totals(players, games, num_rounds=6, num_draws=512)[0, 1:] / (6 * 10)
    error = 4 * returns.std() * np.sqrt(1 / 4096 + 1 / found.size)
    assert abs(float(returns.mean()) - found.mean()) < error


def test_a_policy_remembers():
    always = scripted(SCRIPTS["alternating 0 1"])
    record = tournament([by_policy(remembering(0.0)), always], BOS, jax.random.key(0), num_rounds=6)
    assert record.actions[:, 0, 1, 0, 0, 0].tolist() == [0, 0, 0, 1, 0, 1]


def test_predictions_look_back_by_whole_rounds():
    with pytest.raises(ValueError, match="order: -1 is not allowed; it must be at least 0"):
        fictitious_play(-1)
