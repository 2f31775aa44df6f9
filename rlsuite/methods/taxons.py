"""TAXONS: novelty search in the codes of an autoencoder that learns from what is found."""

from rlsuite.method import Method
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.exploration import Criterion, ExplorationConfig, Explorer, by_coin
from rlsuite.quality_diversity.search import search


def taxons(
    domain: Domain,
    descriptor: Descriptor,
    config: ExplorationConfig,
    *,
    criterion: Criterion = by_coin,
) -> Method:
    """TAXONS (Paolo et al., arXiv 1909.05508): nobody says what counts as behaviour.

    In each generation a fair coin says whether those survive whose codes are new, or those whose
    images the autoencoder knows badly.

    As the public code has it; what the paper says beyond its abstract is unverified.

    Args:
      domain: what is searched; its outcomes have what the descriptor reads.
      descriptor: what counts as behaviour, such as an `autoencoder`.
      config: sizes of novelty search.
      criterion: who survives.

    Returns:
      A method whose state is a `SearchState`, with metrics as `search` has them.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    return search(Explorer(domain, descriptor, config, criterion))
