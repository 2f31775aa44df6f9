"""Tests of train-time cheap talk; channels, PPO and evolution are tested by themselves."""

from dataclasses import replace

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import environment, spaces

from rlsuite.envs.cheap_talk import CheapTalkParams
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.methods.cheap_talk import (
    ChannelConfig,
    TrainTimeConfig,
    act_train,
    life_with_curve,
    make_channel,
    messages,
    raise_victims,
    victim_life,
)
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

UPDATES = 6
CONFIG = TrainTimeConfig(
    channel=ChannelConfig(hidden_widths=(8,)),
    networks=NetworkConfig("perceptron", (8,), activation="tanh"),
    ppo=PPOConfig(num_epochs=4, num_mini_batches=1, learning_rate=0.02),
    life=LifeConfig(num_workers=4, rollout_length=16),
    meta=EvolutionConfig(
        population_size=32,
        standard_deviation=0.5,
        learning_rate=0.2,
        shaping="z_score",
        num_episodes=8,
    ),
)


@struct.dataclass
class SignalState(environment.EnvState):
    asked: jax.Array


class Signals(environment.Environment):
    """Ten times an episode a coin is shown; choosing its side pays 1."""

    num_actions = 2

    @property
    def default_params(self):
        return environment.EnvParams(max_steps_in_episode=10)

    def reset_env(self, key, params):
        asked = jax.random.bernoulli(key).astype(jnp.int32)
        state = SignalState(time=jnp.zeros((), jnp.int32), asked=asked)
        return self.get_obs(state), state

    def step_env(self, key, state, action, params):
        reward = (action == state.asked).astype(jnp.float32)
        asked = jax.random.bernoulli(key).astype(jnp.int32)
        state = SignalState(time=state.time + 1, asked=asked)
        return self.get_obs(state), state, reward, jnp.zeros((), bool), {}

    def get_obs(self, state, params=None, key=None):
        return jnp.array([2.0 * state.asked - 1.0])

    def action_space(self, params=None):
        return spaces.Discrete(2)

    def observation_space(self, params=None):
        return spaces.Box(-1, 1, (1,))


SIGNALS = Signals()
TASK = Task(SIGNALS.default_params, jnp.int32(UPDATES))


def method(config, task=TASK):
    return act_train(SIGNALS, lambda key: task, config)


def assert_equal(first, second):
    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)

    jax.tree.map(check, first, second)


class Padded(environment.Environment):
    """A world whose observations end in zeros, written without a channel."""

    def __init__(self, world, num_zeros):
        self.world, self.num_zeros = world, num_zeros

    def __getattr__(self, name):
        return getattr(self.world, name)

    @property
    def default_params(self):
        return self.world.default_params

    def _padded(self, observation):
        return jnp.pad(observation, (0, self.num_zeros))

    def reset_env(self, key, params):
        observation, state = self.world.reset_env(key, params)
        return self._padded(observation), state

    def step_env(self, key, state, action, params):
        observation, *rest = self.world.step_env(key, state, action, params)
        return self._padded(observation), *rest

    def get_obs(self, state, params=None, key=None):
        return self._padded(self.world.get_obs(state))

    def is_truncated(self, state, params):
        return self.world.is_truncated(state, params)

    def action_space(self, params=None):
        return self.world.action_space(params)

    def observation_space(self, params=None):
        size = self.world.observation_space(params).shape[0] + self.num_zeros
        return spaces.Box(-1e3, 1e3, (size,))


def test_a_victim_of_a_channel_without_scale_learns_as_one_that_sees_zeros_appended():
    world, params = gymnax.make("CartPole-v1")
    params = jax.tree.map(jnp.asarray, params)
    channel = make_channel(world, replace(CONFIG.channel, scale=0.0))
    padded = Padded(world, CONFIG.channel.message_size)

    def raised(world, level):
        life = victim_life(world, CONFIG.networks, CONFIG.ppo, CONFIG.life)
        run = jax.jit(lambda key: life_with_curve(key, life, Task(level, jnp.int32(4)), 4))
        agent, curve = run(jax.random.key(3))
        return agent.learner, agent.worlds, curve

    weights = channel.init(jax.random.key(5))
    first = raised(channel.world, CheapTalkParams(params, weights))
    second = raised(padded, params)
    assert not np.isnan(first[2][-1])
    # Equal but for rounding: two programs, in which the compiler may order sums differently.
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
        jax.tree.map(_data, first),
        jax.tree.map(_data, second),
    )


def _data(leaf):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


def test_a_channel_starts_as_its_configuration_says():
    channel = make_channel(SIGNALS, ChannelConfig(3, 0.5, (7, 5)))
    weights = channel.init(jax.random.key(0))
    shapes = {leaf.shape for leaf in jax.tree.leaves(weights)}
    assert {(1, 7), (7, 5), (5, 3)} <= shapes
    said = channel.world.message(weights, jnp.array([1.0]))
    assert said.shape == (3,)
    assert np.abs(said).max() <= 0.5
    jax.tree.map(
        lambda x, y: np.testing.assert_array_equal(x.shape, y.shape),
        weights,
        channel.world.default_params.weights,
    )


def test_messages_are_what_victims_hear():
    channel = make_channel(SIGNALS, CONFIG.channel)
    weights = channel.init(jax.random.key(0))
    said = messages(SIGNALS, CONFIG.channel, weights, jnp.array([[-1.0], [1.0]]))
    level = CheapTalkParams(SIGNALS.default_params, weights)
    for seed in range(4):
        seen, state = channel.world.reset(jax.random.key(seed), level)
        np.testing.assert_allclose(seen[1:], said[int(state.asked)], rtol=1e-5)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (ChannelConfig(message_size=0), "channel.message_size: 0 is not allowed; .* at least 1"),
        (ChannelConfig(scale=-1.0), "channel.scale: -1.0 is not allowed; .* at least 0"),
    ],
)
def test_impossible_channels_are_refused(channel, message):
    with pytest.raises(ValueError, match=message):
        method(replace(CONFIG, channel=channel))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (replace(CONFIG, goal="enemy"), "goal: 'enemy' is unknown; known: adversary, ally"),
        (
            replace(CONFIG, meta=replace(CONFIG.meta, fitness="best")),
            "meta.fitness: 'best' is unknown; known: final, mean",
        ),
        (
            replace(CONFIG, meta=replace(CONFIG.meta, num_mini_batches=3)),
            "meta.num_mini_batches: 3 is not allowed",
        ),
    ],
)
def test_unknown_names_and_uneven_mini_batches_are_refused(config, message):
    with pytest.raises(ValueError, match=message):
        method(config)


def test_unknown_talk_is_refused():
    with pytest.raises(ValueError, match=r"talk: 'noise' is unknown .* known: learned, random"):
        raise_victims(
            SIGNALS, CONFIG, "noise", level=SIGNALS.default_params, num_victims=1, num_updates=1
        )


@pytest.fixture(scope="module")
def start():
    return jax.jit(method(CONFIG).init)


@pytest.fixture(scope="module")
def step():
    return jax.jit(method(CONFIG).step)


def test_a_resumed_run_is_the_uninterrupted_one(start, step):
    straight = start(jax.random.key(1))
    for _ in range(3):
        straight, _ = step(straight)
    state = start(jax.random.key(1))
    for _ in range(3):
        leaves, structure = jax.tree.flatten(step(state)[0])
        key_data = jax.device_get(jax.tree.map(_data, leaves))
        state = jax.tree.unflatten(structure, map(_restored, leaves, key_data))
    assert_equal(state, straight)


def _restored(leaf, data):
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.wrap_key_data(data) if is_key else jnp.asarray(data)


def test_an_adversary_learns_to_hurt_its_victims(start, step):
    """Victims that hear nothing of use get 9 of 10; guessing gets 5."""
    state, history = start(jax.random.key(3)), []
    for _ in range(14):
        state, metrics = step(state)
        history.append(float(metrics["fitness"]))
    assert np.mean(history[:2]) < -8.3
    assert np.mean(history[-3:]) > -7.6


def test_seeds_side_by_side_are_the_same_as_alone(start, step):
    keys = jax.random.split(jax.random.key(2), 2)
    states = [start(key) for key in keys]
    ours = method(CONFIG)
    together, metrics = jax.jit(jax.vmap(lambda key: ours.step(ours.init(key))))(keys)
    for i, state in enumerate(states):
        alone, alone_metrics = step(state)
        np.testing.assert_allclose(metrics["fitness"][i], alone_metrics["fitness"], rtol=1e-5)
        jax.tree.map(
            lambda x, y, i=i: np.testing.assert_allclose(x[i], y, rtol=1e-4, atol=1e-5),
            together.parameters,
            alone.parameters,
        )


def test_an_ally_is_paid_what_its_victims_are_and_an_adversary_the_opposite(start, step):
    """The same key makes the same candidates and victims, whatever the goal."""
    state = start(jax.random.key(0))
    _, adversary = step(state)
    _, ally = jax.jit(method(replace(CONFIG, goal="ally")).step)(state)
    np.testing.assert_allclose(adversary["fitness"], -ally["fitness"], rtol=1e-6)
    np.testing.assert_allclose(adversary["fitness_max"], -ally["fitness_min"], rtol=1e-6)
    assert 0 < ally["fitness_min"] < ally["fitness_max"] <= 10


@pytest.fixture(scope="module")
def victims():
    """Eight of each kind."""
    learner = replace(
        CONFIG,
        ppo=replace(CONFIG.ppo, learning_rate=0.03, normalise_observations=True),
        life=LifeConfig(8, 16),
        meta=replace(CONFIG.meta, num_episodes=16),
    )
    weights = make_channel(SIGNALS, learner.channel).world.default_params.weights

    def raised(talk):
        run = raise_victims(
            SIGNALS, learner, talk, level=SIGNALS.default_params, num_victims=8, num_updates=12
        )
        return jax.jit(run)(jax.random.key(0), weights)

    return {talk: raised(talk) for talk in ("none", "zeros", "random")}


@pytest.mark.parametrize("talk", ["none", "zeros", "random"])
def test_victims_learn_whatever_they_hear(victims, talk):
    curves, final_returns = victims[talk].curves, victims[talk].final_returns
    assert curves.shape == (8, 12)
    assert curves[:, -1].mean() > 9
    assert final_returns.mean() > 9
    # Guesses pay 5 of 10; the first episodes are cut by staggered clocks.
    assert curves[:, 0].mean() < 7


def test_controls_hear_zeros_or_nothing(victims):
    spoken = victims["zeros"].agents.worlds.observation[..., 1:]
    assert spoken.shape == (8, 8, CONFIG.channel.message_size)
    assert (spoken == 0).all()
    assert victims["none"].agents.worlds.observation.shape == (8, 8, 1)


def test_random_channels_are_each_victims_own(victims):
    spoken = victims["random"].agents.worlds.observation[..., 1:]
    assert (np.abs(spoken) > 0).all()
    assert (spoken[0, 0] != spoken[1, 0]).all()


@pytest.mark.parametrize(
    "name", ["FrozenLake-misc", "UmbrellaChain-bsuite", "BernoulliBandit-misc"]
)
@pytest.mark.parametrize("talk", ["learned", "none"])
def test_worlds_of_all_kinds_are_lived_in_with_talk_or_without(name, talk):
    """Numbers of states, observations that need a key, limits that are no integers."""
    world, level = gymnax.make(name)
    config = replace(CONFIG, ppo=replace(CONFIG.ppo, normalise_observations=True))
    sizes = {"num_victims": 3, "num_updates": 2}
    level = jax.tree.map(jnp.asarray, level)
    run = raise_victims(world, config, talk, level=level, **sizes)
    key = jax.random.key(0)
    weights = make_channel(world, CONFIG.channel).init(key)
    victims = jax.eval_shape(run, key, weights)
    size = {"FrozenLake-misc": 16, "UmbrellaChain-bsuite": 3, "BernoulliBandit-misc": 4}[name]
    heard = size + (CONFIG.channel.message_size if talk == "learned" else 0)
    assert victims.agents.worlds.observation.shape == (3, 4, heard)
    assert victims.agents.learner.observations.mean.shape == (3, heard)
    if talk == "learned":
        born = raise_victims(world, config, talk, level=level, num_victims=3, num_updates=0)
        seen = jax.jit(lambda key: born(key, weights).agents.worlds.observation)(key)
        # The world's own numbers are there, and something is said of them, within the scale.
        own, spoken = np.split(np.abs(seen), [size], axis=-1)
        assert (own > 0).any() and np.isfinite(own).all()
        assert (spoken > 0).any() and (spoken <= CONFIG.channel.scale).all()
