"""Tests that talk is cheap: nothing but the end of an observation depends on the channel."""

from functools import partial

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.cheap_talk import CheapTalk
from rlsuite.envs.flattening import flatten, flatten_space
from rlsuite.envs.gridworld import GridWorld

STEPS, SCALE, MESSAGE_SIZE = 40, 2.5, 3

# Two programs may contract products and sums in different ways.
same = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)


def speak(weights, observation):
    return jnp.tanh(observation.reshape(-1) @ weights["hidden"]) @ weights["out"]


def zeros(world):
    size = int(np.prod(world.observation_space(world.default_params).shape))
    return {"hidden": jnp.zeros((size, 4)), "out": jnp.zeros((4, MESSAGE_SIZE))}


def talk(name):
    world = gymnax.make(name)[0] if isinstance(name, str) else name
    return CheapTalk(world, speak, zeros(world), scale=SCALE)


def drawn(cheap, seed, spread=10.0):
    keys = iter(jax.random.split(jax.random.key(seed), 2))
    params = cheap.default_params
    weights = jax.tree.map(
        lambda leaf: spread * jax.random.normal(next(keys), leaf.shape), params.weights
    )
    return params.replace(weights=weights)


def trail(world):
    """Random actions through `step`, over several episodes."""

    @jax.jit
    def run(key, params):
        reset_key, step_key = jax.random.split(key)
        observation, state = world.reset(reset_key, params)

        def step(state, keys):
            action = world.action_space(params).sample(keys[0])
            observation, state, *rest = world.step(keys[1], state, action, params)
            return state, (observation, state, *rest)

        keys = jax.vmap(jax.random.split, (0, None))(jax.random.split(step_key, STEPS), 2)
        return observation, jax.lax.scan(step, state, keys)[1]

    return run


def limited(world):
    """Default parameters with episodes of at most seven steps."""
    params = world.default_params
    inner = params.world if isinstance(world, CheapTalk) else params
    inner = inner.replace(max_steps_in_episode=7)
    return params.replace(world=inner) if isinstance(world, CheapTalk) else inner


@pytest.mark.parametrize("name", ["CartPole-v1", "Breakout-MinAtar"])
def test_all_but_the_message_is_the_world_within_for_every_channel_and_key(name):
    cheap = talk(name)
    run, run_within = trail(cheap), trail(cheap.world)

    @settings(max_examples=6, deadline=None)
    @given(st.integers(0, 2**31), st.integers(0, 2**31), st.floats(0.01, 1e3))
    def check(seed, channel, spread):
        params = limited(cheap).replace(weights=drawn(cheap, channel, spread).weights)
        first, (seen, state, reward, terminated, truncated, info) = run(
            jax.random.key(seed), params
        )
        first_within, within = run_within(jax.random.key(seed), limited(cheap.world))
        flat = within[0].reshape(STEPS, -1)
        same(first[:-MESSAGE_SIZE], first_within.reshape(-1))
        same(seen[:, :-MESSAGE_SIZE], flat)
        final = info["final_observation"]
        flat = within[-1]["final_observation"].reshape(STEPS, -1)
        same(final[:, :-MESSAGE_SIZE], flat)
        jax.tree.map(
            same,
            (state, reward, terminated, truncated, info["discount"]),
            (*within[1:5], within[5]["discount"]),
        )
        assert (terminated | truncated).any()
        assert np.abs(seen[:, -MESSAGE_SIZE:]).max() <= SCALE
        assert np.abs(final[:, -MESSAGE_SIZE:]).max() <= SCALE
        assert cheap.observation_space(params).contains(seen[-1])

    check()


def test_a_message_depends_on_the_state_alone():
    cheap = talk("CartPole-v1")
    params = drawn(cheap, 1)
    _, (seen, state, *_) = trail(cheap)(jax.random.key(0), params)
    shown = jax.vmap(lambda state: cheap.get_obs(state, params))(state)
    np.testing.assert_allclose(seen, shown, rtol=1e-5, atol=1e-5)
    assert np.ptp(seen[:, -MESSAGE_SIZE:], axis=0).min() > 0


def test_the_same_state_is_told_the_same_whatever_led_to_it():
    cheap = talk("CartPole-v1")
    params = drawn(cheap, 2)
    _, state = cheap.reset(jax.random.key(0), params)
    # Positions after a step do not depend on the action, but velocities do; undo that.
    results = [cheap.step_env(jax.random.key(i), state, i, params)[1] for i in range(2)]
    same = results[0].replace(x_dot=results[1].x_dot, theta_dot=results[1].theta_dot)
    np.testing.assert_array_equal(cheap.get_obs(same, params), cheap.get_obs(results[1], params))


def test_the_message_before_a_reset_is_that_of_where_the_episode_ended():
    cheap = talk("CartPole-v1")
    params = limited(cheap).replace(weights=drawn(cheap, 3).weights)
    _, (seen, _, _, terminated, truncated, info) = trail(cheap)(jax.random.key(0), params)
    final, ended = info["final_observation"], terminated | truncated
    expected = jax.vmap(lambda o: cheap.message(params.weights, o[:-MESSAGE_SIZE]))(final)
    np.testing.assert_allclose(final[:, -MESSAGE_SIZE:], expected, rtol=1e-5, atol=1e-5)
    assert (final[ended] != seen[ended]).any(axis=1).all()
    np.testing.assert_array_equal(final[~ended], seen[~ended])


def test_channels_can_be_vmapped_over():
    cheap = talk("CartPole-v1")
    all_params = [drawn(cheap, seed) for seed in range(3)]
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *all_params)
    axes = cheap.default_params.replace(
        world=None, weights=jax.tree.map(lambda _: 0, cheap.default_params.weights)
    )
    together = together.replace(world=cheap.world.default_params)
    seen, _ = jax.vmap(cheap.reset, (None, axes))(jax.random.key(0), together)
    for i, params in enumerate(all_params):
        alone, _ = cheap.reset(jax.random.key(0), params)
        np.testing.assert_allclose(seen[i], alone, rtol=1e-5, atol=1e-5)


def test_without_scale_every_message_is_zero():
    world = gymnax.make("CartPole-v1")[0]
    cheap = CheapTalk(world, speak, zeros(world), scale=0.0)
    seen, _ = cheap.reset(jax.random.key(0), drawn(cheap, 0))
    np.testing.assert_array_equal(seen[-MESSAGE_SIZE:], np.zeros(MESSAGE_SIZE))
    space = cheap.observation_space(cheap.default_params)
    np.testing.assert_array_equal(space.high[-MESSAGE_SIZE:], np.zeros(MESSAGE_SIZE))


def test_a_world_with_talk_has_the_actions_and_limits_of_the_world_within():
    cheap = talk("Pendulum-v1")
    params = cheap.default_params
    assert cheap.name == "CheapTalk(Pendulum-v1)"
    assert cheap.num_actions == cheap.world.num_actions
    assert params.max_steps_in_episode == params.world.max_steps_in_episode
    assert cheap.observation_space(params).shape == (3 + MESSAGE_SIZE,)
    np.testing.assert_allclose(cheap.observation_space(params).high, [1, 1, 8, *3 * [SCALE]])
    assert cheap.action_space(params).shape == (1,)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(params.weights))


@pytest.mark.parametrize("scale", [-1.0, float("nan")])
def test_a_negative_scale_is_refused(scale):
    world = gymnax.make("CartPole-v1")[0]
    with pytest.raises(ValueError, match=r"scale: \S+ is not allowed; it must be at least 0"):
        CheapTalk(world, speak, zeros(world), scale=scale)


def test_empty_messages_are_refused():
    world = gymnax.make("CartPole-v1")[0]
    weights = {"hidden": jnp.zeros((4, 4)), "out": jnp.zeros((4, 0))}
    with pytest.raises(ValueError, match=r"message_size: .* at least 1"):
        CheapTalk(world, speak, weights, scale=1.0)


def test_observations_that_are_no_numbers_are_refused():
    class Opaque(GridWorld):
        def observation_space(self, params=None):
            return spaces.Space()

    with pytest.raises(ValueError, match=r"world: GridWorld-v0 is not allowed; .* arrays"):
        CheapTalk(Opaque(), speak, {}, scale=1.0)


@pytest.mark.parametrize("name", ["FrozenLake-misc", "GridWorld-v0"])
def test_numbers_of_states_are_one_hot_beside_the_message(name):
    world = GridWorld(max_side=3, max_objects=1, max_types=1)
    world = gymnax.make(name)[0] if name == "FrozenLake-misc" else world
    space = world.observation_space(world.default_params)

    def said(weights, observation):
        return flatten(space, observation) @ weights

    size = flatten_space(space).shape[0]
    cheap = CheapTalk(world, said, jnp.zeros((size, MESSAGE_SIZE)), scale=SCALE)
    params, run = limited(cheap), trail(cheap)
    weights = jax.random.normal(jax.random.key(1), (size, MESSAGE_SIZE))
    first, (seen, state, *_, info) = run(jax.random.key(0), params.replace(weights=weights))
    within_first, (within, *_) = trail(world)(jax.random.key(0), params.world)
    for heard, observation in ((first, within_first), (seen, within)):
        flat = flatten(space, observation)
        expected = np.concatenate([flat, SCALE * np.tanh(flat @ weights)], axis=-1)
        np.testing.assert_allclose(heard, expected, rtol=1e-5, atol=1e-5)
    assert cheap.observation_space(params).contains(seen[-1])
    shown = jax.vmap(lambda state: cheap.get_obs(state, params.replace(weights=weights)))(state)
    np.testing.assert_allclose(shown, seen, rtol=1e-5, atol=1e-5)
    assert info["final_observation"].shape == seen.shape
