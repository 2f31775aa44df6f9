"""Q-learning on the last round, beside the same by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rlsuite
from rlsuite.envs.games import (
    SCRIPTS,
    battle_of_the_sexes,
    prisoners_dilemma,
    view_from,
)
from rlsuite.envs.games.machines import always
from rlsuite.games import QLearningConfig, greedy_plan, q_learning
from rlsuite.games.gradients import Opponents

ROUNDS = 10
VIEW = view_from(prisoners_dilemma(), jnp.int32(0), jnp.int32(ROUNDS))


def against(name):
    return Opponents(VIEW, jax.tree.map(lambda leaf: leaf[None], SCRIPTS[name].machine(VIEW)))


def by_hand(num_matches):
    """Who never explores, against tit for tat."""
    values = np.zeros((5, 2))
    for _ in range(num_matches):
        context, other = 0, 0
        for now in range(ROUNDS):
            own = int(values[context, 1] > values[context, 0])
            payoff, after = float(VIEW.own[own, other]), 1 + 2 * own + other
            follows = 0.95 * values[after].max() if now < ROUNDS - 1 else 0
            values[context, own] += 0.2 * (payoff + follows - values[context, own])
            context, other = after, own
    return values


def test_values_go_to_what_is_seen_and_follows():
    config = QLearningConfig(first_exploration=0, last_exploration=0)
    method = q_learning(lambda key: against("tit for tat"), config, num_rounds=ROUNDS, num_agents=2)
    state, metrics = jax.jit(rlsuite.train(method, 3))(jax.random.key(0))
    np.testing.assert_allclose(state.values, np.stack([by_hand(3)] * 2), rtol=1e-5)
    assert state.match == 3 and metrics["payoff"][0] == pytest.approx(8)


def test_in_matches_of_one_round_values_are_payoffs():
    """And the plan is the best response: to do in the Battle of the Sexes what the other does."""
    game = view_from(battle_of_the_sexes(), jnp.int32(0), jnp.int32(1))

    def opponents(key):
        other = jax.random.bernoulli(key).astype(jnp.float32)
        return Opponents(game, jax.tree.map(lambda leaf: leaf[None], always(other)))

    method = q_learning(opponents, QLearningConfig(), num_rounds=1, num_agents=16)
    state, _ = jax.jit(rlsuite.train(method, 2000))(jax.random.key(0))
    other = state.instances.machines.chances[:, 0, 0].astype(int)
    assert 0 < other.sum() < 16
    payoffs = np.asarray(game.own).T[other]
    np.testing.assert_allclose(state.values[:, 0], payoffs, rtol=1e-4)
    assert (state.values[:, 1:] == 0).all()
    np.testing.assert_array_equal(jax.vmap(greedy_plan)(state.values)[:, 0], other)


@pytest.mark.parametrize("field", ["num_rounds", "num_agents"])
def test_what_cannot_be_is_refused(field):
    with pytest.raises(ValueError, match=f"{field}: 0 is not allowed; it must be at least 1"):
        q_learning(
            lambda key: against("always 0"),
            QLearningConfig(),
            **{"num_rounds": 1, "num_agents": 1, field: 0},
        )
