"""Learners who choose blocks of plays, beside plain loops."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import begin, combinatorial_ucb
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import SwitchStates, greedy_trap, last_switch_bandit, noiseless

STATES = SwitchStates(1, 3)


def delays(arms, before=(4, 4)):
    """Of each play of a block, the rounds since the arm's last, and whether it was in the block."""
    found, since, known = [], list(before), [False, False]
    for arm in arms:
        found.append((min(since[arm], 4), known[arm]))
        since = [one + 1 for one in since]
        since[arm], known[arm] = 1, True
    return found, since


@pytest.mark.parametrize("ignores_first", [False, True])
def test_blocks_have_the_highest_sum_of_bounds_of_all(ignores_first):
    """Of 2³ sequences, block after block, at payoffs without noise."""
    payoffs = jnp.array([[0.1, 0.5, 0.6, 0.9], [0.4, 0.3, 0.7, 0.2]])
    bandit = last_switch_bandit(2, STATES, noiseless)
    player = combinatorial_ucb(2, STATES, 3, ignores_first=ignores_first)
    games = jax.tree.map(lambda leaf: leaf[None], begin(bandit, player, jax.random.key(0), payoffs))
    _, rounds = jax.jit(lambda games: play_rounds(bandit, player, games, jnp.int32(0), 90))(games)
    blocks = np.asarray(rounds.action)[:, 0].reshape(30, 3)
    plays, totals, since = np.zeros((2, 4)), np.zeros((2, 4)), (4, 4)
    for number, block in enumerate(blocks):
        with np.errstate(divide="ignore", invalid="ignore"):
            index = totals / plays + np.sqrt(1.5 * np.log(max(3 * number, 1)) / plays)
        index[plays == 0] = 3 * np.sqrt(1.5 * np.log(6))

        def worth(arms, index=index, since=since):
            return sum(
                index[arm, delay - 1]
                for arm, (delay, known) in zip(arms, delays(arms, since)[0], strict=True)
                if known or not ignores_first
            )

        best = max(worth(arms) for arms in product((0, 1), repeat=3))
        assert worth(block) == pytest.approx(best, abs=1e-4)
        states, after = delays(block, since)
        for arm, (delay, known) in zip(block, states, strict=True):
            if known or not ignores_first:
                plays[arm, delay - 1] += 1
                totals[arm, delay - 1] += float(payoffs[arm, delay - 1])
        since = after


def test_who_ignores_first_plays_learns_to_alternate():
    """At the trap, where the best of all is 0.5 and greedy has 0.06."""
    states, payoffs = greedy_trap()
    bandit = last_switch_bandit(2, states)
    player = combinatorial_ucb(2, states, 5, ignores_first=True)
    games = jax.vmap(lambda key: begin(bandit, player, key, jnp.asarray(payoffs)))(
        jax.random.split(jax.random.key(0), 8)
    )
    _, rounds = jax.jit(lambda games: play_rounds(bandit, player, games, jnp.int32(0), 2000))(games)
    assert rounds.mean[1000:].mean() > 0.4


def test_sequences_are_few():
    with pytest.raises(ValueError, match="length: 15 is not allowed; 2 arms may have at most"):
        combinatorial_ucb(2, STATES, 15, ignores_first=True)
