"""MAP-Elites: the best solution of each cell, and children of these."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PRNGKeyArray

from rlsuite.archive import choose
from rlsuite.method import Method, single_precision
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.found import Found, metrics, nothing_found, told
from rlsuite.quality_diversity.map_elites import Elites, improved, no_elites
from rlsuite.quality_diversity.solutions import Solutions, evaluated, mutated, random_genomes


class MapElitesState(NamedTuple):
    """Everything that changes."""

    key: PRNGKeyArray
    elites: Elites
    found: Found

    @property
    def kept(self) -> tuple[Solutions, Bool[Array, " cell"]]:
        """All elites, and which of them are there."""
        return self.elites.solutions, self.elites.entered


def map_elites(domain: Domain, config: BatchConfig) -> Method:
    """MAP-Elites (Mouret and Clune, arXiv 1504.04909) over a grid of positions.

    Parents are elites, drawn alike with replacement; their children have noise on every gene.

    Args:
      domain: what is searched.
      config: sizes.

    Returns:
      A method whose state is a `MapElitesState`; a step is `evaluations_per_step` evaluations.
      Metrics are those of `rlsuite.quality_diversity.found.metrics`, `kept_coverage`, which is the
      coverage, and `kept`, how many elites there are.

    Raises:
      ValueError: if a step isn't whole batches.
    """
    descriptor, num_batches = true_position(), config.num_batches

    def init(key):
        key, first_key = jax.random.split(key)
        genome = random_genomes(first_key, config.num_first, domain.num_genes)
        none = nothing_found(domain, config.bins)
        first = evaluated(domain, descriptor, (), genome, after=none.evaluations)
        elites = no_elites(first, domain.num_cells(config.bins))
        return MapElitesState(
            key, improved(elites, first, domain, config.bins), told(none, domain, first)
        )

    def batch(state, _):
        key, choose_key, vary_key = jax.random.split(state.key, 3)
        elites, found = state.elites, state.found
        alike = jnp.ones(elites.entered.shape)
        parents = choose(choose_key, elites.entered, alike, config.batch_size)
        genome = mutated(vary_key, elites.solutions.genome[parents], config.deviation)
        children = evaluated(domain, descriptor, (), genome, after=found.evaluations)
        elites = improved(elites, children, domain, config.bins)
        return MapElitesState(key, elites, told(found, domain, children)), None

    def step(state):
        state, _ = jax.lax.scan(batch, state, length=num_batches)
        entered = state.elites.entered
        return state, metrics(state.found) | {
            "kept_coverage": entered.mean(dtype=jnp.float32),
            "kept": entered.sum().astype(jnp.float32),
        }

    return single_precision(Method(init, step))
