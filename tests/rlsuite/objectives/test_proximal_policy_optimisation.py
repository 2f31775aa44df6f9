"""Tests of proximal policy optimisation against a derivation by hand, and of its learning."""

from dataclasses import replace

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import environment, spaces

from rlsuite.agents import ActorCriticConfig, ActorPredictor
from rlsuite.drifts import LearnedDriftConfig, learned, ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.objective import Clock
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.rollout import Experience

KEY = jax.random.key(5)
CLOCK = Clock(jnp.array(0), jnp.array(10))
TABLE = NetworkConfig()
SMALL = NetworkConfig("perceptron", (16,), activation="tanh")
EPSILON = 0.2


def lived(steps):
    """What an agent without memory experienced."""
    return Experience(steps, ActorPredictor())


def table_ppo(world, **changes):
    """PPO with tables on the grid world's random rollouts of four workers, whole by default."""
    defaults = {"num_mini_batches": 1, "num_epochs": 1, "learning_rate": 0.1}
    return ppo(world, TABLE, PPOConfig(**(defaults | changes)), ppo_clip(EPSILON), num_workers=4)


def drawn(learner, seed=0):
    """The learner with table entries of order one, so that nothing is nearly uniform."""
    keys = iter(jax.random.split(jax.random.key(seed), 2))
    networks = jax.tree.map(
        lambda leaf: jax.random.normal(next(keys), leaf.shape), learner.networks
    )
    return learner._replace(networks=networks)


def kernels(learner):
    return [np.asarray(network["params"]["kernel"], np.float64) for network in learner.networks]


def acted(objective, learner, steps):
    """The steps with the probabilities that the learner's own policy gives to their actions."""
    policy, _ = objective.policy(learner, ActorPredictor(), steps.observation)
    return steps._replace(log_probability=policy.log_prob(steps.action))


def advantages_by_hand(steps, values, next_values, discount, gae_lambda):
    result, following = np.zeros(values.shape), np.zeros(values.shape[1])
    for t in reversed(range(len(values))):
        alive = ~np.asarray(steps.terminated[t])
        delta = steps.reward[t] + discount * alive * next_values[t] - values[t]
        following = delta + discount * gae_lambda * ~np.asarray(steps.ended[t]) * following
        result[t] = following
    return result


def learn_by_hand(steps, policy, critic, config, by_hand):
    """Kernels after epochs over the whole rollout with Adam, in NumPy."""

    def logs(kernel):
        return np.log(by_hand.softmax(by_hand.outputs(kernel, steps.observation)))

    chosen = np.eye(policy.shape[1])[np.asarray(steps.action)]
    values = by_hand.outputs(critic, steps.observation)[..., 0]
    next_values = by_hand.outputs(critic, steps.next_observation)[..., 0]
    advantages = advantages_by_hand(steps, values, next_values, config.discount, config.gae_lambda)
    targets = advantages + values
    normalised = (advantages - advantages.mean()) / advantages.std()
    old = (logs(policy) * chosen).sum(-1)
    moments = [np.zeros(policy.size + critic.size) for _ in range(2)]

    for step in range(1, config.num_epochs + 1):
        log_probabilities = logs(policy)
        probabilities = np.exp(log_probabilities)
        ratio = np.exp((log_probabilities * chosen).sum(-1) - old)
        # The clipped objective is flat where the ratio has gone far enough the right way.
        flat = np.where(normalised > 0, ratio > 1 + EPSILON, ratio < 1 - EPSILON)
        gain = (~flat * ratio * normalised)[..., None] * (chosen - probabilities)
        entropy = -(probabilities * log_probabilities).sum(-1, keepdims=True)
        gain += config.entropy_coefficient * -probabilities * (log_probabilities + entropy)
        new_values = by_hand.outputs(critic, steps.observation)[..., 0]
        error = new_values - targets
        # A clipped value stands still once it has gone far enough towards its target.
        clip = np.inf if config.value_clip is None else config.value_clip
        held = (np.abs(new_values - values) > clip) & ((new_values > values) == (targets > values))
        overshot = held & (np.abs(error) > np.abs(values + np.sign(error) * clip - targets))
        error = np.where(held & ~overshot, 0.0, error)
        slope = 2 * config.value_coefficient * error[..., None]
        gradient = np.concatenate(
            [
                by_hand.gradient(-gain / error.size, steps.observation, policy).ravel(),
                by_hand.gradient(slope / error.size, steps.observation, critic).ravel(),
            ]
        )
        gradient = by_hand.scaled_down(gradient, config.max_gradient_norm)
        for moment, (power, decay) in zip(moments, ((1, 0.9), (2, 0.999)), strict=True):
            moment *= decay
            moment += (1 - decay) * gradient**power
        first, second = moments[0] / (1 - 0.9**step), moments[1] / (1 - 0.999**step)
        change = -config.learning_rate * first / (np.sqrt(second + 1e-12) + 1e-5)
        policy = policy + change[: policy.size].reshape(policy.shape)
        critic = critic + change[policy.size :].reshape(critic.shape)
    return policy, critic, flat, held


# With the smallest norm, gradients are small beside Adam's epsilon, so that steps show their sizes.
@pytest.mark.parametrize(
    ("max_gradient_norm", "learning_rate", "value_clip"),
    [(100.0, 0.1, None), (100.0, 0.1, 0.15), (0.05, 0.1, None), (1e-4, 1.0, None)],
)
def test_epochs_equal_the_derivation_by_hand(
    tiny_grid, random_grid_rollout, by_hand, max_gradient_norm, learning_rate, value_clip
):
    config = PPOConfig(
        discount=0.9,
        gae_lambda=0.7,
        entropy_coefficient=0.3,
        value_coefficient=0.4,
        value_clip=value_clip,
        num_epochs=4,
        num_mini_batches=1,
        learning_rate=learning_rate,
        max_gradient_norm=max_gradient_norm,
    )
    objective = ppo(tiny_grid, TABLE, config, ppo_clip(EPSILON), num_workers=4)
    steps = random_grid_rollout(1)
    learner = drawn(jax.jit(objective.init)(jax.random.key(0)))
    steps = acted(objective, learner, steps)
    updated, _ = jax.jit(objective.update)(KEY, (), learner, lived(steps), CLOCK)

    policy, critic, flat, held = learn_by_hand(steps, *kernels(learner), config, by_hand)
    assert 0 < flat.mean() < 1
    assert 0 < held.mean() < 1 if value_clip else not held.any()
    np.testing.assert_allclose(kernels(updated)[0], policy, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(kernels(updated)[1], critic, rtol=1e-3, atol=1e-3)


def test_metrics_speak_of_the_last_epoch(tiny_grid, random_grid_rollout, by_hand):
    objective = table_ppo(tiny_grid, num_epochs=2)
    steps = random_grid_rollout(1)
    learner = drawn(objective.init(jax.random.key(0)))
    steps = acted(objective, learner, steps)
    _, metrics = jax.jit(objective.update)(KEY, (), learner, lived(steps), CLOCK)
    after_one, _ = jax.jit(table_ppo(tiny_grid).update)(KEY, (), learner, lived(steps), CLOCK)

    old, new = (
        by_hand.softmax(by_hand.outputs(kernels(state)[0], steps.observation))
        for state in (learner, after_one)
    )
    chosen = np.eye(old.shape[-1], dtype=bool)[np.asarray(steps.action)]
    ratio = new[chosen] / old[chosen]
    np.testing.assert_allclose(
        metrics["policy_divergence"], (ratio - 1 - np.log(ratio)).mean(), rtol=1e-3
    )
    np.testing.assert_allclose(
        metrics["policy_entropy"], -(new * np.log(new)).sum(-1).mean(), rtol=1e-4
    )
    assert metrics["drift"] > 0
    assert metrics["critic_loss"] > 0


def test_truncated_episodes_are_bootstrapped_and_terminated_ones_are_not(
    tiny_grid, random_grid_rollout
):
    objective = table_ppo(tiny_grid)
    steps = random_grid_rollout(1)
    learner = drawn(objective.init(jax.random.key(0)))
    update = jax.jit(objective.update)

    def learned_from(arrived):
        """The critic where the given steps arrived elsewhere."""
        index = jnp.where(arrived, 1 - steps.next_observation.index, steps.next_observation.index)
        changed = steps._replace(next_observation=steps.next_observation.replace(index=index))
        return kernels(update(KEY, (), learner, lived(changed), CLOCK)[0])[1]

    before = learned_from(jnp.zeros_like(steps.terminated))
    assert steps.truncated.any()
    assert steps.terminated.any()
    np.testing.assert_array_equal(learned_from(steps.terminated), before)
    assert (learned_from(steps.truncated) != before).any()


def test_the_learning_rate_falls_to_zero_over_a_life(tiny_grid, random_grid_rollout):
    objective = table_ppo(tiny_grid, anneal_learning_rate=True)
    learner = drawn(objective.init(jax.random.key(0)))
    update = jax.jit(objective.update)

    def change(num_updates, lifetime=8):
        clock = Clock(jnp.array(num_updates), jnp.array(lifetime))
        after, _ = update(KEY, (), learner, lived(random_grid_rollout(2)), clock)
        return kernels(after)[0] - kernels(learner)[0]

    np.testing.assert_allclose(change(6), change(0) / 4, rtol=1e-3, atol=1e-6)
    for after_its_end in (change(8), change(9), change(800), change(1, 1), change(2, 1)):
        np.testing.assert_array_equal(after_its_end, 0)
    np.testing.assert_array_equal(change(0, 1), change(0))


def test_normalised_rewards_are_the_same_as_rewards_scaled_beforehand(
    tiny_grid, random_grid_rollout
):
    steps = random_grid_rollout(3)
    steps = steps._replace(reward=100 * steps.reward)
    objective = table_ppo(tiny_grid, normalise_rewards=True)
    learner = drawn(objective.init(jax.random.key(0)))
    steps = acted(objective, learner, steps)
    after, _ = jax.jit(objective.update)(KEY, (), learner, lived(steps), CLOCK)
    deviation = jnp.sqrt(after.returns.statistics.variance)
    scaled = steps._replace(reward=steps.reward / deviation)
    expected, _ = jax.jit(table_ppo(tiny_grid).update)(KEY, (), learner, lived(scaled), CLOCK)
    for kernel, other in zip(kernels(after), kernels(expected), strict=True):
        np.testing.assert_allclose(kernel, other, rtol=1e-3, atol=1e-4)


def test_observations_are_normalised_as_when_they_were_collected():
    world, params = gymnax.make("CartPole-v1")
    config = PPOConfig(num_epochs=1, num_mini_batches=1, normalise_observations=True)
    objective = ppo(world, SMALL, config, ppo_clip(), num_workers=4)
    plain = ppo(world, SMALL, replace(config, normalise_observations=False), ppo_clip(), 4)
    life, task = Life(world, objective, 4, 16), Task(params, jnp.array(10))

    @jax.jit
    def live(key):
        agent = life.init(key, task)
        agent, (first, _) = life.update((), agent)
        after_one = agent
        agent, (second, metrics) = life.update((), agent)
        first, second = first.transitions, second.transitions
        before, after = first.observation.reshape(-1, 4), second.observation
        seen = (after - before.mean(0)) / before.std(0)
        policies = (
            objective.policy(after_one.learner, ActorPredictor(), after)[0].logits,
            plain.policy(after_one.learner, ActorPredictor(), jnp.clip(seen, -10, 10))[0].logits,
        )
        return agent, after_one, first, second, metrics, policies

    agent, after_one, first, second, metrics, policies = live(jax.random.key(0))
    np.testing.assert_allclose(*policies, rtol=1e-3, atol=1e-4)
    # The only epoch begins with the policy that collected the rollout.
    np.testing.assert_allclose(metrics["policy_divergence"], 0, atol=1e-7)
    for state, rollouts in ((after_one, [first]), (agent, [first, second])):
        observations = np.concatenate([r.observation.reshape(-1, 4) for r in rollouts])
        statistics = state.learner.observations
        np.testing.assert_allclose(statistics.mean, observations.mean(0), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(statistics.variance, observations.var(0), rtol=1e-3, atol=1e-6)


def test_agents_side_by_side_learn_as_each_does_alone(tiny_grid):
    config = PPOConfig(num_epochs=2, num_mini_batches=2, normalise_rewards=True)
    objective = ppo(tiny_grid, TABLE, config, ppo_clip(), num_workers=2)
    life = Life(tiny_grid, objective, num_workers=2, rollout_length=8)
    task = Task(tiny_grid.default_params, jnp.array(3))
    keys = jax.random.split(jax.random.key(0), 3)
    alone = jax.jit(lambda key: life.whole(key, (), task).learner)
    together = jax.jit(jax.vmap(lambda key: life.whole(key, (), task).learner.networks))(keys)
    for index, key in enumerate(keys):
        networks = jax.tree.map(lambda leaf, index=index: leaf[index], together)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
            networks,
            alone(key).networks,
        )


def test_an_update_is_differentiable_in_the_drift(tiny_grid, random_grid_rollout):
    drift = learned(LearnedDriftConfig(hidden_width=4, margin=1e-6))
    config = PPOConfig(num_epochs=3, num_mini_batches=1, learning_rate=0.1)
    objective = ppo(tiny_grid, TABLE, config, drift, num_workers=4)
    learner = drawn(objective.init(jax.random.key(0)))
    parameters = jax.tree.map(jnp.ones_like, objective.init_parameters(jax.random.key(1)))
    steps = acted(objective, learner, random_grid_rollout(1))

    def moved(parameters):
        after, _ = objective.update(KEY, parameters, learner, lived(steps), CLOCK)
        return after.networks.policy["params"]["kernel"].sum()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(moved))(parameters)):
        assert np.isfinite(leaf).all()
        assert (leaf != 0).any()


@pytest.mark.parametrize("torso", ["separate", "shared"])
def test_it_learns_to_balance_a_pole(torso):
    world, params = gymnax.make("CartPole-v1")
    config = PPOConfig(
        gae_lambda=0.9,
        num_epochs=8,
        num_mini_batches=2,
        learning_rate=5e-3,
        entropy_coefficient=0.0,
        # Errors of the critic as large as returns would have a shared torso for themselves.
        normalise_rewards=torso == "shared",
    )
    networks = ActorCriticConfig("perceptron", (16,), activation="tanh", torso=torso)
    objective = ppo(world, networks, config, ppo_clip(), 8)
    life = Life(world, objective, num_workers=8, rollout_length=32)

    @jax.jit
    def final_return(key, lifetime):
        agent = life.whole(key, (), Task(params, lifetime))
        return life.mean_return(key, agent, 16)

    assert final_return(jax.random.key(0), 0) < 60
    assert final_return(jax.random.key(0), 60) > 150


@struct.dataclass
class AimState(environment.EnvState):
    pass


class AimWorld(environment.Environment):
    """Pays for how close an action in a box comes to a place in it; five shots an episode."""

    aim = jnp.array([1.5, -0.5])

    @property
    def default_params(self):
        return environment.EnvParams(max_steps_in_episode=5)

    def reset_env(self, key, params):
        return jnp.ones(1), AimState(time=jnp.zeros((), jnp.int32))

    def step_env(self, key, state, action, params):
        reward = -jnp.square(action - self.aim).sum()
        return jnp.ones(1), AimState(time=state.time + 1), reward, jnp.array(False), {}

    def observation_space(self, params):
        return spaces.Box(0.0, 1.0, (1,))

    def action_space(self, params=None):
        return spaces.Box(-jnp.ones(2), jnp.array([3.0, jnp.inf]), (2,))


def test_it_learns_to_aim_in_a_box():
    world = AimWorld()
    config = PPOConfig(num_epochs=8, num_mini_batches=4, learning_rate=0.02, normalise_rewards=True)
    life = Life(world, ppo(world, SMALL, config, ppo_clip(), 16), num_workers=16, rollout_length=5)
    task = Task(world.default_params, jnp.array(60))
    agent = jax.jit(lambda key: life.whole(key, (), task))(jax.random.key(0))
    policy, _ = life.objective.policy(agent.learner, ActorPredictor(), jnp.ones((3, 1)))
    assert policy.log_prob(jnp.zeros((3, 2))).shape == (3,)
    np.testing.assert_allclose(policy.mode(), jnp.tile(world.aim, (3, 1)), atol=0.2)
    assert (policy.distribution.stddev() < 0.5).all()


def test_it_learns_from_one_sample_at_a_time(tiny_grid):
    """As many mini-batches as samples: each advantage is alone, and counts as it is."""
    config = PPOConfig(
        num_epochs=2, num_mini_batches=32, learning_rate=0.05, entropy_coefficient=0.0
    )
    objective = ppo(tiny_grid, TABLE, config, ppo_clip(EPSILON), num_workers=4)
    life = Life(tiny_grid, objective, num_workers=4, rollout_length=8)
    level = tiny_grid.default_params.replace(max_steps_in_episode=jnp.int32(8))

    @jax.jit
    def final_return(key, lifetime):
        agent = life.whole(key, (), Task(level, lifetime))
        return life.mean_return(key, agent, 64)

    assert final_return(jax.random.key(0), 0) < 0.5
    assert final_return(jax.random.key(0), 100) > 0.9


def test_networks_start_with_an_even_policy():
    world, _ = gymnax.make("CartPole-v1")
    objective = ppo(world, SMALL, PPOConfig(), ppo_clip(), num_workers=4)
    learner = objective.init(jax.random.key(0))
    assert isinstance(learner.networks, ActorPredictor)
    policy, _ = objective.policy(
        learner, ActorPredictor(), jax.random.normal(jax.random.key(1), (9, 4))
    )
    np.testing.assert_allclose(policy.probs, 0.5, atol=0.02)


def test_what_cannot_be_served_is_refused(tiny_grid, random_grid_rollout):
    with pytest.raises(ValueError, match="normalise_observations: True is not allowed"):
        table_ppo(tiny_grid, normalise_observations=True)
    objective = table_ppo(tiny_grid, num_mini_batches=5)
    with pytest.raises(ValueError, match="num_mini_batches: 5 is not allowed"):
        learner, experience = (
            objective.init(KEY),
            lived(random_grid_rollout(0)),
        )
        objective.update(KEY, (), learner, experience, CLOCK)
