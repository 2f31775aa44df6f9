"""What learned objectives do: how lives by them go, and the shape of a learned drift."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.drifts import Drift
from rlsuite.lifetime import Life, Task
from rlsuite.method import Metrics
from rlsuite.objectives.objective import Clock, Parameters
from rlsuite.rollout import memories


def life_course(
    life: Life, key: PRNGKeyArray, parameters: Parameters, task: Task, *, num_updates: int
) -> Metrics:
    r"""How one life goes, update by update (the analysis of arXiv 2402.05828).

    Args:
      life: how the agent lives.
      key: randomness of the whole life.
      parameters: those of the objective.
      task: the level; its lifetime is taken to be `num_updates`.
      num_updates: the horizon N.

    Returns:
      Metrics with an axis `update`, each a mean over the states of the update's own rollout:
      `policy_entropy`, in nats, after it; `policy_change`,
      :math:`\mathrm{KL}(\pi_\text{old} \| \pi_\text{new})`; for agents that predict,
      `prediction_change`, :math:`\| y_\text{new} - y_\text{old} \|_2`; and, where a rule reports
      them (LPG), `policy_target_size`, the root mean square of its targets :math:`\hat\pi`, which
      is how hard it pushes.
    """
    objective = life.objective
    task = task._replace(lifetime=jnp.asarray(num_updates))

    def update(agent, _):
        before = agent.learner
        agent, (experience, reported) = life.update(parameters, agent)
        observation = experience.transitions.observation
        learners = before, agent.learner
        remembered = [memories(objective.behaviour(learner), experience) for learner in learners]
        old_policy, policy = (
            objective.policy(*state, observation)[0]
            for state in zip(learners, remembered, strict=True)
        )
        metrics = {
            "policy_entropy": policy.entropy().mean(),
            "policy_change": old_policy.kl_divergence(policy).mean(),
        }
        if objective.predict is not None:
            old, new = (
                objective.predict(*state, observation)
                for state in zip(learners, remembered, strict=True)
            )
            metrics["prediction_change"] = jnp.linalg.norm(new - old, axis=-1).mean()
        if "policy_target_norm" in reported:
            metrics["policy_target_size"] = jnp.sqrt(reported["policy_target_norm"])
        return agent, metrics

    return jax.lax.scan(update, life.init(key, task), length=num_updates)[1]


class DriftSurface(NamedTuple):
    """A drift and its slope in the ratio, over ratios and advantages."""

    drift: Float[Array, "advantage ratio"]
    slope: Float[Array, "advantage ratio"]


def drift_surface(
    drift: Drift,
    parameters: Parameters,
    ratios: Float[Array, " ratio"],
    advantages: Float[Array, " advantage"],
    clock: Clock,
) -> DriftSurface:
    r"""A drift :math:`f(r, A)` and :math:`\partial f / \partial r` over a grid, at one time.

    Args:
      drift: the drift function.
      parameters: what it has learned.
      ratios: r, above 0.
      advantages: A.
      clock: the time, for drifts that know it.
    """

    def at(ratio, advantage):
        return drift.apply(parameters, jnp.log(ratio), advantage, clock)

    over_grid = jax.vmap(jax.vmap(jax.value_and_grad(at), in_axes=(0, None)), in_axes=(None, 0))
    return DriftSurface(*over_grid(ratios, advantages))
