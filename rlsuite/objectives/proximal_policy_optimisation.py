"""Proximal policy optimisation, with any drift as what keeps its policy proximal."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, PyTree

from rlsuite.advantages import generalised_advantage, normalise
from rlsuite.agents import (
    ADAM_EPS_ROOT,
    ActorCritic,
    clip_by_global_norm,
    make_actor_critic,
)
from rlsuite.drifts import Drift
from rlsuite.envs.flattening import is_array
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.mini_batches import mini_batches
from rlsuite.objectives.normalisation import (
    ReturnStatistics,
    Statistics,
    merge,
    no_return_statistics,
    no_statistics,
    scale_rewards,
    standardise,
)
from rlsuite.objectives.objective import Objective
from rlsuite.objectives.values import Judgement, value_error, values_of_next
from rlsuite.ranges import Count, Fraction, NotNegative, Positive
from rlsuite.rollout import Memory


@dataclass(frozen=True)
class PPOConfig:
    """Hyperparameters of proximal policy optimisation.

    Attributes:
      discount: of future rewards.
      gae_lambda: of generalised advantage estimation.
      entropy_coefficient: weight of the policy's entropy in what is maximised.
      value_coefficient: weight of the critic's squared error in what is minimised.
      num_epochs: passes over each rollout.
      num_mini_batches: groups a rollout is shuffled into, with a gradient step on each; 1 takes it
        whole, without shuffling. Its steps are shuffled, or its workers if agents have memory.
      learning_rate: of Adam, on policy and critic together.
      anneal_learning_rate: whether it falls linearly to zero over the agent's lifetime, and
        stays there.
      anneal_entropy: whether the weight of the entropy falls likewise, so that an agent explores
        first and is sure in the end.
      value_clip: how far a value may move from that of the rollout before moving further gains
        nothing, as in public code of PPO; none lets it move. It matters where policy and critic
        share a torso, which large errors of the critic would else have for themselves.
      max_gradient_norm: gradients are scaled down to this global norm over policy and critic.
      normalise_observations: whether networks see observations shifted and scaled by the mean and
        variance of all those before.
      normalise_rewards: whether rewards are divided by the standard deviation of discounted
        returns.
    """

    discount: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    entropy_coefficient: NotNegative = 0.01
    value_coefficient: NotNegative = 0.5
    num_epochs: Count = 4
    num_mini_batches: Count = 4
    learning_rate: Positive = 2.5e-4
    anneal_learning_rate: bool = False
    anneal_entropy: bool = False
    value_clip: Positive | None = None
    max_gradient_norm: Positive = 0.5
    normalise_observations: bool = False
    normalise_rewards: bool = False


class PPOAgent(NamedTuple):
    """The learner of PPO. Statistics that are not asked for stay those of no samples."""

    networks: PyTree
    optimiser_state: optax.OptState
    observations: Statistics
    returns: ReturnStatistics


class Samples(NamedTuple):
    """What a gradient step needs of a rollout; `*batch` is `sample`, or `time, worker`."""

    observation: PyTree
    ended: Bool[Array, "*batch"]
    action: Array
    log_probability: Float[Array, "*batch"]
    advantage: Float[Array, "*batch"]
    target: Float[Array, "*batch"]


def ppo(
    world: Environment, networks: NetworkConfig, config: PPOConfig, drift: Drift, num_workers: int
) -> Objective:
    r"""Proximal policy optimisation (Schulman et al., arXiv 1707.06347) with a drift of choice.

    Policy and critic descend, for a number of epochs over each rollout,

    .. math::
        -E[r \hat A - f(r, \hat A)] - c_1 H(\pi) + c_2 E[(V(s) - \hat R)^2], \qquad
        r = \frac{\pi(a|s)}{\pi_\text{old}(a|s)}

    where :math:`f` is the drift, :math:`\hat A` are generalised advantages normalised within each
    mini-batch (but for a lone one) and :math:`\hat R = \hat A + V_\text{old}(s)` before that. A
    truncated episode is bootstrapped with the value of where it stopped.

    Networks are initialised orthogonally with last layers of gain 0.01 (policy) and 1 (critic), and
    stepped by one Adam with :math:`\epsilon = 10^{-5}`. A rollout is learned from with the
    normalisation it was collected with, which takes it in afterwards.

    Args:
      world: a gymnax world with discrete actions or a box of them.
      networks: of policy and critic alike, two networks but where an `ActorCriticConfig` has them
        share one. Where they have memory, mini-batches are of whole sequences, those of some of the
        workers.
      config: hyperparameters.
      drift: what holds the policy back; `ppo_clip(0.2)` makes it PPO.
      num_workers: parallel worlds of each agent.

    Returns:
      An objective whose parameters are those of the drift. Metrics are means over the last epoch:
      `policy_entropy`, `critic_loss`, `drift` and `policy_divergence`, the estimate
      :math:`E[r - 1 - \log r]` of how far (in nats) the new policy is from the old.

    Raises:
      ValueError: if the world's actions or observations can't be served, or the number of
        mini-batches doesn't divide that of steps in a rollout, or of workers where agents have
        memory (when it is first learned from).
    """
    network = make_actor_critic(world, networks, policy_gain=0.01, value_gain=1.0)
    observation_shape = _shape_to_normalise(world) if config.normalise_observations else None
    return ppo_of(network, config, drift, num_workers, observation_shape=observation_shape)


def ppo_of(
    network: ActorCritic,
    config: PPOConfig,
    drift: Drift,
    num_workers: int,
    *,
    observation_shape: tuple[int, ...] | None = None,
) -> Objective:
    """The same for any network that is policy and critic at once, such as a student's.

    Args:
      network: its outputs are an `ActorPredictor`, a distribution of actions and a value, of shape
        `[..., 1]`. What it shares between the two learns from both.
      config: hyperparameters.
      drift: what holds the policy back.
      num_workers: parallel worlds of each agent.
      observation_shape: that of an observation, where these are to be normalised.

    Raises:
      ValueError: if observations are to be normalised and have no shape.
    """
    if config.normalise_observations and observation_shape is None:
        raise ValueError(
            "normalise_observations: True is not allowed; this network's observations are no array"
        )
    # As one vector, all parameters cost a handful of operations a step instead of that many each.
    optimiser = optax.flatten(
        optax.chain(
            clip_by_global_norm(config.max_gradient_norm),
            optax.scale_by_adam(eps=1e-5, eps_root=ADAM_EPS_ROOT),
        )
    )

    def init(key):
        parameters = network.init(key)
        return PPOAgent(
            networks=parameters,
            optimiser_state=optimiser.init(parameters),
            observations=no_statistics(observation_shape or ()),
            returns=no_return_statistics(num_workers),
        )

    def seen(learner, observation):
        if not config.normalise_observations:
            return observation
        return standardise(learner.observations, observation)

    def apply(learner, memory, observation):
        return network.apply(learner.networks, memory, seen(learner, observation))

    def judgements(learner, experience):
        steps, memory = experience
        observation = seen(learner, steps.observation)
        outputs, memories = network.unroll(learner.networks, memory, observation, steps.ended)
        return Judgement(outputs.prediction[..., 0], memories)

    def values(learner, experience):
        """Those of a rollout's steps and of what they led to, without a gradient."""
        (steps, memory), learner = experience, jax.lax.stop_gradient(learner)
        before, memories = steps.judgement or judgements(learner, experience)

        def value(*state):
            return apply(learner, *state)[0].prediction[..., 0]

        if not jax.tree.leaves(memory):
            # These may as well be steps that don't follow one another.
            return before, value(memory, steps.next_observation)
        return before, values_of_next(
            before, steps.truncated, value, memories, steps.next_observation
        )

    def appraise(learner, experience, rewards):
        """What a rollout has to teach, `[time, worker]`, as the learner sees it."""
        steps = experience.transitions
        before, after = values(learner, experience)
        advantages = generalised_advantage(
            rewards,
            before,
            after,
            steps.terminated,
            steps.truncated,
            discount=config.discount,
            gae_lambda=config.gae_lambda,
        )
        samples = Samples(
            seen(learner, steps.observation),
            steps.ended,
            steps.action,
            steps.log_probability,
            advantages,
            advantages + before,
        )
        return jax.lax.stop_gradient(samples)

    def loss(parameters, drift_parameters, batch, clock):
        memory, batch = batch
        outputs, _ = network.unroll(parameters, memory, batch.observation, batch.ended)
        actions, values = outputs.policy, outputs.prediction[..., 0]
        log_ratio = _bounded(actions.log_prob(batch.action) - batch.log_probability)
        advantage = normalise(batch.advantage)
        drifts = drift.apply(drift_parameters, log_ratio, advantage, clock)
        gain = jnp.exp(log_ratio) * advantage - drifts
        entropy = actions.entropy().mean()
        error = value_error(values, batch.target, batch.advantage, config.value_clip)
        weight = config.entropy_coefficient
        if config.anneal_entropy:
            weight *= 1 - clock.progress
        total = config.value_coefficient * error - gain.mean() - weight * entropy
        return total, {
            "policy_entropy": entropy,
            "critic_loss": error,
            "drift": drifts.mean(),
            "policy_divergence": (jnp.expm1(log_ratio) - log_ratio).mean(),
        }

    def update(key, drift_parameters, learner, experience, clock):
        rollout = experience.transitions
        returns, rewards = learner.returns, rollout.reward
        if config.normalise_rewards:
            returns, rewards = scale_rewards(returns, rewards, rollout.ended, config.discount)
        samples = appraise(learner, experience, rewards)
        num_samples, take = _divisible(experience.memory, samples)
        rate = config.learning_rate
        if config.anneal_learning_rate:
            rate *= 1 - clock.progress

        def descend(state, indices):
            parameters, optimiser_state = state
            gradients, metrics = jax.grad(loss, has_aux=True)(
                parameters, drift_parameters, take(indices), clock
            )
            steps, optimiser_state = optimiser.update(gradients, optimiser_state)
            parameters = jax.tree.map(lambda leaf, step: leaf - rate * step, parameters, steps)
            return (parameters, optimiser_state), metrics

        num_batches, num_epochs = config.num_mini_batches, config.num_epochs
        # All samples in another order come to the same, and have to be moved.
        batches = (
            None
            if num_batches == 1
            else mini_batches(key, num_samples, num=num_batches, num_epochs=num_epochs)
        )
        (parameters, optimiser_state), metrics = jax.lax.scan(
            descend,
            (learner.networks, learner.optimiser_state),
            batches,
            length=num_epochs * num_batches,
        )
        observations = learner.observations
        if config.normalise_observations:
            observations = merge(observations, rollout.observation)
        learner = PPOAgent(parameters, optimiser_state, observations, returns)
        return learner, {name: value[-num_batches:].mean() for name, value in metrics.items()}

    def act(learner, memory, observation):
        outputs, memory = apply(learner, memory, observation)
        return outputs.policy, memory

    def judge(learner, memory, observation):
        outputs, memory = apply(learner, memory, observation)
        return outputs.policy, memory, Judgement(outputs.prediction[..., 0], memory)

    return Objective(
        init_parameters=drift.init_parameters,
        init=init,
        policy=act,
        update=update,
        predict=lambda *state: apply(*state)[0].prediction,
        values=values,
        judge=judge,
        init_memory=network.init_memory,
    )


def _divisible(
    memory: Memory, samples: Samples
) -> tuple[int, Callable[[Array | None], tuple[Memory, Samples]]]:
    """How many parts a rollout can be cut into, and a function that takes some of them.

    The parts are single steps, or with memory whole sequences, those of each worker. The function
    takes the whole where it is given no indices.
    """
    if jax.tree.leaves(memory):

        def take(indices):
            if indices is None:
                return memory, samples
            sequences = jax.tree.map(lambda leaf: leaf[:, indices], samples)
            return jax.tree.map(lambda leaf: leaf[indices], memory), sequences

        return samples.ended.shape[1], take

    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), samples)
    return samples.ended.size, lambda indices: (
        memory,
        flat if indices is None else jax.tree.map(lambda leaf: leaf[indices], flat),
    )


def _bounded(log_ratio: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """Keeps ratios finite, with no gradient beyond e^±20, whatever a drift lets happen."""
    return jnp.clip(log_ratio, -20.0, 20.0)


def _shape_to_normalise(world: Environment) -> tuple[int, ...]:
    space = world.observation_space(world.default_params)
    if not is_array(space):
        raise ValueError(
            f"normalise_observations: True is not allowed; observations of {space} are no array "
            "of numbers"
        )
    return tuple(space.shape)
