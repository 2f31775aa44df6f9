"""Networks that bonuses learn beside the agent, by passes over each of its rollouts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import optax
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.agents import TrainState
from rlsuite.networks import NetworkConfig, Predictor, make_predictor
from rlsuite.objectives.mini_batches import mini_batches
from rlsuite.ranges import Count, Positive


@dataclass(frozen=True)
class FittingConfig:
    """How networks of a bonus are built and fitted.

    Attributes:
      num_features: outputs of the encoder by whose features actions are told.
      num_outputs: of the networks of random network distillation.
      learning_rate: of Adam.
      num_mini_batches: groups that a rollout is shuffled into, with a gradient step on each; it is
        gone through once.
    """

    num_features: Count = 64
    num_outputs: Count = 64
    learning_rate: Positive = 1e-4
    num_mini_batches: Count = 4


def encoder(world: Environment, networks: NetworkConfig, num_features: int) -> Predictor:
    """A network of a world's observations, which remembers nothing."""
    return make_predictor(world, num_features, replace(networks, recurrent_width=None))


def fit(
    key: PRNGKeyArray,
    optimiser: optax.GradientTransformation,
    state: TrainState,
    loss: Callable[[PyTree, Any], Float[Array, ""]],
    rollout: PyTree,
    num_mini_batches: int,
) -> TrainState:
    """One pass over a rollout.

    Args:
      key: by which steps are shuffled.
      optimiser: of the parameters.
      state: before.
      loss: `(parameters, samples) -> loss`.
      rollout: what samples are made of, every leaf `[time, worker, ...]`.
      num_mini_batches: gradient steps.

    Raises:
      ValueError: if their number doesn't divide that of the steps.
    """
    samples = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), rollout)
    num_samples = jax.tree.leaves(samples)[0].shape[0]

    def descend(state, indices):
        batch = samples if indices is None else jax.tree.map(lambda leaf: leaf[indices], samples)
        gradients = jax.grad(loss)(state.parameters, batch)
        updates, optimiser_state = optimiser.update(
            gradients, state.optimiser_state, state.parameters
        )
        return TrainState(optax.apply_updates(state.parameters, updates), optimiser_state), None

    # All samples in another order come to the same, and have to be moved.
    batches = (
        None
        if num_mini_batches == 1
        else mini_batches(key, num_samples, num=num_mini_batches, num_epochs=1)
    )
    return jax.lax.scan(descend, state, batches, length=num_mini_batches)[0]
