"""Running statistics of observations and of discounted returns, to normalise what agents see."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from rlsuite.advantages import ROUNDING

EPSILON = 1e-8


class Statistics(NamedTuple):
    """How many samples there were so far, and their mean and (population) variance."""

    num_samples: Float[Array, ""]
    mean: Float[Array, "*shape"]
    variance: Float[Array, "*shape"]


def no_statistics(shape: tuple[int, ...] = ()) -> Statistics:
    """Statistics of no samples yet, by which nothing changes: mean zero and variance one."""
    # Named, since they are of 32 bits in a process that computes in 64, too.
    zero, zeros = jnp.zeros((), jnp.float32), jnp.zeros(shape, jnp.float32)
    return Statistics(zero, zeros, jnp.ones_like(zeros))


def merge(statistics: Statistics, samples: Float[Array, "*batch_and_shape"]) -> Statistics:
    r"""Takes a batch of samples into the statistics (Chan, Golub and LeVeque, 1979).

    .. math::
        n = n_a + n_b, \quad
        \mu = \mu_a + \delta \tfrac{n_b}{n}, \quad
        \sigma^2 = \frac{n_a \sigma_a^2 + n_b \sigma_b^2 + \delta^2 n_a n_b / n}{n}, \quad
        \delta = \mu_b - \mu_a

    Args:
      statistics: of the samples before.
      samples: any number of leading axes before those of one sample.
    """
    samples = samples.reshape(-1, *statistics.mean.shape)
    num_samples = statistics.num_samples + samples.shape[0]
    share = samples.shape[0] / num_samples
    difference = samples.mean(0) - statistics.mean
    # The first samples differ from no mean, however large they are.
    between = jnp.where(share < 1, share * (1 - share) * jnp.square(difference), 0.0)
    variance = (1 - share) * statistics.variance + share * samples.var(0) + between
    return Statistics(num_samples, statistics.mean + share * difference, variance)


def standardise(
    statistics: Statistics, samples: Float[Array, "*batch_and_shape"], largest: float = 10.0
) -> Float[Array, "*batch_and_shape"]:
    """Shifts and scales samples to mean zero and unit variance, and clips them to ±`largest`.

    Where there is no variance yet, because of one sample or of samples that only differ by
    rounding, they are shifted alone: nothing is known of their scale.
    """
    return jnp.clip((samples - statistics.mean) * _scale(statistics), -largest, largest)


def divide_by_deviation(
    statistics: Statistics, samples: Float[Array, "*batch_and_shape"]
) -> Float[Array, "*batch_and_shape"]:
    """Scales samples to unit variance, and leaves their mean; as they are where there is none."""
    return samples * _scale(statistics)


def _scale(statistics: Statistics) -> Float[Array, "*shape"]:
    """One over the standard deviation; one where samples differ by no more than rounding."""
    is_flat = statistics.variance <= jnp.square(ROUNDING * statistics.mean)
    return jnp.where(is_flat, 1.0, jax.lax.rsqrt(statistics.variance + EPSILON))


class ReturnStatistics(NamedTuple):
    """Discounted returns that run along with each worker, and the statistics of them all."""

    returns: Float[Array, " worker"]
    statistics: Statistics


def no_return_statistics(num_workers: int) -> ReturnStatistics:
    """Statistics before the first reward."""
    return ReturnStatistics(jnp.zeros(num_workers, jnp.float32), no_statistics())


def scale_rewards(
    state: ReturnStatistics,
    rewards: Float[Array, "time worker"],
    ended: Bool[Array, "time worker"],
    discount: float,
) -> tuple[ReturnStatistics, Float[Array, "time worker"]]:
    r"""Divides rewards by the standard deviation of discounted returns (arXiv 2005.12729).

    The return runs forwards, :math:`R_t = r_t + \gamma R_{t-1}`, and starts anew with each episode.
    Its statistics take in all the rewards given before these are scaled by them. As long as returns
    differ by no more than rounding, or there is but one, rewards are left as they are.

    Returns:
      The statistics with these rewards, and the scaled rewards.
    """

    def accumulate(before, inputs):
        reward, ended = inputs
        running = discount * before + reward
        return jnp.where(ended, 0.0, running), running

    carried, returns = jax.lax.scan(accumulate, state.returns, (rewards, ended))
    statistics = merge(state.statistics, returns)
    return ReturnStatistics(carried, statistics), divide_by_deviation(statistics, rewards)
