"""Advantage actor-critic, the suite's hand-written yardstick, and the value critic it uses."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from rlsuite.advantages import generalised_advantage, normalise
from rlsuite.agents import ActorPredictor, Trainable, TrainableAgent, TrainState
from rlsuite.networks import Predictor
from rlsuite.objectives.objective import Objective
from rlsuite.ranges import Fraction, NotNegative
from rlsuite.rollout import Memory, Transition


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


def advantages_and_values(
    critic: Predictor,
    parameters: PyTree,
    memory: Memory,
    transitions: Transition,
    *,
    discount: float,
    gae_lambda: float,
) -> tuple[Float[Array, "time worker"], Float[Array, "time worker"]]:
    """Generalised advantages of a rollout under a critic, and the critic's values, detached.

    `memory` is the critic's before the first step.
    """
    values, memories = critic.unroll(parameters, memory, transitions.observation, transitions.ended)
    next_values, _ = critic.apply(parameters, memories, transitions.next_observation)
    advantages = generalised_advantage(
        transitions.reward,
        values[..., 0],
        next_values[..., 0],
        transitions.terminated,
        transitions.truncated,
        discount=discount,
        gae_lambda=gae_lambda,
    )
    return jax.lax.stop_gradient((advantages, values[..., 0]))


def fit_critic(
    critic: Trainable,
    state: TrainState,
    memory: Memory,
    transitions: Transition,
    targets: Float[Array, "time worker"],
) -> tuple[TrainState, Float[Array, ""]]:
    """One step of a critic towards value targets: `mean (V(s) - target)²`; and that loss."""

    def loss(parameters):
        values, _ = critic.network.unroll(
            parameters, memory, transitions.observation, transitions.ended
        )
        return jnp.square(values[..., 0] - targets).mean()

    value, gradients = jax.value_and_grad(loss)(state.parameters)
    return critic.descend(state, gradients), value


def a2c(agent: TrainableAgent, config: A2CConfig) -> Objective:
    r"""Synchronous advantage actor-critic (Mnih et al., arXiv 1602.01783) with GAE.

    The policy descends :math:`-E[\log \pi(a|s) \hat A] - c H(\pi)` with advantages normalised over
    the rollout (but for a lone one), the critic the squared error to :math:`A + V`, each with its
    own optimiser.

    Args:
      agent: the policy, and the critic as a predictor of one number.
      config: hyperparameters.

    Returns:
      An objective without parameters of its own, whose learner is an `ActorPredictor`.
    """
    policy, critic = agent

    def update(key, parameters, learner, experience, clock):
        del key, parameters, clock
        steps, memory = experience
        advantages, values = advantages_and_values(
            critic.network,
            learner.prediction.parameters,
            memory.prediction,
            steps,
            discount=config.discount,
            gae_lambda=config.gae_lambda,
        )

        def policy_loss(policy_parameters):
            actions, _ = policy.network.unroll(
                policy_parameters, memory.policy, steps.observation, steps.ended
            )
            gain = actions.log_prob(steps.action) * normalise(advantages)
            entropy = actions.entropy().mean()
            return -gain.mean() - config.entropy_coefficient * entropy, entropy

        gradients, entropy = jax.grad(policy_loss, has_aux=True)(learner.policy.parameters)
        critic_state, critic_loss = fit_critic(
            critic, learner.prediction, memory.prediction, steps, advantages + values
        )
        learner = ActorPredictor(policy.descend(learner.policy, gradients), critic_state)
        return learner, {"policy_entropy": entropy, "critic_loss": critic_loss}

    def act(learner, memory, observation):
        outputs, memory = agent.apply(learner, memory, observation)
        return outputs.policy, memory

    return Objective(
        init_parameters=lambda key: (),
        init=agent.init,
        policy=act,
        update=update,
        predict=lambda *state: agent.apply(*state)[0].prediction,
        init_memory=agent.init_memory,
    )
