"""Tests that networks take numbers of states for what they are: names, not amounts."""

from types import SimpleNamespace

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from rlsuite.agents import AgentConfig, make_actor, make_agent
from rlsuite.drifts import ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.deep_q_network import DQNConfig, deep_q_network
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo

KEY = jax.random.key(0)
# Small enough that chance finds the goal soon.
MAP = ("SFFH", "FHFH", "FFGH", "HHHH")
LAKE = gymnax.make("FrozenLake-misc", desc=MAP, is_slippery=False)[0]
PERCEPTRON = NetworkConfig("perceptron", (6,))
NETWORKS = {
    "linear": NetworkConfig("perceptron"),
    "perceptron": PERCEPTRON,
    "tanh": NetworkConfig("perceptron", (6, 5), activation="tanh"),
    "recurrent": NetworkConfig("perceptron", (6,), recurrent_width=4),
    "recurrent linear": NetworkConfig("perceptron", recurrent_width=4),
}


class PairWorld(type(LAKE)):
    """The lake, seen as a row and a column, by a space as gymnasium or jaxmarl has it."""

    def __init__(self, name="nvec"):
        super().__init__(desc=MAP, is_slippery=False)
        self.attribute = name

    def observe(self, key, state, action, params):
        return jnp.stack([state.position // 4, state.position % 4])

    def observation_space(self, params=None):
        return SimpleNamespace(shape=(2,), **{self.attribute: np.array([4, 4])})


class PartsWorld(type(LAKE)):
    """The lake, seen as its number beside the time."""

    def observe(self, key, state, action, params):
        return {"where": state.position, "when": jnp.float32(state.time)}

    def observation_space(self, params=None):
        return spaces.Dict({"where": spaces.Discrete(16), "when": spaces.Box(0, 100, ())})


WORLDS = {
    "discrete": LAKE,
    "nvec": PairWorld(),
    "num_categories": PairWorld("num_categories"),
    "parts": PartsWorld(desc=MAP, is_slippery=False),
}


def one_hot(name, observation):
    """What a network should see, by NumPy."""
    if name == "discrete":
        return np.eye(16)[observation]
    if name == "parts":
        when = np.asarray(observation["when"])[..., None]
        return np.concatenate([np.eye(16)[observation["where"]], when], axis=-1)
    return np.eye(4)[observation].reshape(*observation.shape[:-1], 8)


def observations(name, *batch):
    states = np.random.default_rng(0).integers(16, size=batch)
    if name == "parts":
        return {"where": jnp.asarray(states), "when": jnp.asarray(states % 3, jnp.float32)}
    return jnp.asarray(states if name == "discrete" else np.stack([states // 4, states % 4], -1))


@pytest.mark.parametrize("name", WORLDS)
def test_a_linear_layer_looks_up_a_row_for_each_number(name):
    network = make_predictor(WORLDS[name], 3, NETWORKS["linear"])
    parameters = network.init(KEY)
    kernel = np.random.default_rng(1).normal(size=parameters["params"]["Dense_0"]["kernel"].shape)
    assert len(kernel) == {"discrete": 16, "parts": 17}.get(name, 8)
    parameters["params"]["Dense_0"]["kernel"] = jnp.asarray(kernel, jnp.float32)
    for batch in ((), (5,), (3, 2, 4)):
        seen = observations(name, *batch)
        outputs, _ = network.apply(parameters, (), seen)
        np.testing.assert_allclose(outputs, one_hot(name, seen) @ kernel, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("networks", NETWORKS)
def test_every_network_sees_what_it_would_in_a_world_of_one_hot_vectors(name, networks):
    size = one_hot(name, observations(name)).size

    class OneHot(type(LAKE)):
        def observe(self, key, state, action, params):
            return jnp.zeros(size)

        def observation_space(self, params=None):
            return spaces.Box(0, 1, (size,))

    config, world = NETWORKS[networks], WORLDS[name]
    make = (
        (lambda world: make_predictor(world, 3, config)),
        (lambda world: make_actor(world, config)),
    )
    seen, ended = observations(name, 5, 2), jnp.zeros((5, 2), bool).at[2, 1].set(True)
    vectors = jnp.asarray(one_hot(name, seen), jnp.float32)
    for make_one in make:
        network, expected = make_one(world), make_one(OneHot())
        parameters, memory = network.init(KEY), network.init_memory(2)
        jax.tree.map(np.testing.assert_array_equal, parameters, expected.init(KEY))
        first = jax.tree.map(lambda leaf: leaf[0], seen)
        for outputs, wanted in (
            (
                network.unroll(parameters, memory, seen, ended),
                expected.unroll(parameters, memory, vectors, ended),
            ),
            (
                network.apply(parameters, memory, first),
                expected.apply(parameters, memory, vectors[0]),
            ),
        ):
            jax.tree.map(np.testing.assert_array_equal, outputs, wanted)


def test_a_table_has_a_row_for_each_state_and_none_for_time():
    network = make_predictor(LAKE, 3, NetworkConfig())
    (kernel,) = jax.tree.leaves(network.init(KEY))
    assert kernel.shape == (16, 3)
    seen = observations("discrete", 4, 2)
    outputs, _ = network.apply({"params": {"kernel": kernel}}, (), seen)
    np.testing.assert_array_equal(outputs, kernel[seen])


def test_convolutions_refuse_numbers_of_states():
    for world in WORLDS.values():
        with pytest.raises(ValueError, match="architecture: 'convolution' can't read") as caught:
            make_predictor(world, 3, NetworkConfig("convolution", (), (2,)))
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="architecture: 'table' can't read"):
        make_predictor(WORLDS["nvec"], 3, NetworkConfig())


def test_there_is_nothing_to_normalise_in_numbers_of_states():
    config = PPOConfig(normalise_observations=True)
    for world in WORLDS.values():
        with pytest.raises(ValueError, match="normalise_observations: True is not allowed"):
            ppo(world, PERCEPTRON, config, ppo_clip(0.2), 4)


def objectives(world, networks):
    agent = AgentConfig(networks.architecture, networks.hidden_widths)
    memory = AgentConfig("perceptron", (6,), recurrent_width=4)
    lpg_config = LPGConfig(recurrent_width=4, embedding_width=3, num_predictions=3)
    return {
        "ppo": ppo(world, networks, PPOConfig(), ppo_clip(0.2), 4),
        "a2c": a2c(make_agent(world, agent), A2CConfig()),
        "a2c with memory": a2c(make_agent(world, memory), A2CConfig()),
        "lpg": lpg(make_agent(world, agent, 3), lpg_config),
        "dqn": deep_q_network(world, networks, DQNConfig(learning_starts=8, batch_size=4)),
    }


def types(tree):
    return jax.tree.map(lambda leaf: leaf.dtype, tree)


@pytest.mark.parametrize("name", WORLDS)
def test_every_learner_keeps_them_whole_from_the_rollout_to_the_replay(name):
    """Traced only: shapes and types are what is asked about."""
    world = WORLDS[name]
    task = Task(world.default_params, jnp.int32(3))
    fresh, _ = jax.eval_shape(world.reset, KEY, world.default_params)
    assert jnp.int32 in jax.tree.leaves(types(fresh))
    for rule, objective in objectives(world, PERCEPTRON).items():
        life = Life(world, objective, 4, 5)

        def live(key, life=life, objective=objective):
            agent = life.init(key, task)
            return agent, life.update(objective.init_parameters(key), agent)

        before, (agent, (experience, _)) = jax.eval_shape(live, KEY)
        kept = [experience.transitions.observation, experience.transitions.next_observation]
        if rule == "dqn":
            kept.append(agent.learner.replay.experience.observation)
        for observation in kept:
            assert types(observation) == types(fresh)
        assert types(before) == types(agent)


@pytest.mark.parametrize("rule", ["ppo", "dqn"])
@pytest.mark.parametrize("name", ["discrete", "nvec"])
def test_the_way_over_the_lake_is_learned(name, rule):
    world = WORLDS[name]
    networks = NetworkConfig("perceptron", (32,))
    if rule == "ppo":
        config = PPOConfig(learning_rate=1e-2, entropy_coefficient=0.01, num_mini_batches=2)
        objective, num_updates = ppo(world, networks, config, ppo_clip(0.2), 16), 40
    else:
        config = DQNConfig(learning_rate=3e-3, learning_starts=200, target_period=20)
        objective, num_updates = deep_q_network(world, networks, config), 150
    life = Life(world, objective, 16, 16)

    @jax.jit
    def live(key):
        agent = life.whole(key, (), Task(world.default_params, jnp.int32(num_updates)))
        return life.mean_return(key, agent, 64)

    assert live(KEY) > 0.7


class CountedFromThree(type(LAKE)):
    """The lake with a clock beside its number, which begins at three, in a plain dictionary."""

    def observe(self, key, state, action, params):
        return {"index": jnp.float32(state.position + 3), "time": jnp.float32(state.time)}

    def observation_space(self, params=None):
        index = SimpleNamespace(shape=(), n=16, start=3)
        return spaces.Dict({"index": index, "time": spaces.Box(0, 100, ())})


def test_a_table_reads_an_index_wherever_it_begins_and_however_it_is_kept():
    network = make_predictor(CountedFromThree(desc=MAP, is_slippery=False), 2, NetworkConfig())
    parameters = network.init(KEY)
    kernel = np.asarray(jax.tree.leaves(parameters)[0])
    for place in (0, 1, 15):
        observation = {"index": jnp.float32(place + 3), "time": jnp.float32(0.5)}
        outputs, _ = network.apply(parameters, (), observation)
        np.testing.assert_allclose(outputs, kernel[place] + 0.5 * kernel[16], rtol=1e-6)
