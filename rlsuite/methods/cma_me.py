"""CMA-ME: evolution strategies that look for what improves the elites of a grid of cells."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from rlsuite.meta.named_strategies import make_strategy
from rlsuite.meta.strategies import Strategy
from rlsuite.method import Method
from rlsuite.quality_diversity.batches import BatchConfig, whole_batches
from rlsuite.quality_diversity.domain import GENE_LIMIT, Domain
from rlsuite.quality_diversity.map_elites import Standing, Variation, elite_search
from rlsuite.ranges import Count
from rlsuite.requirements import require
from rlsuite.selection import where_each


@dataclass(frozen=True)
class CMAMEConfig(BatchConfig):
    """Sizes of CMA-ME; the deviation is that with which an emitter begins.

    Attributes:
      num_emitters: evolution strategies, each of which has an equal part of every batch.
    """

    num_emitters: Count = 5

    @property
    def population_size(self) -> int:
        """Solutions of an emitter in a batch.

        Raises:
          ValueError: if the parts are not equal, or of a single solution.
        """
        each = whole_batches(self.batch_size, self.num_emitters, "num_emitters", of="batch_size")
        least = 2 * self.num_emitters
        allowed = f"at least {least}, two for each of {self.num_emitters} emitters"
        require(each > 1, "batch_size", self.batch_size, allowed)
        return each


def cma_me(domain: Domain, config: CMAMEConfig) -> Method:
    """CMA-ME with improvement emitters (Fontaine et al., arXiv 1912.02400) over positions.

    Elites are those of MAP-Elites. Each emitter is a CMA-ES (evosax's) that begins at an elite,
    drawn alike, and is told which of its solutions did most for the elites as they were before the
    batch: first those in cells that nobody had entered, by their reward, then the others, by how
    much more they were paid than the elite of their cell. An emitter none of whose solutions became
    an elite begins anew.

    All solutions of a batch have a weight in the paper's strategy if they improved something; here
    the better half has one, as CMA-ES is defined. Genes outside their range are clipped where they
    are evaluated, and told to the strategy as they were drawn.

    Args:
      domain: what is searched.
      config: sizes.

    Returns:
      A method as `elite_search` has it.

    Raises:
      ValueError: if a step isn't whole batches, or batches aren't equal parts of emitters.
    """
    strategy = make_strategy(
        "CMA_ES",
        jnp.zeros(domain.num_genes),
        population_size=config.population_size,
        standard_deviation=config.deviation,
        optimiser=optax.identity(),
    )
    return elite_search(domain, config, improvement_emitters(strategy, config.num_emitters))


def improvement_emitters(strategy: Strategy, number: int) -> Variation:
    """Emitters that begin at elites and look for what improves these.

    Args:
      strategy: of each emitter, over genomes.
      number: of emitters.
    """
    members = jnp.arange(strategy.population_size)

    def begun(key, elites):
        genome_key, strategy_key = jax.random.split(key)
        means = elites.drawn(genome_key, number)
        return jax.vmap(strategy.init)(jax.random.split(strategy_key, number), means)

    def propose(key, emitters, elites):
        del elites
        emitters, draws = jax.vmap(strategy.ask)(jax.random.split(key, number), emitters)
        genomes = jax.vmap(lambda draw: jax.vmap(lambda i: strategy.candidate(draw, i))(members))(
            draws
        )
        genomes = genomes.reshape(-1, genomes.shape[-1])
        return (emitters, draws), jnp.clip(genomes, -GENE_LIMIT, GENE_LIMIT)

    def learn(key, told, elites, children, standing):
        del children
        emitters, draws = told
        tell_key, begin_key = jax.random.split(key)
        own = jax.tree.map(lambda leaf: leaf.reshape(number, -1), standing)
        after = jax.vmap(strategy.tell)(
            jax.random.split(tell_key, number), emitters, draws, jax.vmap(ranks)(own)
        )
        # A strategy that has shrunk to nothing has no numbers left.
        goes_on = own.is_better.any(axis=1) & jnp.isfinite(after.mean).all(axis=1)
        return where_each(goes_on, after, begun(begin_key, elites))

    return Variation(begun, propose, learn)


def ranks(standing: Standing) -> Float[Array, " solution"]:
    """How many others a solution has done more for the elites than; more is better."""
    is_new, gain = standing
    newer = is_new[:, None] & ~is_new
    alike = is_new[:, None] == is_new
    return (newer | (alike & (gain[:, None] > gain))).sum(axis=1).astype(jnp.float32)
