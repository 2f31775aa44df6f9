"""Deep Q-networks: learning the values of actions off policy, from a replay of the past."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import distrax
import flashbax
import jax
import jax.numpy as jnp
import optax
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PyTree

from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.objective import Clock, Objective
from rlsuite.ranges import Count, Fraction, Positive


@dataclass(frozen=True)
class DQNConfig:
    """Hyperparameters of deep Q-networks.

    Attributes:
      discount: of future rewards.
      learning_rate: of Adam.
      replay_size: transitions that are remembered; the oldest are forgotten first.
      batch_size: transitions in a gradient step, drawn uniformly.
      num_gradient_steps: after each rollout.
      learning_starts: transitions that are collected before the first gradient step.
      target_period: gradient steps from one copy of the network into its target to the next.
      first_epsilon: share of random actions at the start of a life.
      last_epsilon: share of them once exploration has ended.
      exploration: part of the lifetime over which the share falls linearly.
      double: whether the network itself chooses the action that its target values (Double DQN).
    """

    discount: Fraction = 0.99
    learning_rate: Positive = 5e-4
    replay_size: Count = 10_000
    batch_size: Count = 128
    num_gradient_steps: Count = 4
    learning_starts: Count = 500
    target_period: Count = 100
    first_epsilon: Fraction = 1.0
    last_epsilon: Fraction = 0.05
    exploration: Fraction = 0.5
    double: bool = True


class Remembered(NamedTuple):
    """A transition as the replay keeps it."""

    observation: PyTree
    action: Int[Array, "*batch"]
    reward: Float[Array, "*batch"]
    terminated: Bool[Array, "*batch"]
    next_observation: PyTree


class DQNAgent(NamedTuple):
    """The learner of a deep Q-network."""

    parameters: PyTree
    target: PyTree
    optimiser_state: optax.OptState
    replay: Any
    epsilon: Float[Array, ""]


def q_targets(
    rewards: Float[Array, " sample"],
    terminated: Bool[Array, " sample"],
    choosing: Float[Array, "sample action"],
    valuing: Float[Array, "sample action"],
    discount: float,
) -> Float[Array, " sample"]:
    r"""What the value of an action taken should have been.

    .. math::
        y = r + \gamma (1 - \text{terminated}) \,
        Q_\text{valuing}(s', \arg\max_a Q_\text{choosing}(s', a))

    where :math:`s'` is from before any reset: a truncated episode is bootstrapped, a terminated one
    is not. With both from the target network that is DQN (Mnih et al., Nature 2015, equation 1),
    with the choice by the network itself Double DQN (van Hasselt et al., arXiv 1509.06461,
    equation 4).

    Args:
      rewards: of each transition.
      terminated: whether the world came to an end.
      choosing: values of actions in the state arrived at, by which the best is chosen.
      valuing: likewise, of which that action's is taken.
      discount: in [0, 1].
    """
    best = choosing.argmax(-1)
    values = jnp.take_along_axis(valuing, best[..., None], axis=-1)[..., 0]
    return rewards + discount * jnp.where(terminated, 0.0, values)


def epsilon_at(clock: Clock, config: DQNConfig) -> Float[Array, ""]:
    """The share of random actions after so many updates, in [0, 1]; the last one after a life."""
    end = jnp.maximum(config.exploration * clock.lifetime, 1.0)
    progress = jnp.where(clock.progress < 1, jnp.clip(clock.num_updates / end, 0.0, 1.0), 1.0)
    epsilon = config.first_epsilon + progress * (config.last_epsilon - config.first_epsilon)
    return epsilon.astype(jnp.float32)


def deep_q_network(
    world: Environment,
    networks: NetworkConfig,
    config: DQNConfig,
    *,
    optimiser: optax.GradientTransformation | None = None,
    error: Callable[[Array, Array], Array] = optax.l2_loss,
) -> Objective:
    r"""Deep Q-networks (Mnih et al., Nature 2015), double by default (arXiv 1509.06461).

    The agent takes a random action with probability :math:`\epsilon`, which falls over its life,
    and else the one of highest value. Each rollout goes into the learner's replay; then Q descends
    the mean error :math:`\tfrac12 (Q(s, a) - y)^2` on transitions drawn from it, with :math:`y` as
    in `q_targets`.

    Args:
      world: a gymnax world with discrete actions.
      networks: architecture of Q, without memory.
      config: hyperparameters.
      optimiser: of Q; by default Adam, with the config's learning rate.
      error: `(value, target) -> error` of each sample; the paper's clipped error is
        `optax.huber_loss`, with which CartPole is learned far more slowly.

    Returns:
      An objective without parameters of its own. Its prediction is Q; metrics are means over the
      gradient steps, `q_loss` and `q_value` (of the actions taken), and the `epsilon` of the next
      rollout.

    Raises:
      ValueError: if actions are not discrete, networks remember or can't read the world's
        observations, or the replay holds fewer transitions than learning starts with or a batch
        has.
    """
    actions = world.action_space(world.default_params)
    if not isinstance(actions, spaces.Discrete):
        raise ValueError(
            f"actions: {actions} of {world.name} are not allowed; they must be discrete"
        )
    if networks.recurrent_width is not None:
        raise ValueError(
            f"networks.recurrent_width: {networks.recurrent_width} is not allowed; it must be none"
        )
    least = max(config.learning_starts, config.batch_size)
    if config.replay_size < least:
        raise ValueError(
            f"replay_size: {config.replay_size} is not allowed; it must be at least {least}"
        )
    network = make_predictor(world, actions.n, networks)
    optimiser = optimiser or optax.adam(config.learning_rate)
    buffer = flashbax.make_item_buffer(
        max_length=config.replay_size,
        min_length=least,
        sample_batch_size=config.batch_size,
        add_sequences=True,
        add_batches=True,
    )

    def q(parameters, observation):
        return network.apply(parameters, (), observation)[0]

    def init(key):
        parameters = network.init(key)
        return DQNAgent(
            parameters=parameters,
            target=parameters,
            optimiser_state=optimiser.init(parameters),
            replay=buffer.init(_nothing(world)),
            epsilon=jnp.float32(config.first_epsilon),
        )

    def policy(learner, memory, observation):
        return distrax.EpsilonGreedy(q(learner.parameters, observation), learner.epsilon), memory

    def loss(parameters, target, batch):
        valuing = q(target, batch.next_observation)
        choosing = q(parameters, batch.next_observation) if config.double else valuing
        targets = q_targets(batch.reward, batch.terminated, choosing, valuing, config.discount)
        values = q(parameters, batch.observation)
        values = jnp.take_along_axis(values, batch.action[:, None], axis=-1)[:, 0]
        errors = error(values, jax.lax.stop_gradient(targets))
        return errors.mean(), {"q_loss": errors.mean(), "q_value": values.mean()}

    def update(key, parameters, learner, experience, clock):
        del parameters
        replay = buffer.add(learner.replay, _remembered(experience.transitions))
        may_learn = buffer.can_sample(replay)

        def descend(state, inputs):
            parameters, target, optimiser_state = state
            key, num_steps = inputs
            batch = buffer.sample(replay, key).experience
            gradients, metrics = jax.grad(loss, has_aux=True)(parameters, target, batch)
            updates, optimiser_state = optimiser.update(gradients, optimiser_state, parameters)
            parameters = optax.apply_updates(parameters, updates)
            target = optax.periodic_update(parameters, target, num_steps, config.target_period)
            after = parameters, target, optimiser_state
            return jax.tree.map(lambda new, old: jnp.where(may_learn, new, old), after, state), (
                metrics
            )

        num = config.num_gradient_steps
        counts = clock.num_updates * num + jnp.arange(1, num + 1)
        state = learner.parameters, learner.target, learner.optimiser_state
        state, metrics = jax.lax.scan(descend, state, (jax.random.split(key, num), counts))
        epsilon = epsilon_at(clock._replace(num_updates=clock.num_updates + 1), config)
        return DQNAgent(*state, replay, epsilon), {
            **{
                name: jnp.where(may_learn, value.mean(), jnp.nan) for name, value in metrics.items()
            },
            "epsilon": epsilon,
        }

    return Objective(
        init_parameters=lambda key: (),
        init=init,
        policy=policy,
        update=update,
        predict=lambda learner, memory, observation: q(learner.parameters, observation),
    )


def _nothing(world: Environment) -> Remembered:
    """A transition of zeros, for the replay to take its shapes from."""
    observation, _ = jax.eval_shape(world.reset, jax.random.key(0), world.default_params)
    observation = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), observation)
    no, zero = jnp.zeros((), bool), jnp.zeros((), jnp.float32)
    return Remembered(observation, zero.astype(jnp.int32), zero, no, observation)


def _remembered(transitions) -> Remembered:
    """What is kept of a rollout, with axes `[worker, time]`."""
    kept = Remembered(*(getattr(transitions, name) for name in Remembered._fields))
    # In a process that computes in 64 bits actions are drawn as such, and rewards may be paid so.
    kept = kept._replace(
        action=kept.action.astype(jnp.int32), reward=kept.reward.astype(jnp.float32)
    )
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), kept)
