"""Complete policy regret, beside dynamic programming, and elimination with burn-in."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import (
    always,
    begin,
    best_total,
    exp3,
    explore_then_stay,
    mean_payoffs,
    oracle_greedy,
    successive_elimination,
    ucb1,
)
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import (
    TallyingInstance,
    alternating_losses,
    best_repeated,
    decoy_losses,
    exponential_weights,
    flat_weights,
    noiseless,
    random_losses,
    tallying_bandit,
    tallying_graph,
)
from rlsuite.method import train
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    weighted_tallying_bandits,
)


def regret(player, instance, num_rounds, num_games=8, noise=None):
    """Against x* repeated: of each game."""
    num_actions, memory = instance.losses.shape[0], instance.weights.size
    bandit = tallying_bandit(num_actions, memory, *([noise] if noise else []))
    keys = jax.random.split(jax.random.key(0), num_games)

    @jax.jit
    def payoffs(keys):
        games = jax.vmap(lambda key: begin(bandit, player, key, instance))(keys)
        return mean_payoffs(bandit, player, games, 100, num_rounds // 100)[1]

    lost = 1 - np.asarray(payoffs(keys), np.float64) - float(instance.losses[:, -1].min())
    return lost.mean(axis=0) * num_rounds


@partial(jax.jit, static_argnums=1)
def most_in(instance, num_rounds):
    """What an optimal player is paid in so many rounds."""
    return best_total(tallying_graph(instance), num_rounds)[-1]


@pytest.mark.parametrize("weights", [flat_weights, exponential_weights])
def test_the_optimum_is_between_what_repeating_the_best_costs_and_m_less(weights):
    """Under repeated exposure optimality: T h(W) ≤ optimum ≤ T h(W) + m."""
    losses = jax.jit(lambda key: random_losses(key, 3, 5))(jax.random.key(1))
    instance = TallyingInstance(losses, weights(5))
    optimum = 60 - float(most_in(instance, 60))
    best = float(instance.losses[:, -1].min()) * 60
    assert best - 1e-4 <= optimum <= best + 5


def test_repeating_the_best_from_the_start_costs_its_first_tallies():
    instance = TallyingInstance(decoy_losses(), flat_weights(5))
    found = regret(always(lambda one: best_repeated(one.losses)), instance, 100, 1, noiseless)
    expected = sum(0.9 - 0.8 * (j / 5) ** 2 - 0.1 for j in range(1, 5))
    assert found[0] == pytest.approx(expected, abs=1e-4)


def test_after_burn_in_the_estimate_is_the_loss_of_the_full_tally():
    instance = TallyingInstance(decoy_losses(), flat_weights(4))
    player = successive_elimination(5, 10_000, burn_in=4)
    bandit = tallying_bandit(5, 4, noiseless)
    games = jax.tree.map(
        lambda leaf: leaf[None], begin(bandit, player, jax.random.key(0), instance)
    )
    num_rounds = 5 * (4 + int(np.ceil(np.log(2 * 5 * 10_000)))) - 1
    games, _ = play_rounds(bandit, player, games, jnp.int32(0), num_rounds)
    np.testing.assert_allclose(1 - games.player.mean[0], instance.losses[:, -1], rtol=1e-5)


def test_elimination_finds_what_is_best_repeated_and_plain_bandits_the_decoy():
    instance = TallyingInstance(decoy_losses(), flat_weights(10))
    ours = regret(successive_elimination(5, 20_000, burn_in=10), instance, 20_000)
    theirs = regret(exp3(5, 20_000), instance, 20_000)
    assert 1000 < ours.mean() < 2000 < 3000 < theirs.mean() < 3500
    # At 0.15 a round, the difference of decoy and optimum.
    assert theirs.mean() / 20_000 == pytest.approx(0.15, abs=0.02)


def test_without_memory_plain_bandits_are_better():
    instance = TallyingInstance(decoy_losses(), flat_weights(1))
    ours = regret(successive_elimination(5, 20_000, burn_in=10), instance, 20_000)
    assert 1000 < ours.mean() < 1900
    assert 150 < regret(ucb1(5), instance, 20_000).mean() < 350


def test_the_horizon_cuts_a_block_without_dropping_anything():
    instance = TallyingInstance(decoy_losses(), flat_weights(5))
    player = successive_elimination(5, 100, burn_in=20)
    bandit = tallying_bandit(5, 5)
    games = jax.tree.map(
        lambda leaf: leaf[None], begin(bandit, player, jax.random.key(0), instance)
    )
    games, rounds = play_rounds(bandit, player, games, jnp.int32(0), 100)
    assert games.player.is_active.all() and rounds.mean.shape == (100, 1)
    assert rounds.action[:, 0].tolist() == np.repeat(np.arange(5), 27)[:100].tolist()


def test_where_alternating_is_best_elimination_pays_for_repeating():
    instance = TallyingInstance(alternating_losses(), flat_weights(2))
    optimum = 400 - float(most_in(instance, 400))
    assert optimum == pytest.approx(40, rel=1e-4)
    found = regret(successive_elimination(2, 400, burn_in=2), instance, 400, 2)
    lost = found / 400 + 0.9 - optimum / 400
    assert (lost > 0.75).all()
    greedy = oracle_greedy(tallying_bandit(2, 2, noiseless))
    assert regret(greedy, instance, 400, 1, noiseless)[0] / 400 + 0.9 == pytest.approx(0.1)


def test_exploring_once_with_burn_in_stays_at_the_best():
    instance = TallyingInstance(decoy_losses(), flat_weights(5))
    lost = regret(explore_then_stay(5, 200, burn_in=5), instance, 5000)
    assert (lost < 700).all()


@pytest.fixture(scope="module")
def metrics():
    config = WeightedTallyingBanditsConfig(
        instances="random", memory=5, burn_in=5, horizon=8000, num_agents=16, rounds_per_step=1000
    )
    method = weighted_tallying_bandits(config)
    return jax.jit(train(method, 8))(jax.random.key(0))[1]


def test_learners_come_to_play_what_is_best_repeated(metrics):
    assert (metrics["best_is_active"] == 1).all()
    assert metrics["active_actions"][0] > metrics["active_actions"][-1]
    assert metrics["payoff"][0] < 0.6 < 0.75 < metrics["payoff"][-1]
    growth = np.diff(metrics["regret"])
    assert growth[-1] < 0.5 * growth[0]


def test_alternating_asks_for_its_memory():
    config = WeightedTallyingBanditsConfig(instances="alternating")
    with pytest.raises(ValueError, match="memory: 10 is not allowed; it must be 2"):
        weighted_tallying_bandits(config)
    config = replace(config, memory=2)
    assert config.actions == 2
    # Regret is counted against alternating, not against either action repeated.
    assert float(config.benchmark(config.sample(jax.random.key(0)))) == pytest.approx(0.9)
    other = WeightedTallyingBanditsConfig()
    assert float(other.benchmark(other.sample(jax.random.key(0)))) == pytest.approx(0.9)
