"""The states of last-switch-dependent bandits, beside the papers' rule for τ itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.bandits import best_average
from rlsuite.envs.bandits import (
    NAMED,
    SwitchStates,
    last_switch_bandit,
    last_switch_graph,
    noiseless,
    random_monotone,
    recharging,
    spike,
)

STATES = SwitchStates(3, 4)
TAUS = [-3, -2, -1, 1, 2, 3, 4]


def moved(tau, is_played):
    """The rule as the papers have it, without an end."""
    if is_played:
        return -1 if tau > 0 else tau - 1
    return 1 if tau < 0 else tau + 1


def test_places_are_in_the_order_of_payoffs():
    assert [int(STATES.place(tau)) for tau in TAUS] == list(range(7))
    assert (int(STATES.place(-9)), int(STATES.place(9))) == (0, 6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=12))
def test_states_follow_the_rule(actions):
    """Also from −3 to 1, and not to −2, where an arm is left alone."""
    places, taus = jnp.full(2, 6, jnp.int32), [4, 4]
    for action in actions:
        places = STATES.after(places, jnp.arange(2) == action)
        taus = [moved(tau, arm == action) for arm, tau in enumerate(taus)]
        assert [int(STATES.place(tau)) for tau in taus] == places.tolist()


def test_a_play_pays_by_the_state_before_it_and_idling_nothing():
    payoffs = random_monotone(jax.random.key(0), 2, STATES)
    bandit = last_switch_bandit(2, STATES)
    state = bandit.init(payoffs)
    for action, place in ((0, 6), (0, 2), (0, 1), (0, 0), (0, 0), (1, 6), (0, 3)):
        state, payoff = bandit.pull(jax.random.key(1), payoffs, state, jnp.int32(action))
        assert payoff.mean == payoffs[action, place]
        assert payoff.observed in (0.0, 1.0)
    _, payoff = bandit.pull(jax.random.key(1), payoffs, state, jnp.int32(2))
    assert payoff.mean == payoff.observed == 0.0


def test_observed_payoffs_have_the_mean():
    payoffs = jnp.full((1, 7), 0.3)
    bandit = last_switch_bandit(1, STATES)
    keys = jax.random.split(jax.random.key(0), 10_000)
    pull = jax.vmap(lambda key: bandit.pull(key, payoffs, bandit.init(payoffs), jnp.int32(0))[1])
    assert pull(keys).observed.mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("name", NAMED)
def test_named_instances_are_monotone_and_widen_without_change(name):
    instance = NAMED[name]()
    assert (np.diff(instance.payoffs, axis=1) >= 0).all()
    wide = instance.widened(4, SwitchStates(3, 12))
    assert wide.payoffs.shape == (4, 15) and (wide.payoffs[len(instance.payoffs) :] == 0).all()
    for tau in (-3, -2, -1, 1, 2, 5, 12):
        before, after = (int(one.states.place(tau)) for one in (instance, wide))
        ours, theirs = instance.payoffs[:, before], wide.payoffs[: len(instance.payoffs), after]
        np.testing.assert_array_equal(ours, theirs)


def test_instances_are_not_cut():
    with pytest.raises(ValueError, match=r"states: 2 arms with .* are not allowed"):
        NAMED["satiating_trio"]().widened(2, SwitchStates(3, 4))


def test_the_first_instance_of_laforgue_is_not_monotone():
    """Nor can who is greedy find its best plays: the arm with the spike pays nothing at first."""
    states, payoffs = spike()
    assert (np.diff(payoffs, axis=1) < 0).any()
    few_states, few = spike(num_steady=1)
    best = best_average(last_switch_graph(few_states, jnp.asarray(few)), window=1260)
    # In nine rounds the spike thrice, the slow arm once, and steady arms.
    cycle = (3, 4, 0, 3, 0, 1, 3, 0, 1)
    table = jnp.asarray(payoffs)
    bandit = last_switch_bandit(5, states, noiseless)

    def pull(state, action):
        return bandit.pull(jax.random.key(0), table, state, action)

    paid = jax.lax.scan(pull, bandit.init(table), jnp.array(cycle * 4))[1].mean
    assert float(paid[-9:].mean()) == pytest.approx(4.56 / 9, abs=1e-4)
    assert float(best.low) == pytest.approx(float(best.high), abs=1e-4)
    assert float(best.low) >= 4.56 / 9 - 1e-4


def test_recharging_payoffs_forget_how_often_an_arm_was_played():
    payoffs = random_monotone(jax.random.key(0), 2, STATES)
    flat = recharging(STATES, payoffs)
    np.testing.assert_array_equal(flat[:, :3], np.repeat(payoffs[:, 2:3], 3, axis=1))
    np.testing.assert_array_equal(flat[:, 3:], payoffs[:, 3:])


def test_the_graph_is_the_bandit():
    payoffs = random_monotone(jax.random.key(0), 2, STATES)
    graph, bandit = last_switch_graph(STATES, payoffs), last_switch_bandit(2, STATES, noiseless)
    assert graph.successors.shape == graph.payoffs.shape == (49, 3)
    state = bandit.init(payoffs)
    for action in (0, 0, 2, 1, 0, 1, 1, 2, 2, 0):
        number = int(state @ jnp.array([7, 1]))
        state, payoff = bandit.pull(jax.random.key(0), payoffs, state, jnp.int32(action))
        assert float(graph.payoffs[number, action]) == pytest.approx(float(payoff.mean))
        assert graph.successors[number, action] == state @ jnp.array([7, 1])
