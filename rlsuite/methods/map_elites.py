"""MAP-Elites: the best solution of each cell, and children of these."""

import jax

from rlsuite.method import Method
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.map_elites import Variation, elite_search
from rlsuite.quality_diversity.solutions import mutated


def map_elites(domain: Domain, config: BatchConfig) -> Method:
    """MAP-Elites (Mouret and Clune, arXiv 1504.04909) over a grid of positions.

    Parents are elites, drawn alike with replacement; their children have noise on every gene.

    Args:
      domain: what is searched.
      config: sizes.

    Returns:
      A method as `elite_search` has it.

    Raises:
      ValueError: if a step isn't whole batches.
    """

    def propose(key, state, elites):
        parent_key, noise_key = jax.random.split(key)
        parents = elites.drawn(parent_key, config.batch_size)
        return state, mutated(noise_key, parents, config.deviation)

    def nothing(key, *_):
        del key
        return ()

    return elite_search(domain, config, Variation(nothing, propose, nothing))
