"""Tallies, beside sums over the whole history, and losses at them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.bandits import (
    TallyingInstance,
    alternating_losses,
    best_repeated,
    decoy_losses,
    easy_losses,
    exponential_weights,
    flat_weights,
    linear_weights,
    noiseless,
    random_losses,
    shuffled_actions,
    tallying_bandit,
    tallying_graph,
)

# As a table whose knots are the tallies themselves, so that losses tell tallies.
IDENTITY = jnp.broadcast_to(jnp.arange(1, 1001) / 1000, (3, 1000))


def losses(instance, actions, memory):
    """Mean losses of some actions from the start on."""
    bandit = tallying_bandit(3, memory, noiseless)

    def one(state, action):
        state, payoff = bandit.pull(jax.random.key(0), instance, state, action)
        return state, 1 - payoff.mean

    return jax.lax.scan(one, bandit.init(instance), jnp.asarray(actions))[1]


@pytest.mark.parametrize("weights", [flat_weights, exponential_weights, linear_weights])
@settings(max_examples=10, deadline=None)
@given(actions=st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_tallies_are_sums_over_the_history(weights, actions):
    table = np.asarray(weights(4), np.float64)
    found = losses(TallyingInstance(IDENTITY, weights(4)), actions, 4)
    expected = [
        sum(table[s] for s in range(min(4, now + 1)) if actions[now - s] == actions[now])
        for now in range(12)
    ]
    np.testing.assert_allclose(np.asarray(found) * table.sum(), expected, atol=1e-4)


def test_flat_tallies_count_plays():
    found = losses(TallyingInstance(IDENTITY, flat_weights(4)), [0, 0, 1, 0, 0, 0, 0, 1], 4)
    np.testing.assert_allclose(found * 4, [1, 2, 1, 3, 3, 3, 4, 1], atol=1e-4)


def test_weights_of_zero_are_a_shorter_memory():
    actions = [0, 1, 0, 0, 2, 0, 0, 0]
    short = losses(TallyingInstance(decoy_losses(), flat_weights(2)), actions, 2)
    long = losses(TallyingInstance(decoy_losses(), jnp.array([1.0, 1, 0, 0, 0])), actions, 5)
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_constant_losses_have_no_memory():
    flat = jnp.array([[0.3] * 4, [0.5] * 4, [0.9] * 4])
    found = losses(TallyingInstance(flat, flat_weights(7)), [2, 0, 0, 1, 0], 7)
    np.testing.assert_allclose(found, [0.9, 0.3, 0.3, 0.5, 0.3], rtol=1e-6)


def test_running_for_the_memory_fills_the_tally():
    """From the m-th play in a row on, whatever was played before."""
    found = losses(
        TallyingInstance(decoy_losses(), flat_weights(5)), [1, 0, 2, 0, 0, 0, 0, 0, 0], 5
    )
    np.testing.assert_allclose(found[-2:], 0.1, atol=1e-6)
    assert found[-3] > 0.1


def is_best_to_repeat(losses):
    """Whether repeated exposure is optimal: x*, repeated, costs no more than anything ever does."""
    return losses[:, -1].min() <= losses.min()


def test_the_named_losses():
    share = np.arange(1, 101) / 100
    np.testing.assert_allclose(decoy_losses()[0], 0.9 - 0.8 * share**2, rtol=1e-5)
    np.testing.assert_allclose(decoy_losses()[2], 0.15 + 0.5 * share, rtol=1e-5)
    for table in (decoy_losses(), easy_losses(), random_losses(jax.random.key(0), 5, 10)):
        assert is_best_to_repeat(table) and ((table >= 0) & (table <= 1)).all()
        assert float(table[best_repeated(table), -1]) == pytest.approx(0.1)
    assert not is_best_to_repeat(alternating_losses())


def test_actions_come_in_any_order():
    keys = jax.random.split(jax.random.key(0), 1000)
    tables = np.asarray(jax.vmap(lambda key: shuffled_actions(key, decoy_losses()))(keys))
    counts = np.bincount(tables[:, :, -1].argmin(axis=1), minlength=5)
    assert (np.abs(counts - 200) < 60).all()
    rows = np.sort(tables.sum(axis=2), axis=1)
    np.testing.assert_allclose(rows, np.tile(np.sort(decoy_losses().sum(axis=1)), (1000, 1)), 1e-5)


def test_the_graph_is_the_bandit():
    instance = TallyingInstance(decoy_losses()[:3], linear_weights(4))
    graph = tallying_graph(instance)
    assert graph.successors.shape == (4**3, 3)
    state, actions = 4**3 - 1, [0, 0, 2, 1, 0, 0, 0, 0, 2]
    found = []
    for action in actions:
        found.append(1 - float(graph.payoffs[state, action]))
        state = int(graph.successors[state, action])
    np.testing.assert_allclose(found, losses(instance, actions, 4), atol=1e-6)
    assert tallying_graph(TallyingInstance(decoy_losses(), flat_weights(1))).successors.shape == (
        1,
        5,
    )
