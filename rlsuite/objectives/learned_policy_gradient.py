"""Learned policy gradient: an update rule that is itself a recurrent network."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import distrax
import flax.linen as nn
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float

from rlsuite.agents import AgentConfig, HeadState, make_head
from rlsuite.objectives.objective import Clock, KnowledgeOfTime, Objective, known_time
from rlsuite.objectives.recurrent import BackwardGRU
from rlsuite.precision import DOT_GENERALS, Precision
from rlsuite.ranges import Count, NotNegative


@dataclass(frozen=True)
class LPGConfig:
    """Sizes of the learned policy gradient's network.

    Attributes:
      recurrent_width: units of the backward recurrent network.
      embedding_width: hidden units of the embedding of predictions.
      num_predictions: values of the agent's categorical prediction.
      prediction_coefficient: weight of the prediction's loss in the agent's update.
      time: what the network is told of the agent's clock; both makes it TA-LPG.
      precision: of the network's matrix products.
    """

    recurrent_width: Count = 256
    embedding_width: Count = 16
    num_predictions: Count = 8
    prediction_coefficient: NotNegative = 0.5
    time: KnowledgeOfTime = "none"
    precision: Precision = "float32"


class LPGAgent(NamedTuple):
    """The learner of LPG: a policy and a categorical prediction without given meaning."""

    policy: HeadState
    prediction: HeadState


class LPGInputs(NamedTuple):
    """What the learned network reads of a rollout; `*batch` is `worker` or `agent, worker`."""

    reward: Float[Array, "time *batch"]
    terminated: Bool[Array, "time *batch"]
    ended: Bool[Array, "time *batch"]
    action_probability: Float[Array, "time *batch"]
    prediction: Float[Array, "time *batch prediction"]
    next_prediction: Float[Array, "time *batch prediction"]
    known_time: Float[Array, "time *batch known"]


class Targets(NamedTuple):
    """What the learned network tells an agent to do with each step.

    `policy` is how far to push up the log probability of the action taken (any real number),
    `prediction_logits` the distribution to move the prediction to.
    """

    policy: Float[Array, "time *batch"]
    prediction_logits: Float[Array, "time *batch prediction"]


class LPGNetwork(nn.Module):
    r"""The network :math:`U_\eta` of LPG (Oh et al., arXiv 2007.08794, section 3).

    It reads :math:`[r_t, d_t, \pi(a_t|s_t), \varphi(y_t), \varphi(y_{t+1})]` of a rollout from its
    end to its start and emits :math:`\hat\pi_t` and :math:`\hat y_t`. The embedding
    :math:`\varphi` of a prediction is shared by both and is zero after termination. TA-LPG (arXiv
    2402.05828) reads :math:`n / N` and :math:`\log N` as well, for the n-th of N updates.
    """

    config: LPGConfig

    @nn.compact
    def __call__(self, inputs: LPGInputs) -> Targets:
        """Targets for every step of a rollout."""
        dot_general = DOT_GENERALS[self.config.precision]
        layer = partial(nn.Dense, dot_general_cls=lambda: dot_general)
        embed = nn.Sequential([layer(self.config.embedding_width), nn.relu, layer(1)])

        def rows(values):
            # A gradient of weights is fastest summed over a single axis.
            return values.reshape(-1, values.shape[-1])

        shape = inputs.reward.shape
        embedding = embed(rows(inputs.prediction)).reshape(shape)
        next_embedding = embed(rows(inputs.next_prediction)).reshape(shape)
        features = jnp.stack(
            [
                inputs.reward,
                inputs.terminated.astype(inputs.reward.dtype),
                inputs.action_probability,
                embedding,
                jnp.where(inputs.terminated, 0.0, next_embedding),
            ],
            axis=-1,
        )
        features = jnp.concatenate([features, inputs.known_time], axis=-1)
        states = BackwardGRU(self.config.recurrent_width, dot_general)(features, inputs.ended)

        # The recurrent layer keeps its states for its own gradient; nothing else of their size is.
        @nn.remat
        def heads(network, states):
            hidden = nn.relu(rows(states))
            return layer(1)(hidden), layer(network.config.num_predictions)(hidden)

        policy, prediction_logits = heads(self, states)
        return Targets(policy.reshape(shape), prediction_logits.reshape(*shape, -1))


def lpg(world: Environment, agent: AgentConfig, config: LPGConfig) -> Objective:
    r"""Learned policy gradient (Oh et al., arXiv 2007.08794).

    The agent ascends, on a rollout,

    .. math::
        E[ \log \pi_\theta(a|s) \, \hat\pi
           - \alpha_y \, \mathrm{KL}(y_\theta(s) \,\|\, \hat y) ]

    with :math:`\hat\pi, \hat y = U_\eta(\text{rollout})`. The network's inputs are computed from
    the agent outside its loss: they are constants for the agent's gradient, while the
    meta-gradient still flows through them (public code stops both).

    Args:
      world: a gymnax world with discrete actions.
      agent: the agent's networks.
      config: sizes.

    Returns:
      An objective whose parameters are :math:`\eta`. Its metrics carry what the meta-objective
      regularises: `policy_entropy` and `prediction_entropy` of the updated agent, and
      `policy_target_norm` (mean :math:`\hat\pi^2`) and `prediction_target_norm`
      (mean :math:`\|\hat y\|^2`).
    """
    network = LPGNetwork(config)
    policy = make_head(world, world.num_actions, agent.policy_learning_rate, agent)
    prediction = make_head(world, config.num_predictions, agent.prediction_learning_rate, agent)

    def init_parameters(key):
        zeros, false = jnp.zeros((1, 1)), jnp.zeros((1, 1), bool)
        predictions = jnp.zeros((1, 1, config.num_predictions))
        clock = Clock(jnp.zeros(()), jnp.ones(()))
        time = known_time(clock, config.time)[None, None]
        inputs = LPGInputs(zeros, false, false, zeros, predictions, predictions, time)
        return network.init(key, inputs)

    def init(key):
        policy_key, prediction_key = jax.random.split(key)
        return LPGAgent(policy.init(policy_key), prediction.init(prediction_key))

    def act(parameters, observation):
        return distrax.Categorical(policy.apply(parameters, observation))

    def predict(parameters, observation):
        return distrax.Categorical(prediction.apply(parameters, observation))

    def read(learner, rollout, clock):
        """What the network gets to know of an agent and its rollout."""
        time = known_time(clock, config.time)
        predictions = learner.prediction.parameters
        return LPGInputs(
            reward=rollout.reward,
            terminated=rollout.terminated,
            ended=rollout.ended,
            action_probability=act(learner.policy.parameters, rollout.observation).prob(
                rollout.action
            ),
            prediction=predict(predictions, rollout.observation).probs,
            next_prediction=predict(predictions, rollout.next_observation).probs,
            known_time=jnp.broadcast_to(time, (*rollout.reward.shape, *time.shape)),
        )

    def update(key, parameters, learner, experience, clock):
        del key
        rollout = experience.transitions
        inputs = read(learner, rollout, clock)
        return follow(learner, rollout, network.apply(parameters, inputs))

    def update_together(keys, parameters, learners, experience, clocks):
        """All agents go through the network as one batch of `agent × worker` sequences.

        A vmapped network is folded by XLA where it runs forwards, but not where gradients of its
        weights are summed over agents; there it copies all it has kept into another order.
        """
        del keys
        rollouts = experience.transitions
        inputs = jax.vmap(read, out_axes=1)(learners, rollouts, clocks)
        target = network.apply(parameters, inputs)
        return jax.vmap(follow, in_axes=(0, 0, 1))(learners, rollouts, target)

    def follow(learner, rollout, target):
        """The agent's own gradient step towards its targets."""
        target_prediction = distrax.Categorical(target.prediction_logits)

        def loss(policy_parameters, prediction_parameters):
            log_probability = act(policy_parameters, rollout.observation).log_prob(rollout.action)
            predictions = predict(prediction_parameters, rollout.observation)
            divergence = predictions.kl_divergence(target_prediction)
            gain = log_probability * target.policy - config.prediction_coefficient * divergence
            return -gain.mean()

        gradients = jax.grad(loss, argnums=(0, 1))(
            learner.policy.parameters, learner.prediction.parameters
        )
        learner = LPGAgent(
            policy.descend(learner.policy, gradients[0]),
            prediction.descend(learner.prediction, gradients[1]),
        )
        metrics = {
            "policy_entropy": act(learner.policy.parameters, rollout.observation).entropy(),
            "prediction_entropy": predict(
                learner.prediction.parameters, rollout.observation
            ).entropy(),
            "policy_target_norm": jnp.square(target.policy),
            "prediction_target_norm": jnp.square(target_prediction.probs).sum(-1),
        }
        return learner, jax.tree.map(jnp.mean, metrics)

    return Objective(
        init_parameters=init_parameters,
        init=init,
        policy=lambda learner, memory, observation: (
            act(learner.policy.parameters, observation),
            memory,
        ),
        update=update,
        update_together=update_together,
        predict=lambda learner, memory, observation: (
            predict(learner.prediction.parameters, observation).probs
        ),
    )
