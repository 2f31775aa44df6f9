"""Tests of agents' networks and their optimisers."""

from dataclasses import replace
from functools import partial

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

import rlsuite.networks
from rlsuite.actions import random_policy
from rlsuite.agents import (
    ActorCriticConfig,
    ActorPredictor,
    AgentConfig,
    TrainState,
    make_actor,
    make_actor_critic,
    make_agent,
)
from rlsuite.envs import register_worlds
from rlsuite.envs.gridworld import GridWorld
from rlsuite.layers import Perceptron
from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.objective import Clock
from rlsuite.rollout import Experience

register_worlds()

ARCHITECTURES = {
    "table": ("GridWorld-v0", {"observation": "index"}, AgentConfig()),
    "perceptron": ("CartPole-v1", {}, AgentConfig("perceptron", hidden_widths=(7, 5))),
    "perceptron, one-hot": ("GridWorld-v0", {}, AgentConfig("perceptron")),
    "perceptron, planes": (
        "GridWorld-v0",
        {"level": "rand_small"},
        AgentConfig("perceptron", hidden_widths=(4,)),
    ),
    "perceptron, image": ("Catch-bsuite", {}, AgentConfig("perceptron", hidden_widths=(8,))),
    "convolution": (
        "Breakout-MinAtar",
        {},
        AgentConfig("convolution", hidden_widths=(8,), num_filters=(4, 3)),
    ),
}


def make_head(world, num_outputs, learning_rate, config):
    """A predictor with its optimiser."""
    config = replace(config, prediction_learning_rate=learning_rate)
    return make_agent(world, config, num_outputs).prediction


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_outputs_have_the_observations_leading_axes(name):
    world_name, options, config = ARCHITECTURES[name]
    world, params = gymnax.make(world_name, **options)
    head = make_head(world, 3, 0.1, config)
    key = jax.random.key(0)

    def outputs(key):
        parameters = head.init(key).parameters
        observation, _ = world.reset(key, params)
        batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2, 4, *leaf.shape)), observation)
        apply = partial(head.network.apply, parameters, ())
        return apply(observation)[0], apply(batch)[0]

    one, batch = jax.jit(outputs)(key)
    assert one.shape == (3,)
    assert one.dtype == jnp.float32
    np.testing.assert_allclose(batch, np.broadcast_to(one, (2, 4, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "architecture"),
    [
        ("CartPole-v1", {}, "table"),
        ("CartPole-v1", {}, "convolution"),
        ("GridWorld-v0", {"observation": "one_hot"}, "table"),
        ("GridWorld-v0", {"observation": "index"}, "convolution"),
        ("FrozenLake-misc", {}, "convolution"),
    ],
)
def test_an_architecture_that_cannot_read_the_observation_is_refused(name, options, architecture):
    world, _ = gymnax.make(name, **options)
    with pytest.raises(ValueError, match=f"architecture: '{architecture}' can't read"):
        make_head(world, 3, 0.1, AgentConfig(architecture))


def test_an_unknown_architecture_is_refused():
    world, _ = gymnax.make("CartPole-v1")
    with pytest.raises(ValueError, match="architecture: 'transformer' is unknown; known: table"):
        make_head(world, 3, 0.1, AgentConfig("transformer"))


def test_a_table_is_a_row_per_state_and_a_weight_for_time(tiny_grid, random_grid_rollout):
    head = make_head(tiny_grid, 4, 0.1, AgentConfig())
    kernel = np.random.default_rng(0).normal(size=(tiny_grid.num_states + 1, 4))
    observation = random_grid_rollout(0).observation
    expected = kernel[np.asarray(observation.index)]
    expected = expected + np.asarray(observation.time)[..., None] * kernel[-1]
    outputs, _ = head.network.apply({"params": {"kernel": jnp.asarray(kernel)}}, (), observation)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_a_table_starts_at_the_scale_of_the_dense_layer(tiny_grid, monkeypatch):
    monkeypatch.setattr(rlsuite.networks, "Perceptron", unbiased)
    one_hot = GridWorld(max_side=3, max_objects=1, max_types=1, observation="one_hot")
    table = make_head(tiny_grid, 500, 0.1, AgentConfig())
    dense = make_head(one_hot, 500, 0.1, AgentConfig("perceptron"))
    scales = [
        np.std(jax.tree.leaves(head.init(jax.random.key(0)).parameters)[0])
        for head in (table, dense)
    ]
    np.testing.assert_allclose(scales, [1 / np.sqrt(tiny_grid.num_states + 1)] * 2, rtol=0.05)


def unbiased(*args):
    return Perceptron(*args, use_bias=False)


def one_hot(observation, num_states):
    dense = jax.nn.one_hot(observation.index, num_states)
    return jnp.concatenate([dense, observation.time[..., None]], axis=-1)


def dense_parameters(tree):
    """The parameters of a bias-free dense layer that equals a table's."""
    return {"params": {"Dense_0": tree["params"]}}


@pytest.mark.parametrize("rule", ["a2c", "lpg"])
@pytest.mark.parametrize("max_gradient_norm", [0.05, 100.0])
def test_a_table_learns_as_the_dense_layer_on_the_one_hot(
    tiny_grid, random_grid_rollout, monkeypatch, rule, max_gradient_norm
):
    monkeypatch.setattr(rlsuite.networks, "Perceptron", unbiased)
    one_hot_world = GridWorld(max_side=3, max_objects=1, max_types=1, observation="one_hot")

    def objective(world, architecture):
        agent = AgentConfig(architecture, max_gradient_norm=max_gradient_norm)
        if rule == "a2c":
            return a2c(make_agent(world, agent), A2CConfig())
        config = LPGConfig(recurrent_width=4, embedding_width=4)
        return lpg(make_agent(world, agent, config.num_predictions), config)

    table, dense = objective(tiny_grid, "table"), objective(one_hot_world, "perceptron")
    steps = random_grid_rollout(3)
    steps_seen = steps._replace(
        observation=one_hot(steps.observation, tiny_grid.num_states),
        next_observation=one_hot(steps.next_observation, tiny_grid.num_states),
    )

    @jax.jit
    def both(key):
        parameters, learner = table.init_parameters(key), table.init(key)
        heads = [head._replace(parameters=dense_parameters(head.parameters)) for head in learner]
        dense_learner = type(learner)(*heads)
        clock = Clock(jnp.array(0), jnp.array(10))
        return [
            (
                o.policy(state, ActorPredictor(), s.observation)[0].logits,
                *o.update(key, parameters, state, Experience(s, ActorPredictor()), clock),
            )
            for o, state, s in ((table, learner, steps), (dense, dense_learner, steps_seen))
        ]

    (logits, updated, metrics), (dense_logits, dense_updated, dense_metrics) = both(
        jax.random.key(0)
    )
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(logits, dense_logits)
    for head, dense_head in zip(updated, dense_updated, strict=True):
        jax.tree.map(close, dense_parameters(head.parameters), dense_head.parameters)
    jax.tree.map(close, metrics, dense_metrics)


@pytest.fixture(scope="module")
def sgd_head(counting_world):
    return make_head(counting_world, 1, 2.0, AgentConfig("perceptron", max_gradient_norm=0.5))


@pytest.mark.parametrize(
    ("gradient", "expected"),
    [
        ([3.0, 4.0], [-2.0 * 0.5 * 0.6, -2.0 * 0.5 * 0.8]),  # norm 5, scaled down to 0.5
        ([0.03, 0.04], [-0.06, -0.08]),  # norm 0.05, left alone
        ([0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_gradients_are_scaled_down_to_the_largest_norm(sgd_head, gradient, expected):
    state = TrainState(jnp.zeros(2), sgd_head.init(jax.random.key(0)).optimiser_state)
    stepped = sgd_head.descend(state, jnp.array(gradient)).parameters
    np.testing.assert_allclose(stepped, expected, rtol=1e-6)


def test_the_norm_is_that_of_all_of_a_networks_parameters(sgd_head):
    optimiser_state = sgd_head.init(jax.random.key(0)).optimiser_state
    state = TrainState({"a": jnp.zeros(1), "b": jnp.zeros(1)}, optimiser_state)
    stepped = sgd_head.descend(state, {"a": jnp.array([3.0]), "b": jnp.array([4.0])}).parameters
    np.testing.assert_allclose([stepped["a"], stepped["b"]], [[-0.6], [-0.8]], rtol=1e-6)


def test_adam_steps_by_the_learning_rate_against_the_sign(counting_world):
    config = AgentConfig("perceptron", optimiser="adam", max_gradient_norm=100.0)
    head = make_head(counting_world, 1, 0.25, config)
    state = head.init(jax.random.key(0))
    gradients = jax.tree.map(lambda leaf: jnp.full_like(leaf, -3.0), state.parameters)
    stepped = head.descend(state, gradients)
    change = jax.tree.map(jnp.subtract, stepped.parameters, state.parameters)
    for leaf in jax.tree.leaves(change):
        np.testing.assert_allclose(leaf, np.full(leaf.shape, 0.25), rtol=1e-5)
    # Adam remembers: without a further gradient it still moves.
    zeros = jax.tree.map(jnp.zeros_like, gradients)
    again = head.descend(stepped, zeros)
    assert jax.tree.leaves(again.parameters)[0].sum() > jax.tree.leaves(stepped.parameters)[0].sum()


@pytest.mark.parametrize(
    ("activation", "function"),
    [("relu", jax.nn.relu), ("tanh", jnp.tanh), ("swish", jax.nn.silu)],
)
def test_hidden_layers_have_the_activation_asked_for(counting_world, activation, function):
    config = NetworkConfig("perceptron", (5,), activation=activation)
    network = make_predictor(counting_world, 2, config)
    parameters = network.init(jax.random.key(0))
    first, last = (parameters["params"][name] for name in ("Dense_0", "Dense_1"))
    observation = jnp.array([[3.0, -2.0], [0.5, 9.0]])
    hidden = function(observation @ first["kernel"] + first["bias"])
    expected = hidden @ last["kernel"] + last["bias"]
    outputs, _ = network.apply(parameters, (), observation)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("world_name", "config", "hidden"),
    [
        ("CartPole-v1", NetworkConfig("perceptron", (16, 16)), ("Dense_0", "Dense_1")),
        ("Breakout-MinAtar", NetworkConfig("convolution", (), (6,)), ("Convolution3x3_0",)),
    ],
)
def test_layers_with_a_gain_start_orthogonal(world_name, config, hidden):
    world, _ = gymnax.make(world_name)
    parameters = make_predictor(world, 3, config, output_gain=0.1).init(jax.random.key(0))["params"]
    last = (parameters.get("Perceptron_0") or parameters)[f"Dense_{len(config.hidden_widths)}"]
    layers = [(parameters[name], np.sqrt(2)) for name in hidden] + [(last, 0.1)]
    for layer, gain in layers:
        kernel = np.asarray(layer["kernel"]).reshape(-1, layer["kernel"].shape[-1])
        narrow = kernel if kernel.shape[0] > kernel.shape[1] else kernel.T
        products = narrow.T @ narrow
        np.testing.assert_allclose(products, gain**2 * np.eye(len(products)), atol=1e-4)


def test_discrete_actions_are_categorical():
    world, _ = gymnax.make("CartPole-v1")
    actor = make_actor(world, NetworkConfig("perceptron"))
    policy, _ = actor.apply(actor.init(jax.random.key(0)), (), jnp.ones((3, 4)))
    assert policy.logits.shape == (3, 2)


@pytest.mark.parametrize("shape", [(64,), (3, 40), (63,)])
def test_samples_are_on_the_last_axis_or_not_with_the_same_outputs_and_gradients(
    shape, monkeypatch
):
    """Many samples on a CPU are turned over; elsewhere, and where they are few, they are not."""
    world, _ = gymnax.make("CartPole-v1")
    network = make_predictor(world, 3, NetworkConfig("perceptron", (7, 5), activation="tanh"))
    observations = jax.random.normal(jax.random.key(1), (*shape, 4))

    def loss(parameters, observations):
        return jnp.square(network.apply(parameters, (), observations)[0]).mean()

    def slope(parameters, observations):
        """A gradient of a gradient, as meta-learning takes it."""
        return sum(
            jnp.sin(leaf).sum()
            for leaf in jax.tree.leaves(jax.grad(loss)(parameters, observations))
        )

    def everything():
        parameters = network.init(jax.random.key(0))
        gradients = [jax.grad(of, argnums=(0, 1))(parameters, observations) for of in (loss, slope)]
        return parameters, network.apply(parameters, (), observations)[0], gradients

    turned = "optimization_barrier" in str(jax.make_jaxpr(lambda: everything())())
    assert turned == (np.prod(shape) >= 64)
    on_a_cpu = jax.jit(everything)()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "optimization_barrier" not in str(jax.make_jaxpr(lambda: everything())())
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4),
        on_a_cpu,
        jax.jit(lambda: everything())(),
    )


SHARED = ActorCriticConfig("perceptron", (6, 5), activation="tanh", torso="shared")


def make_two_headed(world, config=SHARED):
    """A policy and a critic on one torso."""
    return make_actor_critic(world, config, policy_gain=0.01, value_gain=1.0)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("torso", ["separate", "shared"])
def test_policy_and_critic_share_a_torso_of_any_architecture(name, torso):
    world_name, options, config = ARCHITECTURES[name]
    world, params = gymnax.make(world_name, **options)
    sizes = config.architecture, config.hidden_widths, config.num_filters
    network = make_two_headed(world, ActorCriticConfig(*sizes, torso=torso))

    @jax.jit
    def outputs(key):
        observation, _ = world.reset(key, params)
        batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2, 4, *leaf.shape)), observation)
        return network.apply(network.init(key), network.init_memory(4), batch)[0]

    outputs = outputs(jax.random.key(0))
    assert outputs.policy.logits.shape == (2, 4, world.action_space(params).n)
    assert outputs.prediction.shape == (2, 4, 1)


def test_a_shared_torso_equals_a_forward_pass_by_hand():
    world, _ = gymnax.make("CartPole-v1")
    network = make_two_headed(world)
    parameters = network.init(jax.random.key(0))
    layers = [parameters["params"][f"Dense_{index}"] for index in range(3)]
    kernels = [np.asarray(layer["kernel"], np.float64) for layer in layers]
    random = np.random.default_rng(0)
    biases = [random.normal(size=kernel.shape[1]) for kernel in kernels]
    for layer, bias in zip(layers, biases, strict=True):
        layer["bias"] = jnp.asarray(bias, jnp.float32)
    observation = random.normal(size=(7, 4))
    hidden = observation
    for kernel, bias in zip(kernels[:2], biases[:2], strict=True):
        hidden = np.tanh(hidden @ kernel + bias)
    expected = hidden @ kernels[2] + biases[2]
    outputs, _ = network.apply(parameters, (), jnp.asarray(observation, jnp.float32))
    # Logits are shifted to be logarithms of probabilities; their differences are the network's.
    logits = outputs.policy.logits
    np.testing.assert_allclose(
        logits[:, 0] - logits[:, 1], expected[:, 0] - expected[:, 1], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(outputs.prediction[:, 0], expected[:, 2], rtol=1e-5, atol=1e-6)


def test_heads_on_a_shared_torso_start_orthogonal_each_with_its_gain():
    world, _ = gymnax.make("CartPole-v1")
    kernel = make_two_headed(world).init(jax.random.key(0))["params"]["Dense_2"]["kernel"]
    np.testing.assert_allclose(kernel.T @ kernel, np.diag([1e-4, 1e-4, 1.0]), atol=1e-6)


@pytest.mark.parametrize("torso", ["separate", "shared"])
def test_both_heads_teach_a_shared_torso_and_their_own_networks_else(torso):
    world = BoxWorld(spaces.Box(-1.0, 1.0, (2,)))
    network = make_two_headed(world, replace(SHARED, torso=torso))

    def taught(head):
        """Which parameters a head's output depends on."""

        def loss(parameters):
            return head(network.apply(parameters, network.init_memory(3), jnp.ones((3, 4)))[0])

        gradients = jax.jit(lambda key: jax.grad(loss)(network.init(key)))(jax.random.key(0))
        return jax.tree.map(lambda leaf: bool(np.any(np.asarray(leaf) != 0)), gradients)

    of_policy = taught(lambda outputs: outputs.policy.log_prob(jnp.ones((3, 2))).sum())
    of_critic = taught(lambda outputs: outputs.prediction.sum())
    if torso == "separate":
        assert all(jax.tree.leaves(of_policy.policy)) and all(jax.tree.leaves(of_critic.prediction))
        assert not any(jax.tree.leaves((of_policy.prediction, of_critic.policy)))
    else:
        assert all(jax.tree.leaves((of_policy, of_critic["heads"])))
        assert not of_critic["log_deviation"]


def test_a_shared_torso_remembers_once():
    world, _ = gymnax.make("CartPole-v1")
    network = make_two_headed(world, replace(SHARED, recurrent_width=3))
    assert network.init_memory(2).shape == (2, 3)
    parameters = jax.jit(network.init)(jax.random.key(0))
    observations = jax.random.normal(jax.random.key(1), (5, 2, 4))
    start, ended = network.init_memory(2), jnp.zeros((5, 2), bool)
    together, memories = jax.jit(network.unroll)(parameters, start, observations, ended)
    memory, apply = start, jax.jit(network.apply)
    for observation, outputs, after in zip(
        observations, together.prediction, memories, strict=True
    ):
        one, memory = apply(parameters, memory, observation)
        np.testing.assert_allclose(one.prediction, outputs, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(memory, after, rtol=1e-4, atol=1e-6)


class BoxWorld(type(gymnax.make("CartPole-v1")[0])):
    """A world with any space of actions."""

    def __init__(self, space):
        super().__init__()
        self.space = space

    def action_space(self, params=None):
        return self.space


@pytest.mark.parametrize(
    ("low", "high", "centre", "half_width"),
    [
        (-2.0, 2.0, [0.0, 0.0], [2.0, 2.0]),
        (np.array([0.0, -1.0]), np.array([1.0, 5.0]), [0.5, 2.0], [0.5, 3.0]),
        (np.array([-np.inf, -1.0]), np.array([3.0, np.inf]), [0.0, 0.0], [1.0, 1.0]),
        (np.finfo(np.float32).min, np.finfo(np.float32).max, [0.0, 0.0], [1.0, 1.0]),
    ],
)
def test_actions_in_a_box_are_normal_at_the_scale_of_the_box(low, high, centre, half_width):
    world = BoxWorld(spaces.Box(low, high, (2,)))
    actor = make_actor(world, NetworkConfig("perceptron"))
    parameters = jax.tree.map(jnp.zeros_like, actor.init(jax.random.key(0)))
    observation = jnp.ones((7, 3, 4))
    policy, _ = actor.apply(parameters, (), observation)
    np.testing.assert_allclose(policy.mean(), np.broadcast_to(centre, (7, 3, 2)))
    np.testing.assert_allclose(policy.stddev(), np.broadcast_to(half_width, (7, 3, 2)))
    assert policy.sample(seed=jax.random.key(0)).shape == (7, 3, 2)
    assert policy.entropy().shape == (7, 3)

    parameters["mean"]["params"]["Dense_0"]["bias"] = jnp.array([0.5, -1.0])
    parameters["log_deviation"] = jnp.log(jnp.array([0.1, 2.0]))
    policy, _ = actor.apply(parameters, (), observation[0, 0])
    np.testing.assert_allclose(policy.mean(), centre + np.multiply(half_width, [0.5, -1.0]))
    np.testing.assert_allclose(policy.stddev(), np.multiply(half_width, [0.1, 2.0]), rtol=1e-6)


def test_actions_of_any_shape_in_a_box_are_served():
    actor = make_actor(BoxWorld(spaces.Box(-1, 1, ())), NetworkConfig("perceptron"))
    policy, _ = actor.apply(actor.init(jax.random.key(0)), (), jnp.ones((3, 4)))
    assert policy.log_prob(policy.mode()).shape == (3,)
    assert policy.mode().shape == (3,)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Dict({"left": spaces.Discrete(2), "right": spaces.Discrete(2)}),
        spaces.Box(0, 9, (2,), jnp.int32),
    ],
)
def test_actions_that_cannot_be_served_are_refused(space):
    with pytest.raises(ValueError, match=r"actions: .* of CartPole-v1 are not allowed"):
        make_actor(BoxWorld(space), NetworkConfig("perceptron"))


def test_orthogonal_layers_of_many_agents_are_decomposed_one_at_a_time():
    # Batches of them hang jaxlib's thread pool on machines of two cores.
    world, _ = gymnax.make("CartPole-v1")
    network = make_predictor(
        world, 2, NetworkConfig("perceptron", (8,), activation="tanh"), output_gain=1.0
    )
    program = jax.jit(jax.vmap(network.init)).lower(jax.random.split(jax.random.key(0), 3))
    calls = [line for line in program.as_text().split("\n") if "lapack" in line or "Qr" in line]
    assert calls
    assert not any("tensor<3x" in line for line in calls)


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "Swimmer-misc"])
def test_a_random_policy_takes_all_actions_alike(name):
    world, params = gymnax.make(name)
    space = world.action_space(params)

    def actions(key):
        # Traced, as in programs that make it there.
        distribution, memory = random_policy(world).act((), jnp.zeros((1000, 3)))
        assert memory == ()
        return distribution.sample(seed=key), distribution.log_prob(
            jnp.zeros_like(space.sample(key))
        )

    drawn, log_probability = jax.jit(actions)(jax.random.key(0))
    if isinstance(space, spaces.Discrete):
        np.testing.assert_allclose(np.bincount(drawn) / 1000, 1 / space.n, atol=0.05)
        np.testing.assert_allclose(log_probability, -np.log(space.n), rtol=1e-5)
        return
    low, high = (np.broadcast_to(bound, space.shape) for bound in (space.low, space.high))
    assert drawn.shape == (1000, *space.shape)
    assert ((drawn >= low) & (drawn <= high)).all()
    np.testing.assert_allclose(drawn.mean(0), (low + high) / 2, atol=0.1 * (high - low).max())
    np.testing.assert_allclose(drawn.std(0), (high - low) / np.sqrt(12), rtol=0.1)
    np.testing.assert_allclose(log_probability, -np.log(high - low).sum(), rtol=1e-5)
