"""Tests of deep Q-networks: targets by hand, the replay, exploration, and learning."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.deep_q_network import DQNConfig, deep_q_network, epsilon_at, q_targets
from rlsuite.objectives.objective import Clock
from rlsuite.rollout import Experience

KEY = jax.random.key(0)
CLOCK = Clock(jnp.array(0), jnp.array(10))
TABLE = NetworkConfig()


def test_targets_bootstrap_through_truncation_but_not_through_termination():
    random = np.random.default_rng(0)
    rewards, terminated = random.normal(size=20), random.random(20) < 0.5
    choosing, valuing = random.normal(size=(2, 20, 3))
    expected = [
        reward if over else reward + 0.9 * valuing[i, np.argmax(choosing[i])]
        for i, (reward, over) in enumerate(zip(rewards, terminated, strict=True))
    ]
    result = q_targets(
        jnp.asarray(rewards),
        jnp.asarray(terminated),
        jnp.asarray(choosing),
        jnp.asarray(valuing),
        0.9,
    )
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("double", [True, False])
def test_a_gradient_step_equals_the_derivation_by_hand(
    tiny_grid, random_grid_rollout, by_hand, double
):
    """The replay holds a single transition, so that every batch is of it."""
    config = DQNConfig(replay_size=1, batch_size=4, learning_starts=1)
    with pytest.raises(ValueError, match="replay_size: 1 is not allowed; it must be at least 4"):
        deep_q_network(tiny_grid, TABLE, config)
    config = DQNConfig(
        discount=0.8,
        replay_size=8,
        batch_size=1,
        num_gradient_steps=1,
        learning_starts=1,
        double=double,
    )
    objective = deep_q_network(tiny_grid, TABLE, config, optimiser=optax.sgd(0.1))
    random = np.random.default_rng(1)
    online, target = random.normal(size=(2, 19, 5))
    learner = objective.init(KEY)._replace(
        parameters={"params": {"kernel": jnp.asarray(online, jnp.float32)}},
        target={"params": {"kernel": jnp.asarray(target, jnp.float32)}},
    )
    update = jax.jit(objective.update)
    for seed in range(6):
        steps = random_grid_rollout(seed, length=1, num_workers=1)
        after, metrics = update(KEY, (), learner, Experience(steps, ()), CLOCK)
        values = by_hand.outputs(online, steps.observation)[0, 0]
        following = by_hand.outputs(target, steps.next_observation)[0, 0]
        choosing = by_hand.outputs(online, steps.next_observation)[0, 0] if double else following
        wanted = steps.reward[0, 0] + 0.8 * ~steps.terminated[0, 0] * following[choosing.argmax()]
        action = int(steps.action[0, 0])
        error = values[action] - wanted
        slope = np.zeros((1, 1, 5))
        slope[0, 0, action] = error
        expected = online - 0.1 * by_hand.gradient(slope, steps.observation, online)
        kernel = after.parameters["params"]["kernel"]
        np.testing.assert_allclose(kernel, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(metrics["q_loss"], error**2 / 2, rtol=1e-3, atol=1e-5)


def test_the_replay_keeps_the_last_transitions_whole(tiny_grid, random_grid_rollout):
    config = DQNConfig(replay_size=48, batch_size=4, learning_starts=25)
    objective = deep_q_network(tiny_grid, TABLE, config)
    learner, update = objective.init(KEY), jax.jit(objective.update)
    rollouts = [random_grid_rollout(seed) for seed in range(4)]
    for steps in rollouts:
        learner, _ = update(KEY, (), learner, Experience(steps, ()), CLOCK)
    kept = learner.replay.experience

    def rows(rollouts):
        columns = [
            [np.asarray(read(steps)).ravel() for steps in rollouts]
            for read in (
                lambda s: s.observation.index,
                lambda s: s.observation.time,
                lambda s: s.action,
                lambda s: s.reward,
                lambda s: s.terminated,
                lambda s: s.next_observation.index,
            )
        ]
        return sorted(zip(*(np.concatenate(column).tolist() for column in columns), strict=True))

    assert kept.reward.shape == (1, 48)
    assert rows([kept]) == rows(rollouts[-2:])


def test_nothing_is_learned_before_learning_starts(tiny_grid, random_grid_rollout):
    config = DQNConfig(replay_size=100, batch_size=4, learning_starts=40, num_gradient_steps=3)
    objective = deep_q_network(tiny_grid, TABLE, config)
    start, update = objective.init(KEY), jax.jit(objective.update)
    first, metrics = update(KEY, (), start, Experience(random_grid_rollout(0), ()), CLOCK)
    assert np.isnan(metrics["q_loss"])
    jax.tree.map(np.testing.assert_array_equal, first[:3], start[:3])
    second, metrics = update(KEY, (), first, Experience(random_grid_rollout(1), ()), CLOCK)
    assert metrics["q_loss"] > 0
    kernels = [agent.parameters["params"]["kernel"] for agent in (first, second)]
    assert not np.allclose(*kernels)


def test_the_target_is_copied_every_so_many_gradient_steps(tiny_grid, random_grid_rollout):
    config = DQNConfig(
        replay_size=100, batch_size=4, learning_starts=4, num_gradient_steps=2, target_period=6
    )
    objective = deep_q_network(tiny_grid, TABLE, config)
    learner, update = objective.init(KEY), jax.jit(objective.update)
    copied = []
    for count in range(6):
        clock = Clock(jnp.array(count), jnp.array(10))
        learner, _ = update(KEY, (), learner, Experience(random_grid_rollout(0), ()), clock)
        kernels = [tree["params"]["kernel"] for tree in (learner.parameters, learner.target)]
        copied.append(np.array_equal(*kernels))
    assert copied == [False, False, True, False, False, True]


def test_random_actions_get_fewer_along_a_life():
    config = DQNConfig(first_epsilon=0.9, last_epsilon=0.1, exploration=0.5)
    shares = [epsilon_at(Clock(jnp.array(n), jnp.array(20)), config) for n in (0, 5, 10, 19)]
    np.testing.assert_allclose(shares, [0.9, 0.5, 0.1, 0.1], rtol=1e-5)


@pytest.mark.parametrize("exploration", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("lifetime", [1, 2, 20])
def test_random_actions_stay_at_their_last_share(exploration, lifetime):
    """Beyond the end of exploration and of the life, however short these are."""
    config = DQNConfig(first_epsilon=0.9, last_epsilon=0.1, exploration=exploration)
    shares = [
        epsilon_at(Clock(jnp.array(n), jnp.array(lifetime)), config)
        for n in (0, lifetime, lifetime + 1, 1000)
    ]
    np.testing.assert_allclose(shares, [0.9, 0.1, 0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(
        epsilon_at(Clock(jnp.array(0), jnp.array(0)), config), 0.1, rtol=1e-5
    )


def test_the_policy_is_greedy_but_for_epsilon(tiny_grid, random_grid_rollout):
    objective = deep_q_network(tiny_grid, TABLE, DQNConfig())
    learner = objective.init(KEY)._replace(epsilon=jnp.float32(0.2))
    observation = random_grid_rollout(0).observation
    policy, _ = objective.policy(learner, (), observation)
    best = np.asarray(objective.predict(learner, (), observation)).argmax(-1)
    expected = 0.2 / 5 + 0.8 * np.eye(5)[best]
    np.testing.assert_allclose(policy.probs, expected, rtol=1e-5)


def test_it_learns_to_catch():
    world, params = gymnax.make("Catch-bsuite")
    config = DQNConfig(num_gradient_steps=8, batch_size=64, learning_rate=2e-3, target_period=50)
    networks = NetworkConfig("perceptron", (32,))
    life = Life(world, deep_q_network(world, networks, config), num_workers=8, rollout_length=8)

    @jax.jit
    def final_return(key, lifetime):
        agent = life.whole(key, (), Task(params, lifetime))
        return life.mean_return(key, agent, 64)

    assert final_return(KEY, 0) < 0
    assert final_return(KEY, 500) > 0.7


def test_what_cannot_be_served_is_refused(tiny_grid):
    with pytest.raises(ValueError, match=r"actions: .* are not allowed; they must be discrete"):
        deep_q_network(gymnax.make("Pendulum-v1")[0], TABLE, DQNConfig())
    remembering = NetworkConfig(recurrent_width=4)
    with pytest.raises(ValueError, match=r"networks\.recurrent_width: 4 is not allowed"):
        deep_q_network(tiny_grid, remembering, DQNConfig())
