"""Policy gradient on memory-one plans: what is learned, beside what is best."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import rlsuite
from rlsuite.envs.games import (
    SCRIPTS,
    battle_of_the_sexes,
    memory_one,
    prisoners_dilemma,
    view_from,
)
from rlsuite.games import (
    expected_totals,
    policy_gradient,
    scripted,
    specialist,
    tournament,
    worth_against,
    worth_against_each_other,
)
from rlsuite.games.gradients import Opponents

ROUNDS = 10
DILEMMA = prisoners_dilemma()
VIEW = view_from(DILEMMA, jnp.int32(0), jnp.int32(ROUNDS))
BEST = {"always 0": 10.0, "always 1": 5.0, "tit for tat": 8.0, "grim trigger": 8.0}
"""Payoffs of a round that plans can come to which don't know the round."""


@pytest.fixture(scope="module")
def train():
    """One program for all opponents: `machines -> (values of all steps, last values)`."""
    value = worth_against(ROUNDS)

    @jax.jit
    def run(machines):
        method = policy_gradient(
            value, lambda key: Opponents(VIEW, machines), optax.adam(0.1), num_agents=16
        )
        state, metrics = rlsuite.train(method, 250)(jax.random.key(0))
        return metrics["value"], jax.vmap(value)(state.instances, state.logits)

    return lambda name: run(widened(name))


def widened(name):
    """The opponent alone, with as many states as others have."""
    return jax.tree.map(lambda leaf: leaf[None], SCRIPTS[name].machine(VIEW).widened(2))


@pytest.mark.parametrize("name", BEST)
def test_learners_come_to_the_best_response(train, name):
    """From all starts: nobody stays with the 5.5 that tit for tat leaves to who always defects."""
    values, last = train(name)
    assert values[0] < 0.95 * BEST[name]
    assert (last > 0.99 * BEST[name]).all() and (last < 1.001 * BEST[name]).all()


def test_both_ascend_their_own_payoffs_alone():
    """The gradient beside finite differences of each one's own expected total."""
    logits = jax.random.normal(jax.random.key(0), (2, 5))

    def own_total(seat, one):
        both = [jax.nn.sigmoid(row) for row in logits.at[seat].set(one)]
        return expected_totals(DILEMMA, *map(memory_one, both), ROUNDS)[seat] / ROUNDS

    found = jax.jit(jax.grad(worth_against_each_other(ROUNDS), argnums=1))(DILEMMA, logits)
    differ = jax.jit(own_total, static_argnums=0)
    for seat in (0, 1):
        for place in range(5):
            step = jnp.zeros(5).at[place].set(1e-2)
            slope = (differ(seat, logits[seat] + step) - differ(seat, logits[seat] - step)) / 2e-2
            np.testing.assert_allclose(found[seat, place], slope, atol=2e-3)


def test_naive_learners_defect_on_each_other():
    method = policy_gradient(
        worth_against_each_other(ROUNDS),
        lambda key: DILEMMA,
        optax.adam(0.1),
        num_agents=64,
        num_seats=2,
    )
    _, metrics = jax.jit(rlsuite.train(method, 250))(jax.random.key(0))
    assert metrics["value"][-1] / 2 < 5.6 < metrics["value"][0] / 2


def test_a_specialist_plays_each_game_from_each_seat_by_its_own_plan():
    games = jnp.stack([DILEMMA, battle_of_the_sexes()])
    views = jax.tree.map(
        lambda *leaves: jnp.stack(leaves),
        *(view_from(game, jnp.int32(seat), jnp.int32(4)) for game in games for seat in (0, 1)),
    )
    first = jnp.array([0, 0, 1, 1])
    script = specialist(views, jnp.broadcast_to(first[:, None], (4, 5)).astype(jnp.float32))
    record = tournament([scripted(script)], games, jax.random.key(0), num_rounds=4)
    assert record.actions[:, 0, 0, :, 0, 0].tolist() == [[0, 0]] * 4
    assert record.actions[:, 0, 0, :, 1, 0].tolist() == [[1, 1]] * 4


def test_there_is_someone_to_learn():
    with pytest.raises(ValueError, match="num_agents: 0 is not allowed; it must be at least 1"):
        policy_gradient(worth_against(2), lambda key: (), optax.sgd(0.1), num_agents=0)
