"""Tests of advantage actor-critic against a derivation by hand, and of its learning."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import ActorPredictor, AgentConfig, make_agent
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.objective import Clock
from rlsuite.rollout import Experience

KEY = jax.random.key(5)
CLOCK = Clock(jnp.array(0), jnp.array(10))
DISCOUNT, GAE_LAMBDA, ENTROPY = 0.9, 0.7, 0.3
POLICY_RATE, CRITIC_RATE = 3.0, 2.0


def lived(steps):
    """What an agent without memory experienced."""
    return Experience(steps, ActorPredictor())


def advantages_by_hand(steps, values, next_values):
    result, following = np.zeros(values.shape), np.zeros(values.shape[1])
    for t in reversed(range(len(values))):
        alive = ~np.asarray(steps.terminated[t])
        delta = steps.reward[t] + DISCOUNT * alive * next_values[t] - values[t]
        following = delta + DISCOUNT * GAE_LAMBDA * ~np.asarray(steps.ended[t]) * following
        result[t] = following
    return result


@pytest.mark.parametrize("max_gradient_norm", [100.0, 0.05])
def test_update_equals_the_derivation_by_hand(
    tiny_grid, random_grid_rollout, by_hand, max_gradient_norm
):
    agent = AgentConfig(
        policy_learning_rate=POLICY_RATE,
        prediction_learning_rate=CRITIC_RATE,
        max_gradient_norm=max_gradient_norm,
    )
    objective = a2c(make_agent(tiny_grid, agent), A2CConfig(DISCOUNT, GAE_LAMBDA, ENTROPY))
    steps = random_grid_rollout(1)
    learner = jax.jit(objective.init)(jax.random.key(0))
    updated, metrics = jax.jit(objective.update)(KEY, (), learner, lived(steps), CLOCK)

    critic, policy = by_hand.kernel_of(learner.prediction), by_hand.kernel_of(learner.policy)
    values = by_hand.outputs(critic, steps.observation)[..., 0]
    next_values = by_hand.outputs(critic, steps.next_observation)[..., 0]
    advantages = advantages_by_hand(steps, values, next_values)
    normalised = (advantages - advantages.mean()) / advantages.std()

    logits = by_hand.outputs(policy, steps.observation)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    log_probabilities = np.log(probabilities)
    entropy = -(probabilities * log_probabilities).sum(-1, keepdims=True)
    chosen = np.eye(5)[np.asarray(steps.action)]
    # d log π(a) / d logits = 1[a] - π, and dH / d logit_j = -π_j (log π_j + H).
    gain = (chosen - probabilities) * normalised[..., None]
    gain += ENTROPY * -probabilities * (log_probabilities + entropy)
    policy_gradient = by_hand.gradient(-gain / values.size, steps.observation, policy)
    # The critic's targets are A + V, so its error is -A.
    critic_gradient = by_hand.gradient(
        -2 * advantages[..., None] / values.size, steps.observation, critic
    )

    for head, kernel, gradient, rate in (
        (updated.policy, policy, policy_gradient, POLICY_RATE),
        (updated.prediction, critic, critic_gradient, CRITIC_RATE),
    ):
        expected = kernel - rate * by_hand.scaled_down(gradient, max_gradient_norm)
        np.testing.assert_allclose(by_hand.kernel_of(head), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(metrics["policy_entropy"], entropy.mean(), rtol=1e-5)
    np.testing.assert_allclose(metrics["critic_loss"], np.square(advantages).mean(), rtol=1e-4)


def test_one_step_of_one_worker_teaches_by_its_advantage_as_it_is(
    tiny_grid, random_grid_rollout, by_hand
):
    """A lone advantage normalised to zero would teach nothing."""
    agent = AgentConfig(policy_learning_rate=POLICY_RATE, prediction_learning_rate=CRITIC_RATE)
    objective = a2c(make_agent(tiny_grid, agent), A2CConfig(DISCOUNT, GAE_LAMBDA, 0.0))
    steps = random_grid_rollout(3, length=1, num_workers=1)
    learner = jax.jit(objective.init)(jax.random.key(0))
    updated, _ = jax.jit(objective.update)(KEY, (), learner, lived(steps), CLOCK)

    critic, policy = by_hand.kernel_of(learner.prediction), by_hand.kernel_of(learner.policy)
    values = by_hand.outputs(critic, steps.observation)[..., 0]
    next_values = by_hand.outputs(critic, steps.next_observation)[..., 0]
    advantage = advantages_by_hand(steps, values, next_values)
    probabilities = by_hand.softmax(by_hand.outputs(policy, steps.observation))
    gain = (np.eye(5)[np.asarray(steps.action)] - probabilities) * advantage[..., None]
    gradient = by_hand.gradient(-gain, steps.observation, policy)
    expected = policy - POLICY_RATE * by_hand.scaled_down(gradient, agent.max_gradient_norm)
    np.testing.assert_allclose(by_hand.kernel_of(updated.policy), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - policy).max() > 0.1


def test_it_learns_a_tiny_grid_world(tiny_grid):
    agent = AgentConfig(policy_learning_rate=10.0, prediction_learning_rate=2.0)
    life = Life(
        tiny_grid, a2c(make_agent(tiny_grid, agent), A2CConfig()), num_workers=8, rollout_length=10
    )
    # Four steps lead to the goal; a limit of eight leaves a random walk little chance.
    level = tiny_grid.default_params.replace(max_steps_in_episode=jnp.int32(8))

    @jax.jit
    def final_return(key, lifetime):
        life_key, return_key = jax.random.split(key)
        trained = life.whole(life_key, (), Task(level, lifetime))
        return life.mean_return(return_key, trained, 64)

    assert final_return(jax.random.key(0), 0) < 0.5
    assert final_return(jax.random.key(0), 60) > 0.95
