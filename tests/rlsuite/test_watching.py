"""Tests that watching a method changes nothing of it, and is paid for only where it is due."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.method import Method, train
from rlsuite.watching import Measurement, WatchedState, unwatched, watch


def random_walk():
    def init(key):
        return {"key": key, "place": jnp.zeros(())}

    def step(state):
        key, walk_key = jax.random.split(state["key"])
        place = state["place"] + jax.random.normal(walk_key)
        return {"key": key, "place": place}, {"place": place}

    return Method(init, step)


def counted():
    """A measurement, and how often it was made."""
    calls = []

    def measure(material, state):
        jax.debug.callback(lambda _: calls.append(1), state["place"])
        return {"doubled": material * state["place"]}

    return Measurement(lambda: jnp.float32(2.0), measure), calls


@pytest.mark.parametrize("period", [1, 3])
def test_what_is_watched_is_as_it_was_and_measured_when_it_is_due(period):
    key = jax.random.key(0)
    measurement, calls = counted()
    state, metrics = jax.jit(train(watch(random_walk(), measurement, period), 7))(key)
    alone, expected = jax.jit(train(random_walk(), 7))(key)
    jax.effects_barrier()
    np.testing.assert_array_equal(metrics["place"], expected["place"])
    assert unwatched(state)["place"] == alone["place"] and state.num_steps == 7
    is_due = np.arange(1, 8) % period == 0
    doubled = np.where(is_due, 2 * expected["place"], np.nan)
    np.testing.assert_allclose(metrics["doubled"], doubled, rtol=1e-6)
    assert len(calls) == is_due.sum()


def test_seeds_side_by_side_measure_no_more_often():
    measurement, calls = counted()
    method = watch(random_walk(), measurement, 4)
    keys = jax.random.split(jax.random.key(1), 3)
    states, step = jax.vmap(method.init)(keys), jax.vmap(method.step)
    _, metrics = jax.jit(
        lambda states: jax.lax.scan(lambda states, _: step(states), states, length=9)
    )(states)
    jax.effects_barrier()
    assert len(calls) == 2 * len(keys)  # A callback under vmap is called for each.
    alone = jax.jit(train(method, 9))
    for key, doubled in zip(keys, metrics["doubled"].T, strict=True):
        np.testing.assert_allclose(doubled, alone(key)[1]["doubled"], rtol=1e-6)


def test_a_run_that_is_put_away_goes_on_with_the_count():
    measurement, _ = counted()
    method = watch(random_walk(), measurement, 5)
    state, first = jax.jit(train(method, 3))(jax.random.key(2))
    _, rest = jax.jit(lambda state: jax.lax.scan(lambda s, _: method.step(s), state, length=4))(
        state
    )
    assert np.isnan(first["doubled"]).all()
    np.testing.assert_array_equal(np.isnan(rest["doubled"]), [True, False, True, True])


def test_states_that_are_not_watched_are_their_own():
    assert unwatched((1, 2)) == (1, 2)
    assert unwatched(WatchedState(jnp.array(3), (), WatchedState(jnp.array(3), (), "own"))) == "own"


def test_nonsense_is_refused_in_one_line():
    measurement, _ = counted()
    with pytest.raises(ValueError, match="period: 0 is not allowed; it must be at least 1"):
        watch(random_walk(), measurement, 0)
    twice = watch(random_walk(), Measurement(tuple, lambda _, state: {"place": 1.0}), 2)
    with pytest.raises(ValueError, match="measurement: place is not allowed"):
        jax.eval_shape(twice.step, jax.eval_shape(twice.init, jax.random.key(0)))
