"""How noisy gradients are, from their norms over batches of two sizes."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

DECAY = 0.99
"""Of the running means, by which they are over the last hundred steps or so."""


class GradientNoise(NamedTuple):
    """Of one agent's gradient: the trace of its covariance, and the squared norm of its mean.

    Estimates of single steps, or running means of them, of which both lack the same factor.
    """

    trace: Float[Array, ""]
    squared_norm: Float[Array, ""]

    @property
    def scale(self) -> Float[Array, ""]:
        r"""The simple noise scale :math:`\mathrm{tr}(\Sigma) / |G|^2` (arXiv 1812.06162, eq. 2.9).

        The number of agents over which the noise of a mean gradient is as large as the gradient:
        with many fewer a step is mostly noise, with many more it wastes agents. NaN where nothing
        of the gradient stands out of the noise yet.
        """
        known = self.squared_norm > 0
        return jnp.where(known, self.trace / jnp.where(known, self.squared_norm, 1.0), jnp.nan)


def no_noise_yet() -> GradientNoise:
    """Before the first step."""
    return GradientNoise(jnp.zeros(()), jnp.zeros(()))


def estimate_noise(
    squared_of_parts: Float[Array, ""], squared_of_all: Float[Array, ""], part: int, whole: int
) -> GradientNoise:
    r"""Without bias, from gradients over batches of two sizes (arXiv 1812.06162, appendix A.1).

    .. math::
        |G|^2 \approx \frac{B |G_B|^2 - b |G_b|^2}{B - b}, \qquad
        \mathrm{tr}(\Sigma) \approx \frac{|G_b|^2 - |G_B|^2}{1 / b - 1 / B}

    since :math:`E|G_b|^2 = |G|^2 + \mathrm{tr}(\Sigma) / b` for means over b independent agents.

    Args:
      squared_of_parts: squared norm of the gradient over b agents; its mean over parts.
      squared_of_all: that of the gradient over all B of them.
      part: b.
      whole: B, more than that.
    """
    return GradientNoise(
        trace=(squared_of_parts - squared_of_all) / (1 / part - 1 / whole),
        squared_norm=(whole * squared_of_all - part * squared_of_parts) / (whole - part),
    )


def remember_noise(before: GradientNoise, found: GradientNoise) -> GradientNoise:
    """Running means, separately: a ratio of means has less bias than a mean of ratios."""
    return GradientNoise(
        *(DECAY * old + (1 - DECAY) * new for old, new in zip(before, found, strict=True))
    )
