"""What a strategy is told of the fitness of its candidates: more is better."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from rlsuite.advantages import normalise

Fitness = Float[Array, " candidate"]
"""Fitness of a generation's candidates, or what is told of it; more is better.

What is not finite, no number among it, has failed: it counts as worse than all others. Where all
have failed, none is better than another.
"""


def pairwise(fitness: Fitness) -> Fitness:
    """1 for the better of a pair, 0 for the worse, 0.5 for both of a tie (arXiv 2402.05828).

    Candidates 2i and 2i + 1 are a pair. With common tasks (`evolve`) both live on the same ones, so
    that tasks need not be comparable.
    """
    pairs = failed_last(fitness).reshape(-1, 2)
    other = pairs[:, ::-1]
    better = jnp.where(pairs == other, 0.5, (pairs > other).astype(jnp.float32))
    return better.reshape(-1)


def z_score(fitness: Fitness) -> Fitness:
    """Mean zero and unit standard deviation over the population; zeros if all are the same."""
    if fitness.size == 1:
        return jnp.zeros_like(fitness)
    return normalise(raw(fitness))


def centred_rank(fitness: Fitness) -> Fitness:
    """Ranks in the population scaled to [−0.5, 0.5], equal ones sharing theirs (arXiv 1703.03864).

    The mean is zero.
    """
    if fitness.size == 1:
        return jnp.zeros_like(fitness)
    ranks = jax.scipy.stats.rankdata(failed_last(fitness))
    return (ranks - 1) / (fitness.size - 1) - 0.5


def raw(fitness: Fitness) -> Fitness:
    """Fitness as it is; a candidate that failed gets the worst of those that did not.

    For strategies that compare the candidates of one generation with those of another.
    """
    fitness = failed_last(fitness)
    failed = jnp.isneginf(fitness)
    worst = jnp.min(fitness, where=~failed, initial=jnp.inf)
    return jnp.where(failed, jnp.where(failed.all(), 0.0, worst), fitness)


def failed_last(fitness: Fitness) -> Fitness:
    """Fitness with −∞ for the candidates that failed."""
    return jnp.where(jnp.isfinite(fitness), fitness, -jnp.inf)
