"""Doing what was shown: its actions as they are, and a policy that has learned them by heart."""

import distrax
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree

from rlsuite.objectives.objective import Objective
from rlsuite.objectives.proximal_policy_optimisation import PPOAgent
from rlsuite.rollout import Policy


def replay(action: Int[Array, " step"]) -> Policy:
    """Does the same in every episode, whatever comes of it; after the last action that again."""

    def act(memory, observation):
        del observation
        return distrax.Deterministic(action[memory]), jnp.minimum(memory + 1, action.size - 1)

    return Policy(act, lambda num_workers: jnp.zeros(num_workers, jnp.int32))


def clone(
    key: PRNGKeyArray,
    objective: Objective,
    observation: PyTree,
    action: Int[Array, " step"],
    is_shown: Bool[Array, " step"],
    *,
    num_steps: int = 300,
    learning_rate: float = 0.05,
) -> PPOAgent:
    r"""Behaviour cloning: a fresh agent that learns actions by heart.

    By Adam it maximises :math:`\frac{1}{T} \sum_t \log \pi(a_t | s_t)`.

    Args:
      key: of the fresh agent.
      objective: PPO, with networks that have no memory.
      observation: of each step.
      action: that was shown.
      is_shown: which steps count.
      num_steps: of Adam.
      learning_rate: of Adam.
    """
    learner, optimiser = objective.init(key), optax.adam(learning_rate)
    share = is_shown / jnp.maximum(is_shown.sum(), 1)

    def loss(networks):
        memory = objective.init_memory(action.size)
        policy, _ = objective.policy(learner._replace(networks=networks), memory, observation)
        return -(share * policy.log_prob(action)).sum()

    def descend(carry, _):
        networks, state = carry
        updates, state = optimiser.update(jax.grad(loss)(networks), state)
        return (optax.apply_updates(networks, updates), state), None

    start = learner.networks, optimiser.init(learner.networks)
    (networks, _), _ = jax.lax.scan(descend, start, length=num_steps)
    return learner._replace(networks=networks)
