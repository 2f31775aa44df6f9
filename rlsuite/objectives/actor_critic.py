"""Advantage actor-critic, the suite's hand-written yardstick, and the value critic it uses."""

from dataclasses import dataclass
from typing import NamedTuple

import distrax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PyTree

from rlsuite.advantages import generalised_advantage, normalise
from rlsuite.agents import AgentConfig, Head, HeadState, make_head
from rlsuite.objectives.objective import Objective
from rlsuite.ranges import Fraction, NotNegative
from rlsuite.rollout import Transition


@dataclass(frozen=True)
class A2CConfig:
    """Hyperparameters of advantage actor-critic.

    Attributes:
      discount: of future rewards.
      gae_lambda: of generalised advantage estimation.
      entropy_coefficient: weight of the policy's entropy in what is maximised.
    """

    discount: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    entropy_coefficient: NotNegative = 0.01


class ActorCritic(NamedTuple):
    """The learner of A2C."""

    policy: HeadState
    critic: HeadState


def advantages_and_values(
    critic: Head,
    parameters: PyTree,
    rollout: Transition,
    *,
    discount: float,
    gae_lambda: float,
) -> tuple[Float[Array, "time worker"], Float[Array, "time worker"]]:
    """Generalised advantages of a rollout under a critic, and the critic's values, detached."""
    values = critic.apply(parameters, rollout.observation)[..., 0]
    next_values = critic.apply(parameters, rollout.next_observation)[..., 0]
    advantages = generalised_advantage(
        rollout.reward,
        values,
        next_values,
        rollout.terminated,
        rollout.truncated,
        discount=discount,
        gae_lambda=gae_lambda,
    )
    return jax.lax.stop_gradient((advantages, values))


def fit_critic(
    critic: Head, state: HeadState, rollout: Transition, targets: Float[Array, "time worker"]
) -> tuple[HeadState, Float[Array, ""]]:
    """One step of a critic towards value targets: `mean (V(s) - target)²`; and that loss."""

    def loss(parameters):
        values = critic.apply(parameters, rollout.observation)[..., 0]
        return jnp.square(values - targets).mean()

    value, gradients = jax.value_and_grad(loss)(state.parameters)
    return critic.descend(state, gradients), value


def a2c(world: Environment, agent: AgentConfig, config: A2CConfig) -> Objective:
    r"""Synchronous advantage actor-critic (Mnih et al., arXiv 1602.01783) with GAE.

    The policy descends :math:`-E[\log \pi(a|s) \hat A] - c H(\pi)` with advantages normalised over
    the rollout, the critic the squared error to :math:`A + V`, each with its own optimiser.

    Args:
      world: a gymnax world with discrete actions.
      agent: the networks.
      config: hyperparameters.

    Returns:
      An objective without parameters of its own.
    """
    policy = make_head(world, world.num_actions, agent.policy_learning_rate, agent)
    critic = make_head(world, 1, agent.prediction_learning_rate, agent)

    def init(key):
        policy_key, critic_key = jax.random.split(key)
        return ActorCritic(policy.init(policy_key), critic.init(critic_key))

    def act(learner, memory, observation):
        return distrax.Categorical(policy.apply(learner.policy.parameters, observation)), memory

    def update(key, parameters, learner, experience, clock):
        del key, parameters, clock
        rollout = experience.transitions
        advantages, values = advantages_and_values(
            critic,
            learner.critic.parameters,
            rollout,
            discount=config.discount,
            gae_lambda=config.gae_lambda,
        )

        def policy_loss(policy_parameters):
            actions = distrax.Categorical(policy.apply(policy_parameters, rollout.observation))
            gain = actions.log_prob(rollout.action) * normalise(advantages)
            entropy = actions.entropy().mean()
            return -gain.mean() - config.entropy_coefficient * entropy, entropy

        gradients, entropy = jax.grad(policy_loss, has_aux=True)(learner.policy.parameters)
        critic_state, critic_loss = fit_critic(critic, learner.critic, rollout, advantages + values)
        learner = ActorCritic(policy.descend(learner.policy, gradients), critic_state)
        return learner, {"policy_entropy": entropy, "critic_loss": critic_loss}

    def predict(learner, memory, observation):
        del memory
        return critic.apply(learner.critic.parameters, observation)

    return Objective(
        init_parameters=lambda key: (), init=init, policy=act, update=update, predict=predict
    )
