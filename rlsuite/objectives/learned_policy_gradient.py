"""Learned policy gradient: an update rule that is itself a recurrent network."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import distrax
import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from rlsuite.agents import ActorPredictor, TrainableAgent, parameters_of
from rlsuite.objectives.objective import Clock, Objective, TimeConfig, known_time
from rlsuite.precision import Precision, dot_general_of
from rlsuite.ranges import Count, NotNegative
from rlsuite.recurrent import BackwardGRU


@dataclass(frozen=True)
class LPGConfig(TimeConfig):
    """Sizes of the learned policy gradient's network, and what it reads; with time it is TA-LPG.

    Attributes:
      recurrent_width: units of the backward recurrent network.
      embedding_width: hidden units of the embedding of predictions.
      num_predictions: values of the agent's categorical prediction.
      prediction_coefficient: weight of the prediction's loss in the agent's update.
      precision: of the network's matrix products.
    """

    recurrent_width: Count = 256
    embedding_width: Count = 16
    num_predictions: Count = 8
    prediction_coefficient: NotNegative = 0.5
    precision: Precision = "float32"


class LPGInputs(NamedTuple):
    """What the learned network reads of a rollout; `*batch` is `worker` or `agent, worker`.

    `action_probability` is that of the action taken; for actions in a box it is the density.
    """

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
    2402.05828) reads :math:`n / N` and :math:`\log N` as well, for the n-th of N updates, or what
    else `known_time` makes of them.
    """

    config: LPGConfig

    @nn.compact
    def __call__(self, inputs: LPGInputs) -> Targets:
        """Targets for every step of a rollout."""
        dot_general = dot_general_of(self.config.precision)
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


def lpg(agent: TrainableAgent, config: LPGConfig) -> Objective:
    r"""Learned policy gradient (Oh et al., arXiv 2007.08794).

    The agent ascends, on a rollout,

    .. math::
        E[ \log \pi_\theta(a|s) \, \hat\pi
           - \alpha_y \, \mathrm{KL}(y_\theta(s) \,\|\, \hat y) ]

    with :math:`\hat\pi, \hat y = U_\eta(\text{rollout})`. The network's inputs are computed from
    the agent outside its loss: they are constants for the agent's gradient, while the
    meta-gradient still flows through them (public code stops both).

    Args:
      agent: the policy, and a predictor of `config.num_predictions` numbers, the logits of a
        categorical prediction without given meaning.
      config: sizes.

    Returns:
      An objective whose parameters are :math:`\eta` and whose learner is an `ActorPredictor`. Its
      metrics carry what the meta-objective regularises: `policy_entropy` and `prediction_entropy`
      of the updated agent, `policy_target_norm` (mean :math:`\hat\pi^2`) and
      `prediction_target_norm` (mean :math:`\|\hat y\|^2`).
    """
    network = LPGNetwork(config)
    policy, prediction = agent

    def init_parameters(key):
        zeros, false = jnp.zeros((1, 1)), jnp.zeros((1, 1), bool)
        predictions = jnp.zeros((1, 1, config.num_predictions))
        clock = Clock(jnp.zeros(()), jnp.ones(()))
        time = known_time(clock, config)[None, None]
        inputs = LPGInputs(zeros, false, false, zeros, predictions, predictions, time)
        return network.init(key, inputs)

    def along(parameters, experience):
        """The distributions of actions and of predictions, and the memories of both."""
        steps, memory = experience
        inputs = steps.observation, steps.ended
        actions, acted = policy.network.unroll(parameters.policy, memory.policy, *inputs)
        logits, predicted = prediction.network.unroll(
            parameters.prediction, memory.prediction, *inputs
        )
        outputs = ActorPredictor(actions, distrax.Categorical(logits))
        return outputs, ActorPredictor(acted, predicted)

    def read(learner, experience, clock):
        """What the network gets to know of an agent and its rollout."""
        steps, _ = experience
        outputs, memories = along(parameters_of(learner), experience)
        next_logits, _ = prediction.network.apply(
            learner.prediction.parameters, memories.prediction, steps.next_observation
        )
        time = known_time(clock, config)
        return LPGInputs(
            reward=steps.reward,
            terminated=steps.terminated,
            ended=steps.ended,
            action_probability=outputs.policy.prob(steps.action),
            prediction=outputs.prediction.probs,
            next_prediction=distrax.Categorical(next_logits).probs,
            known_time=jnp.broadcast_to(time, (*steps.reward.shape, *time.shape)),
        )

    def update(key, parameters, learner, experience, clock):
        del key
        inputs = read(learner, experience, clock)
        return follow(learner, experience, network.apply(parameters, inputs))

    def update_together(keys, parameters, learners, experience, clocks):
        """All agents go through the network as one batch of `agent × worker` sequences.

        A vmapped network is folded by XLA where it runs forwards, but not where gradients of its
        weights are summed over agents; there it copies all it has kept into another order.
        """
        del keys
        inputs = jax.vmap(read, out_axes=1)(learners, experience, clocks)
        target = network.apply(parameters, inputs)
        return jax.vmap(follow, in_axes=(0, 0, 1))(learners, experience, target)

    def follow(learner, experience, target):
        """The agent's own gradient step towards its targets."""
        target_prediction = distrax.Categorical(target.prediction_logits)

        def loss(parameters):
            outputs, _ = along(parameters, experience)
            log_probability = outputs.policy.log_prob(experience.transitions.action)
            divergence = outputs.prediction.kl_divergence(target_prediction)
            gain = log_probability * target.policy - config.prediction_coefficient * divergence
            return -gain.mean()

        gradients = jax.grad(loss)(parameters_of(learner))
        learner = ActorPredictor(
            policy.descend(learner.policy, gradients.policy),
            prediction.descend(learner.prediction, gradients.prediction),
        )
        outputs, _ = along(parameters_of(learner), experience)
        metrics = {
            "policy_entropy": outputs.policy.entropy(),
            "prediction_entropy": outputs.prediction.entropy(),
            "policy_target_norm": jnp.square(target.policy),
            "prediction_target_norm": jnp.square(target_prediction.probs).sum(-1),
        }
        return learner, jax.tree.map(jnp.mean, metrics)

    def act(learner, memory, observation):
        outputs, memory = agent.apply(learner, memory, observation)
        return outputs.policy, memory

    def predict(learner, memory, observation):
        outputs, _ = agent.apply(learner, memory, observation)
        return distrax.Categorical(outputs.prediction).probs

    return Objective(
        init_parameters=init_parameters,
        init=agent.init,
        policy=act,
        update=update,
        update_together=update_together,
        predict=predict,
        init_memory=agent.init_memory,
    )
