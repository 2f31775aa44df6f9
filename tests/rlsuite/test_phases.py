"""Tests of one method after another: the same as running them by hand, at the cost of one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.method import Method, PhaseState, after, train

NUM_STEPS = 3


def walk():
    """Collects numbers: a key, a running sum of draws, how many there were."""

    def step(state):
        key, total, count = state
        key, draw_key = jax.random.split(key)
        draw = jax.random.normal(draw_key)
        return (key, total + draw, count + 1), {"draw": draw, "count": count}

    return Method(lambda key: (key, jnp.zeros(()), jnp.array(0)), step)


def descend():
    """Goes down from where it starts, with noise of its own keys."""

    def step(state):
        keys, weights = state["keys"], state["weights"]
        keys = jax.vmap(lambda key: jax.random.split(key)[0])(keys)
        weights = 0.9 * weights + 0.1 * jax.vmap(jax.random.normal)(keys)
        return {"keys": keys, "weights": weights}, {"loss": jnp.square(weights).sum(), "count": 7}

    return Method(lambda key: None, step)


def hand_over(state):
    key, total, count = state
    return {"keys": jax.random.split(key, 2), "weights": jnp.stack([total, count * total])}


@pytest.fixture(scope="module")
def method():
    return after(walk(), NUM_STEPS, hand_over, descend())


@pytest.fixture(scope="module")
def by_hand():
    """The states of both and the metrics of each step, one program after the other."""
    first, second = (jax.jit(m.step) for m in (walk(), descend()))
    state, history = walk().init(jax.random.key(0)), []
    for _ in range(NUM_STEPS):
        state, metrics = first(state)
        history.append(metrics)
    later = jax.jit(hand_over)(state)
    for _ in range(4):
        later, metrics = second(later)
        history.append(metrics)
    return state, later, history


def assert_equal(first, second):
    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)

    assert jax.tree.structure(first) == jax.tree.structure(second)
    jax.tree.map(check, first, second)


def test_two_phases_are_both_methods_one_after_the_other(method, by_hand):
    first, second, history = by_hand
    state, metrics = jax.jit(train(method, NUM_STEPS + 4))(jax.random.key(0))
    assert_equal(state, PhaseState(jnp.array(NUM_STEPS + 4), first, second))
    assert set(metrics) == {"draw", "count", "loss"}
    for step, expected in enumerate(history):
        for name, values in metrics.items():
            np.testing.assert_array_equal(values[step], expected.get(name, np.nan))


@pytest.mark.parametrize("pause", [1, NUM_STEPS, NUM_STEPS + 2])
def test_a_run_put_away_in_any_phase_goes_on_bit_for_bit(method, by_hand, pause):
    step = jax.jit(method.step)
    state = jax.jit(method.init)(jax.random.key(0))
    for number in range(NUM_STEPS + 4):
        if number == pause:
            assert state.num_steps == pause
            keys = jax.random.key_data(state.first[0]), jax.random.key_data(state.second["keys"])
            numbers = np.array(state.first[1]), np.array(state.second["weights"])
            first_key, second_keys = map(jax.random.wrap_key_data, map(np.array, keys))
            state = PhaseState(
                jnp.array(np.array(state.num_steps)),
                (first_key, jnp.array(numbers[0]), state.first[2]),
                {"keys": second_keys, "weights": jnp.array(numbers[1])},
            )
        state, _ = step(state)
    assert_equal(state.second, by_hand[1])


def test_seeds_side_by_side_share_the_phase(method):
    """With one counter for all, a conditional stays one under `vmap`."""
    keys = jax.random.split(jax.random.key(0), 3)
    axes = PhaseState(None, 0, 0)
    state = jax.vmap(method.init, out_axes=axes)(keys)
    vmapped = jax.vmap(method.step, in_axes=(axes,), out_axes=(axes, 0))
    assert "cond" in str(jax.make_jaxpr(vmapped)(state))
    step = jax.jit(vmapped)
    for _ in range(NUM_STEPS + 2):
        state, _ = step(state)
    alone = jax.jit(train(method, NUM_STEPS + 2))
    for index, key in enumerate(keys):
        expected = alone(key)[0]
        np.testing.assert_allclose(state.second["weights"][index], expected.second["weights"], 1e-5)


def test_the_other_phase_is_not_computed():
    calls = []

    def counted(name, method):
        def step(state):
            jax.debug.callback(lambda: calls.append(name))
            return method.step(state)

        return method._replace(step=step)

    method = after(counted("first", walk()), 2, hand_over, counted("second", descend()))
    jax.block_until_ready(jax.jit(train(method, 5))(jax.random.key(0)))
    jax.effects_barrier()
    assert calls == ["first"] * 2 + ["second"] * 3


def test_a_first_phase_of_no_steps_is_refused():
    with pytest.raises(ValueError, match="num_steps: 0 is not allowed; it must be at least 1"):
        after(walk(), 0, hand_over, descend())
