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

    Raises:
      AssertionError: if shapes differ.
    """
    chex.assert_equal_shape([rewards, values, next_values, terminated, truncated])
    deltas = rewards + discount * jnp.where(terminated, 0.0, next_values) - values
    carry_over = jnp.where(terminated | truncated, 0.0, discount * gae_lambda)

    def backwards(advantage, inputs):
        delta, weight = inputs
        advantage = delta + weight * advantage
        return advantage, advantage

    _, advantages = jax.lax.scan(
        backwards, jnp.zeros(deltas.shape[1:], deltas.dtype), (deltas, carry_over), reverse=True
    )
    return advantages


ROUNDING = 8 * float(jnp.finfo(jnp.float32).eps)
"""Samples whose deviation is no more than this part of their mean differ by rounding alone."""


def normalise(advantages: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Shifts and scales advantages to mean zero and unit standard deviation over all axes.

    .. math::
        \hat A_i = (A_i - \mu) / (\sigma + 10^{-8})

    A lone advantage is left as it is, or nothing could be learned from it. Equal ones become zero,
    and so do those that differ by no more than rounding, :math:`\sigma \le 8 \epsilon |\mu|` with
    float32's :math:`\epsilon`; the gradient is zero there too. Of shorter numbers than float32's
    the mean and deviation are float32's, and the result is again as short as they are.
    """
    if advantages.size <= 1:
        return advantages
    dtype = advantages.dtype
    advantages = advantages.astype(jnp.promote_types(dtype, jnp.float32))
    # Squares of huge ones would overflow; a power of two leaves all digits as they are.
    _, exponent = jnp.frexp(jax.lax.stop_gradient(jnp.abs(advantages).max()))
    one = jnp.ones((), advantages.dtype)
    scale = jnp.where(exponent > 50, jnp.ldexp(one, 40 - exponent), one)
    advantages = advantages * scale
    mean, variance = advantages.mean(), advantages.var()
    is_flat = variance <= jnp.square(ROUNDING * mean)
    deviation = jnp.sqrt(jnp.where(is_flat, 1.0, variance))
    return jnp.where(is_flat, 0.0, (advantages - mean) / (deviation + 1e-8)).astype(dtype)
