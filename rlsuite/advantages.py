"""Generalised advantage estimation that tells truncation from termination."""

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float


def generalised_advantage(
    rewards: Float[Array, "time *batch"],
    values: Float[Array, "time *batch"],
    next_values: Float[Array, "time *batch"],
    terminated: Bool[Array, "time *batch"],
    truncated: Bool[Array, "time *batch"],
    *,
    discount: Float[ArrayLike, ""],
    gae_lambda: Float[ArrayLike, ""],
) -> Float[Array, "time *batch"]:
    r"""Generalised advantage estimates (Schulman et al., arXiv 1506.02438, equation 16).

    .. math::
        \delta_t = r_t + \gamma (1 - \text{terminated}_t) V(s'_t) - V(s_t), \qquad
        A_t = \delta_t + \gamma \lambda (1 - \text{ended}_t) A_{t+1}

    where :math:`s'_t` is the observation *before* any automatic reset (gymnax's
    `final_observation`) and an episode ended if it terminated or was truncated. A truncated
    episode is bootstrapped with the value of where it stopped; only termination has no future.

    Args:
      rewards: reward of each transition.
      values: value of the observation acted on.
      next_values: value of the observation arrived at, before any reset.
      terminated: whether the world ended in a terminal state.
      truncated: whether a time limit cut the episode.
      discount: the discount factor, in [0, 1].
      gae_lambda: the exponential weight of longer estimates, in [0, 1].

    Returns:
      The advantage of each action taken, not normalised.
    """
    chex.assert_equal_shape([rewards, values, next_values, terminated, truncated])
    deltas = rewards + discount * jnp.where(terminated, 0.0, next_values) - values
    carry_over = jnp.where(terminated | truncated, 0.0, discount * gae_lambda)

    def backwards(advantage, inputs):
        delta, weight = inputs
        advantage = delta + weight * advantage
        return advantage, advantage

    _, advantages = jax.lax.scan(
        backwards, jnp.zeros_like(deltas[0]), (deltas, carry_over), reverse=True
    )
    return advantages


def normalise(advantages: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Shifts and scales advantages to mean zero and unit standard deviation over all axes.

    Equal advantages become zero; where they differ by rounding alone, so does the result, by
    amounts of order one.
    """
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
