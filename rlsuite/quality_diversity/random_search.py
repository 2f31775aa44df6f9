"""Random search, to set others beside."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray

from rlsuite.method import Method, single_precision
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.exploration import ExplorationConfig
from rlsuite.quality_diversity.found import Found, kept_coverage, metrics, nothing_found, told
from rlsuite.quality_diversity.solutions import (
    Archive,
    Solutions,
    add,
    empty_archive,
    evaluated,
    random_genomes,
)


class RandomState(NamedTuple):
    """Everything that changes."""

    key: PRNGKeyArray
    archive: Archive
    found: Found

    @property
    def kept(self) -> tuple[Solutions, Bool[Array, " solution"]]:
        """The archive's solutions, and which of them are there."""
        return self.archive.items, self.archive.filled


def random_search(domain: Domain, config: ExplorationConfig) -> Method:
    """Genomes drawn as all searches draw their first ones, and nothing made of what they come to.

    As many of them are kept as novelty search keeps.

    Args:
      domain: what is searched.
      config: sizes of a novelty search, of which a generation is as large; nothing is mutated.

    Returns:
      A method whose state is a `RandomState`. Metrics are those of
      `rlsuite.quality_diversity.found.metrics`, `kept_coverage`, the share of the cells in which
      an episode of the archive's solutions ended, `kept`, how many these are, and `lost`, how many
      more came when the archive was full.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    descriptor, num_generations = true_position(), config.num_generations

    def drawn(key, found, number):
        genome = random_genomes(key, number, domain.num_genes)
        return evaluated(domain, descriptor, (), genome, after=found.evaluations)

    def init(key):
        key, first_key = jax.random.split(key)
        none = nothing_found(domain, config.bins)
        first = drawn(first_key, none, config.population_size)
        archive = empty_archive(first, config.archive_capacity)
        return RandomState(key, archive, told(none, domain, first))

    def generation(state, _):
        key, draw_key = jax.random.split(state.key)
        solutions = drawn(draw_key, state.found, config.generation_size)
        # The first ones are as random as any.
        kept = jnp.arange(config.generation_size) < config.num_archived
        archive = add(state.archive, solutions, kept)
        return RandomState(key, archive, told(state.found, domain, solutions)), None

    def step(state):
        state, _ = jax.lax.scan(generation, state, length=num_generations)
        archive = state.archive
        kept = kept_coverage(state.found, domain, archive.items.position, archive.filled)
        counts = {"kept": archive.size, "lost": archive.lost}
        return state, metrics(state.found) | {
            "kept_coverage": kept,
            **{name: count.astype(jnp.float32) for name, count in counts.items()},
        }

    return single_precision(Method(init, step))
