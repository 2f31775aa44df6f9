"""Tests of training as one function of its key."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import AgentConfig
from rlsuite.curricula.buffer import BufferConfig
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.gradient_config import MetaGradientConfig
from rlsuite.method import Method, mean_reported, train
from rlsuite.methods.groove import GrooveConfig, groove
from rlsuite.methods.lpg import MetaGradientLPGConfig, meta_gradient_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig

NUM_SEEDS, NUM_STEPS = 4, 5
KEYS = jax.random.split(jax.random.key(0), NUM_SEEDS)
SIZES = {
    "objective": LPGConfig(recurrent_width=16, embedding_width=4),
    "life": LifeConfig(num_workers=2, rollout_length=3),
    "meta": MetaGradientConfig(num_agents=3, num_updates=2, num_episodes=2),
}


def random_walk():
    def step(state):
        position, key = state
        key, step_key = jax.random.split(key)
        position = position + jax.random.randint(step_key, (), -5, 6)
        return (position, key), {"position": position, "distance": abs(position)}

    return Method(init=lambda key: (jnp.array(0), key), step=step)


def test_training_is_a_loop_of_steps():
    method, key = random_walk(), jax.random.key(3)
    state, metrics = jax.jit(train(method, 7))(key)
    expected, positions = method.init(key), []
    for _ in range(7):
        expected, step_metrics = method.step(expected)
        positions.append(step_metrics["position"])
    assert state[0] == expected[0]
    assert (jax.random.key_data(state[1]) == jax.random.key_data(expected[1])).all()
    np.testing.assert_array_equal(metrics["position"], positions)
    np.testing.assert_array_equal(metrics["distance"], np.abs(positions))


def test_what_is_not_reported_is_left_out_of_means_and_what_is_infinite_is_not():
    values = {"some": [1.0, jnp.nan, 3.0], "none": [jnp.nan] * 3, "wrong": [1.0, jnp.inf, jnp.nan]}
    means = mean_reported({name: jnp.array(of) for name, of in values.items()})
    np.testing.assert_array_equal([means[name] for name in values], [2, np.nan, np.inf])


@pytest.mark.parametrize("num_steps", [0, -2])
def test_training_for_no_steps_is_refused(num_steps):
    with pytest.raises(ValueError, match=f"num_steps: {num_steps} is not allowed; .* at least 1"):
        train(random_walk(), num_steps)


def seeds_of(method):
    """The same for seeds side by side; both functions are compiled once for all tests."""
    return Method(*(jax.jit(jax.vmap(function)) for function in method))


def run(method, keys, num_steps):
    """The last state, and metrics with a trailing axis of steps."""
    state, found = method.init(keys), []
    for _ in range(num_steps):
        state, metrics = method.step(state)
        found.append(metrics)
    return state, jax.tree.map(lambda *steps: jnp.stack(steps, -1), *found)


@pytest.fixture(scope="module")
def groove_on_grids(tiny_grid):
    def sample_task(key):
        start_key, lifetime_key = jax.random.split(key)
        level = tiny_grid.default_params.replace(
            start=jax.random.randint(start_key, (), 0, 8), max_steps_in_episode=jnp.int32(6)
        )
        return Task(level, jax.random.randint(lifetime_key, (), 1, 5))

    method = groove(tiny_grid, sample_task, GrooveConfig(**SIZES, buffer=BufferConfig(size=8)))
    return method, seeds_of(method)


@pytest.fixture(scope="module")
def lpg_on_cart_pole():
    world, level = gymnax.make("CartPole-v1")
    agent = AgentConfig(
        "perceptron",
        hidden_widths=(4,),
        optimiser="adam",
        policy_learning_rate=1e-2,
        prediction_learning_rate=1e-2,
    )
    level = level.replace(max_steps_in_episode=6)
    task = Task(jax.tree.map(jnp.asarray, level), jnp.array(4))
    config = MetaGradientLPGConfig(**SIZES, agent=agent)
    method = meta_gradient_lpg(world, lambda key: task, config)
    return method, seeds_of(method)


@pytest.mark.parametrize("name", ["groove_on_grids", "lpg_on_cart_pole"])
def test_many_seeds_do_not_touch_each_other(request, name):
    """Each seed among others equals it among its own copies.

    Alone it would be rounded in another way, which one sampled action can make any difference of.
    """
    side_by_side = request.getfixturevalue(name)[1]
    together = run(side_by_side, KEYS, NUM_STEPS)
    for seed in range(NUM_SEEDS):
        copies = run(side_by_side, KEYS[jnp.full(NUM_SEEDS, seed)], NUM_STEPS)
        assert_same_run(item(together, seed), item(copies, 0))
        assert_sound(*item(together, seed))


def test_a_first_step_of_groove_is_the_same_alone_as_among_others(groove_on_grids):
    method, side_by_side = groove_on_grids
    together, alone = run(side_by_side, KEYS, 1)[0], Method(*map(jax.jit, method))
    for seed in range(NUM_SEEDS):
        first, second = item(together, seed), run(alone, KEYS[seed], 1)[0]
        jax.tree_util.tree_map_with_path(
            assert_same, first.optimiser_state[0].mu, second.optimiser_state[0].mu
        )
        jax.tree_util.tree_map_with_path(assert_same, first.slots, second.slots)


def item(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


def assert_sound(state, metrics):
    """Lives end, and what is missing is missing only where none did."""
    assert metrics["lifetimes_ended"].sum() > 0
    has_ended = metrics["lifetimes_ended"] > 0
    np.testing.assert_array_equal(np.isfinite(metrics["agent_return"]), has_ended)
    for leaf in jax.tree.leaves((state.parameters, metrics["meta_loss"])):
        assert np.isfinite(leaf).all()
    assert (metrics["gradient_norm"] > 0).all()


def assert_same_run(first, second):
    jax.tree_util.tree_map_with_path(assert_same, first, second)


def assert_same(path, x, y):
    """Integers, flags and keys exactly, floats but for rounding."""
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x, y = jax.random.key_data(x), jax.random.key_data(y)
    if jnp.issubdtype(x.dtype, jnp.floating):
        message = jax.tree_util.keystr(path)
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5, err_msg=message)
    else:
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))
