"""Novelty search: who is new survives, whatever it is paid."""

from rlsuite.method import Method
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.exploration import ExplorationConfig, Explorer
from rlsuite.quality_diversity.search import search


def novelty_search(domain: Domain, descriptor: Descriptor, config: ExplorationConfig) -> Method:
    """Novelty search (Lehman and Stanley, 2011), as SERENE and STAX have it.

    Args:
      domain: what is searched.
      descriptor: what counts as behaviour.
      config: sizes.

    Returns:
      A method whose state is a `SearchState`, with metrics as `search` has them.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    return search(Explorer(domain, descriptor, config))
