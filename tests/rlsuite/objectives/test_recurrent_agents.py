"""Tests of agents with memory: what they remember, what they forget, and that they learn by it."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.drifts import ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.objective import Clock
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.rollout import Experience, Transition

KEY = jax.random.key(3)
CLOCK = Clock(jnp.array(0), jnp.array(10))
LENGTH, WORKERS, WIDTH = 7, 4, 5
GRU = NetworkConfig("perceptron", (6,), activation="tanh", recurrent_width=WIDTH)


def spread(parameters, seed=0):
    """Random parameters in place of initial ones, many of which are zero."""
    leaves, structure = jax.tree.flatten(parameters)
    random = np.random.default_rng(seed)
    values = [jnp.asarray(random.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, values)


@pytest.fixture(scope="module")
def sequence():
    """Observations, ends and what was remembered before, all at random."""
    random = np.random.default_rng(2)
    observations = jnp.asarray(random.normal(size=(LENGTH, WORKERS, 4)), jnp.float32)
    ended = jnp.asarray(random.random((LENGTH, WORKERS)) < 0.3)
    return observations, ended, jnp.asarray(random.normal(size=(WORKERS, WIDTH)), jnp.float32)


@pytest.fixture(scope="module")
def network():
    network = make_predictor(gymnax.make("CartPole-v1")[0], 2, GRU)
    return network._replace(init=jax.jit(network.init))


def test_along_a_rollout_a_network_is_itself_step_by_step(network, sequence):
    observations, ended, memory = sequence
    parameters = spread(network.init(KEY))
    outputs, memories = jax.jit(network.unroll)(parameters, memory, observations, ended)
    apply = jax.jit(network.apply)
    assert ended.any()
    for t in range(LENGTH):
        expected, memory = apply(parameters, memory, observations[t])
        np.testing.assert_allclose(outputs[t], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(memories[t], memory, rtol=1e-4, atol=1e-5)
        memory = jnp.where(ended[t][:, None], network.init_memory(WORKERS), memory)


def test_networks_equal_their_layers_in_numpy(network, sequence):
    observations, ended, memory = (np.asarray(part, np.float64) for part in sequence)
    parameters = spread(network.init(KEY))
    outputs, _ = network.unroll(parameters, sequence[2], *sequence[:2])
    tree = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters["params"])
    body, gru, last = tree["body"], tree["GRU_0"], tree["Dense_0"]

    def dense(layer, inputs):
        return inputs @ layer["kernel"] + layer["bias"]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for t in range(LENGTH):
        features = np.tanh(dense(body["Dense_1"], np.tanh(dense(body["Dense_0"], observations[t]))))
        seen = np.split(features @ gru["input_kernel"] + gru["bias"], 3, axis=-1)
        known = np.split(memory @ gru["recurrent_kernel"], 3, axis=-1)
        reset, keep = sigmoid(seen[0] + known[0]), sigmoid(seen[1] + known[1])
        candidate = np.tanh(seen[2] + reset * (known[2] + gru["candidate_bias"]))
        memory = (1 - keep) * candidate + keep * memory
        np.testing.assert_allclose(outputs[t], dense(last, memory), rtol=1e-3, atol=1e-4)
        memory = np.where(ended[t][:, None], 0, memory)


def test_in_episodes_of_one_step_there_is_nothing_to_remember(network, sequence):
    observations, _, _ = sequence
    parameters = spread(network.init(KEY))
    always = jnp.ones((LENGTH, WORKERS), bool)
    memory = network.init_memory(WORKERS)
    outputs, _ = network.unroll(parameters, memory, observations, always)
    shuffled, _ = network.unroll(parameters, memory, observations[::-1], always)
    np.testing.assert_allclose(outputs, shuffled[::-1], rtol=1e-4, atol=1e-5)


def random_experience(objective, learner, sequence):
    """Steps as an agent would have taken them one by one, its actions aside at random."""
    observations, ended, _ = sequence
    random = np.random.default_rng(4)
    shape = (LENGTH, WORKERS)
    start = spread(objective.init_memory(WORKERS), seed=5)
    memory, log_probabilities = start, []
    actions = jnp.asarray(random.integers(2, size=shape))

    @jax.jit
    def act(memory, observation, action, ended):
        distribution, after = objective.policy(learner, memory, observation)
        fresh = objective.init_memory(WORKERS)
        memory = jax.tree.map(lambda new, old: jnp.where(ended[:, None], new, old), fresh, after)
        return distribution.log_prob(action), memory

    for t in range(LENGTH):
        log_probability, memory = act(memory, observations[t], actions[t], ended[t])
        log_probabilities.append(log_probability)
    terminated = ended & jnp.asarray(random.random(shape) < 0.5)
    transitions = Transition(
        observation=observations,
        action=actions,
        log_probability=jnp.stack(log_probabilities),
        reward=jnp.asarray(random.normal(size=shape), jnp.float32),
        terminated=terminated,
        truncated=ended & ~terminated,
        next_observation=jnp.asarray(random.normal(size=observations.shape), jnp.float32),
    )
    return Experience(transitions, start)


@pytest.mark.parametrize("num_mini_batches", [1, 2, 4])
def test_the_first_pass_over_a_rollout_has_ratios_of_one(sequence, num_mini_batches):
    """For any memory and any ends: mini-batches are of whole sequences with their own memories."""
    world, _ = gymnax.make("CartPole-v1")
    config = PPOConfig(num_epochs=1, num_mini_batches=num_mini_batches, learning_rate=0.0)
    objective = ppo(world, GRU, config, ppo_clip(), WORKERS)
    learner = jax.jit(objective.init)(KEY)
    learner = learner._replace(networks=spread(learner.networks))
    experience = random_experience(objective, learner, sequence)
    _, metrics = jax.jit(objective.update)(KEY, (), learner, experience, CLOCK)
    np.testing.assert_allclose(metrics["policy_divergence"], 0, atol=1e-9)
    # Were memory or an end forgotten, ratios would not be one.
    for wrong in (
        experience._replace(memory=objective.init_memory(WORKERS)),
        experience._replace(
            transitions=experience.transitions._replace(
                terminated=~experience.transitions.ended, truncated=experience.transitions.ended
            )
        ),
    ):
        _, metrics = jax.jit(objective.update)(KEY, (), learner, wrong, CLOCK)
        assert metrics["policy_divergence"] > 1e-3


def test_truncated_episodes_are_bootstrapped_with_what_was_remembered(network, sequence):
    """Where an episode goes on, the value of what comes next is that of the next step."""
    observations, ended, memory = sequence
    parameters = spread(network.init(KEY))
    outputs, memories = jax.jit(network.unroll)(parameters, memory, observations, ended)
    following, _ = jax.jit(network.apply)(parameters, memories[:-1], observations[1:])
    outputs, following = np.asarray(outputs), np.asarray(following)
    goes_on = ~np.asarray(ended[:-1])
    np.testing.assert_allclose(following[goes_on], outputs[1:][goes_on], rtol=1e-4, atol=1e-5)
    assert not np.allclose(following[~goes_on], outputs[1:][~goes_on], atol=1e-2)


def test_mini_batches_must_divide_the_workers(sequence):
    world, _ = gymnax.make("CartPole-v1")
    config = PPOConfig(num_mini_batches=7)
    objective = ppo(world, GRU, config, ppo_clip(), WORKERS)
    learner = jax.jit(objective.init)(KEY)
    experience = random_experience(objective, learner, sequence)
    with pytest.raises(ValueError, match=r"num_mini_batches: 7 is not .* divide the 4"):
        objective.update(KEY, (), learner, experience, CLOCK)


@pytest.mark.parametrize("recurrent_width", [WIDTH, None])
def test_only_what_remembers_solves_a_memory_chain(recurrent_width):
    world, params = gymnax.make("MemoryChain-bsuite")
    networks = NetworkConfig(
        "perceptron", (16,), activation="tanh", recurrent_width=recurrent_width and 16
    )
    config = PPOConfig(learning_rate=5e-3)
    life = Life(world, ppo(world, networks, config, ppo_clip(), 16), 16, 12)
    task = Task(params.replace(memory_length=4), jnp.int32(60))

    @jax.jit
    def final_return(key):
        return life.mean_return(key, life.whole(key, (), task), 128)

    result = final_return(KEY)
    assert result > 0.9 if recurrent_width else abs(result) < 0.4


@pytest.mark.parametrize("world_name", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("rule", ["a2c", "lpg"])
def test_other_rules_serve_memory_and_boxes_too(rule, world_name):
    world, params = gymnax.make(world_name)
    config = AgentConfig("perceptron", (6,), recurrent_width=WIDTH, policy_learning_rate=0.1)
    sizes = LPGConfig(recurrent_width=8)
    objective = (
        a2c(make_agent(world, config), A2CConfig())
        if rule == "a2c"
        else lpg(make_agent(world, config, sizes.num_predictions), sizes)
    )
    life = Life(world, objective, num_workers=3, rollout_length=8)

    @jax.jit
    def live(key):
        start = life.init(key, Task(params, jnp.int32(4)))
        agent, (_, metrics) = life.updates(objective.init_parameters(key), start, 4)
        return start.learner, agent, metrics

    start, agent, metrics = live(KEY)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((agent.learner, metrics)))
    assert all((leaf != 0).any() for leaf in jax.tree.leaves(agent.memory))
    moved = jax.tree.map(lambda old, new: (old != new).any(), start.policy, agent.learner.policy)
    assert any(jax.tree.leaves(moved))
