"""Learned policy gradient: an update rule that is itself a recurrent network."""

from dataclasses import dataclass
from typing import NamedTuple

import distrax
import flax.linen as nn
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float

from rlsuite.agents import AgentConfig, HeadState, make_head
from rlsuite.objectives.objective import Objective


@dataclass(frozen=True)
class LPGConfig:
    """Sizes of the learned policy gradient's network.

    Attributes:
      recurrent_width: units of the backward recurrent network.
      embedding_width: hidden units of the embedding of predictions.
      num_predictions: values of the agent's categorical prediction.
      prediction_coefficient: weight of the prediction's loss in the agent's update.
    """

    recurrent_width: int = 256
    embedding_width: int = 16
    num_predictions: int = 8
    prediction_coefficient: float = 0.5


class LPGAgent(NamedTuple):
    """The learner of LPG: a policy and a categorical prediction without given meaning."""

    policy: HeadState
    prediction: HeadState


class Targets(NamedTuple):
    """What the learned network tells an agent to do with each step.

    `policy` is how far to push up the log probability of the action taken (any real number),
    `prediction_logits` the distribution to move the prediction to.
    """

    policy: Float[Array, "time *batch"]
    prediction_logits: Float[Array, "time *batch prediction"]


class BackwardGRU(nn.Module):
    r"""A gated recurrent unit (Cho et al., arXiv 1406.1078) that runs from the last step back.

    .. math::
        r, z = \sigma(W_{r,z} x + U_{r,z} h + b), \quad
        n = \tanh(W_n x + b_n + r (U_n h + c)), \quad h' = (1 - z) n + z h

    The state is set to zero where an episode ended, so nothing flows back into another episode.
    """

    width: int

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "time *batch input"], ended: Bool[Array, "time *batch"]
    ) -> Float[Array, "time *batch {self.width}"]:
        """The state after each step, having seen that step and all later ones of its episode."""
        width = self.width
        input_kernel = self.param(
            "input_kernel", nn.initializers.lecun_normal(), (inputs.shape[-1], 3 * width)
        )
        bias = self.param("bias", nn.initializers.zeros, (3 * width,))
        kernel = self.param("recurrent_kernel", _orthogonal_gates, (width, 3 * width))
        candidate_bias = self.param("candidate_bias", nn.initializers.zeros, (width,))

        def step(state, step_inputs):
            inputs, ended = step_inputs
            state = jnp.where(ended[..., None], 0.0, state)
            from_input = inputs @ input_kernel + bias
            from_state = state @ kernel
            gates = nn.sigmoid(from_input[..., : 2 * width] + from_state[..., : 2 * width])
            reset, keep = jnp.split(gates, 2, axis=-1)
            candidate = jnp.tanh(
                from_input[..., 2 * width :]
                + reset * (from_state[..., 2 * width :] + candidate_bias)
            )
            state = (1 - keep) * candidate + keep * state
            return state, state

        start = jnp.zeros((*inputs.shape[1:-1], width))
        return jax.lax.scan(step, start, (inputs, ended), reverse=True)[1]


def _orthogonal_gates(key, shape, dtype=jnp.float32):
    width = shape[0]
    keys = jax.random.split(key, shape[1] // width)
    blocks = [nn.initializers.orthogonal()(k, (width, width), dtype) for k in keys]
    return jnp.concatenate(blocks, axis=1)


class LPGNetwork(nn.Module):
    r"""The network :math:`U_\eta` of LPG (Oh et al., arXiv 2007.08794, section 3).

    It reads :math:`[r_t, d_t, \pi(a_t|s_t), \varphi(y_t), \varphi(y_{t+1})]` of a rollout from its
    end to its start and emits :math:`\hat\pi_t` and :math:`\hat y_t`. The embedding
    :math:`\varphi` of a prediction is shared by both and is zero after termination.
    """

    config: LPGConfig

    @nn.compact
    def __call__(
        self,
        reward: Float[Array, "time *batch"],
        terminated: Bool[Array, "time *batch"],
        ended: Bool[Array, "time *batch"],
        action_probability: Float[Array, "time *batch"],
        prediction: Float[Array, "time *batch prediction"],
        next_prediction: Float[Array, "time *batch prediction"],
    ) -> Targets:
        """Targets for every step of a rollout."""
        embed = nn.Sequential([nn.Dense(self.config.embedding_width), nn.relu, nn.Dense(1)])
        next_embedding = jnp.where(terminated, 0.0, embed(next_prediction)[..., 0])
        inputs = jnp.stack(
            [
                reward,
                terminated.astype(reward.dtype),
                action_probability,
                embed(prediction)[..., 0],
                next_embedding,
            ],
            axis=-1,
        )
        hidden = nn.relu(BackwardGRU(self.config.recurrent_width)(inputs, ended))
        return Targets(
            policy=nn.Dense(1)(hidden)[..., 0],
            prediction_logits=nn.Dense(self.config.num_predictions)(hidden),
        )


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
        return network.init(key, zeros, false, false, zeros, predictions, predictions)

    def init(key):
        policy_key, prediction_key = jax.random.split(key)
        return LPGAgent(policy.init(policy_key), prediction.init(prediction_key))

    def act(parameters, observation):
        return distrax.Categorical(policy.apply(parameters, observation))

    def predict(parameters, observation):
        return distrax.Categorical(prediction.apply(parameters, observation))

    def targets(parameters, learner, rollout):
        predictions = learner.prediction.parameters
        return network.apply(
            parameters,
            rollout.reward,
            rollout.terminated,
            rollout.ended,
            act(learner.policy.parameters, rollout.observation).prob(rollout.action),
            predict(predictions, rollout.observation).probs,
            predict(predictions, rollout.next_observation).probs,
        )

    def update(parameters, learner, rollout, clock):
        del clock
        target = targets(parameters, learner, rollout)
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
        policy=lambda learner, observation: act(learner.policy.parameters, observation),
        update=update,
    )
