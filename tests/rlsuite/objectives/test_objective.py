"""Tests of the clock, by which everything goes that changes over a life."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.drifts import LearnedDriftConfig, learned, ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.objective import Clock, TimeConfig, known_time
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo

counts = st.integers(0, 2**31 - 1)


@settings(max_examples=50, deadline=None)
@given(num_updates=counts, lifetime=counts)
def test_progress_is_the_share_of_a_life_and_one_from_its_end_on(num_updates, lifetime):
    clock = Clock(jnp.int32(num_updates), jnp.int32(lifetime))
    if num_updates >= lifetime:
        assert clock.progress == 1
    else:
        assert clock.progress == np.float32(num_updates) / np.float32(lifetime)
        assert 0 <= clock.progress <= 1


@pytest.mark.parametrize(
    ("num_updates", "lifetime", "expected"),
    [
        (0, 8, [0, np.log(8)]),
        (6, 8, [0.75, np.log(8)]),
        (8, 8, [1, np.log(8)]),
        (11, 8, [1, np.log(8)]),
        (0, 1, [0, 0]),
        (4, 1, [1, 0]),
        (0, 0, [1, 0]),
        (3, 0, [1, 0]),
    ],
)
def test_what_is_known_of_time_stays_in_its_range(num_updates, lifetime, expected):
    clock = Clock(jnp.array(num_updates), jnp.array(lifetime))
    known = known_time(clock, TimeConfig(time="progress_and_lifetime"))
    np.testing.assert_allclose(known, expected, rtol=1e-6)
    np.testing.assert_allclose(known_time(clock, TimeConfig(time="progress")), expected[:1])
    assert known_time(clock, TimeConfig()).shape == (0,)


@pytest.mark.parametrize(
    ("num_updates", "lifetime", "raw", "unit"),
    [
        (0, 10, [0, 10], [-1, -1]),
        (25, 50, [25, 50], [0, 0]),
        (50, 50, [50, 50], [1, 0]),
        (60, 50, [50, 50], [1, 0]),
        (0, 250, [0, 250], [-1, 1]),
        (1250, 1250, [1250, 1250], [1, 1]),
        (0, 2, [0, 2], [-1, -1]),
        (3, 0, [1, 1], [1, -1]),
    ],
)
def test_time_is_told_raw_or_in_unit_size(num_updates, lifetime, raw, unit):
    clock = Clock(jnp.array(num_updates), jnp.array(lifetime))
    for scale, expected in (("raw", raw), ("unit", unit)):
        config = TimeConfig("progress_and_lifetime", scale)
        np.testing.assert_allclose(known_time(clock, config), expected, rtol=1e-5, atol=1e-6)
        only_progress = TimeConfig("progress", scale)
        np.testing.assert_allclose(known_time(clock, only_progress), expected[:1], rtol=1e-6)


def test_time_in_unit_size_has_mean_zero_and_unit_size_over_log_uniform_lives():
    random = np.random.default_rng(0)
    lifetimes = np.exp(random.uniform(np.log(10), np.log(250), 4000))
    progress = random.uniform(size=4000)
    clocks = Clock(jnp.asarray(progress * lifetimes), jnp.asarray(lifetimes))
    config = TimeConfig("progress_and_lifetime", "unit")
    known = np.asarray(jax.vmap(lambda clock: known_time(clock, config))(clocks))
    assert np.abs(known).max() <= 1 + 1e-5
    np.testing.assert_allclose(known.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(known.std(0), 1 / np.sqrt(3), atol=0.02)


def test_a_single_lifetime_tells_nothing_in_unit_size():
    config = TimeConfig("progress_and_lifetime", "unit", 30, 30)
    known = known_time(Clock(jnp.array(15), jnp.array(30)), config)
    np.testing.assert_array_equal(known, [0, 0])


def test_a_range_of_lifetimes_that_is_upside_down_is_refused():
    with pytest.raises(ValueError, match="shortest_lifetime: 300 is not allowed; it must be at"):
        known_time(Clock(jnp.array(0), jnp.array(9)), TimeConfig("progress", "unit", 300, 250))


def test_clocks_of_many_agents_go_side_by_side():
    clocks = Clock(jnp.array([0, 3, 9]), jnp.array([4, 4, 4]))
    np.testing.assert_array_equal(clocks.progress, [0, 0.75, 1])
    np.testing.assert_array_equal(jax.vmap(lambda clock: clock.progress)(clocks), clocks.progress)


@pytest.mark.parametrize("time", ["progress", "progress_and_lifetime"])
def test_a_drift_stays_as_it_is_from_the_end_of_a_life_on(time):
    drift = learned(LearnedDriftConfig(hidden_width=4, time=time))
    parameters = jax.tree.map(
        lambda leaf: jnp.linspace(-1, 2, leaf.size).reshape(leaf.shape),
        drift.init_parameters(jax.random.key(0)),
    )

    def at(num_updates):
        log_ratio, advantage = jnp.linspace(-1, 1, 9), jnp.linspace(2, -2, 9)
        clock = Clock(jnp.array(num_updates), jnp.array(5))
        return drift.apply(parameters, log_ratio, advantage, clock)

    assert (at(5) != at(4)).any()
    np.testing.assert_array_equal(at(6), at(5))
    np.testing.assert_array_equal(at(1000), at(5))


@pytest.mark.parametrize("lifetime", [0, 1, 3])
def test_an_annealed_agent_stands_still_after_the_end_of_its_life(lifetime):
    """Updates come five at a time here, as in a meta-step, and the life ends among them."""
    world, level = gymnax.make("CartPole-v1")
    config = PPOConfig(learning_rate=0.01, num_epochs=1, anneal_learning_rate=True)
    objective = ppo(
        world, NetworkConfig("perceptron", (4,), activation="tanh"), config, ppo_clip(), 2
    )
    life = Life(world, objective, num_workers=2, rollout_length=8)

    @jax.jit
    def course(lifetime):
        def update(agent, _):
            agent, _ = life.update((), agent)
            return agent, agent.learner.networks

        task = Task(jax.tree.map(jnp.asarray, level), lifetime)
        agent = life.init(jax.random.key(0), task)
        return agent.learner.networks, jax.lax.scan(update, agent, length=5)[1]

    first, networks = jax.tree.map(np.asarray, course(jnp.array(lifetime)))
    for start, leaf in zip(jax.tree.leaves(first), jax.tree.leaves(networks), strict=True):
        moves = np.abs(np.diff(np.concatenate([start[None], leaf]), axis=0)).reshape(5, -1).max(1)
        np.testing.assert_array_equal(moves > 0, np.arange(5) < lifetime)
