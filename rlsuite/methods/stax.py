"""STAX: SERENE with TAXONS' learned behaviour."""

from rlsuite.method import Method
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.emitters import (
    EmitterConfig,
    Preference,
    Rank,
    by_reward,
    most_novel_first,
)
from rlsuite.quality_diversity.exploitation import sequential_emitters
from rlsuite.quality_diversity.exploration import Criterion, ExplorationConfig, Explorer, by_coin
from rlsuite.quality_diversity.search import Schedule, alternately, search


def stax(
    domain: Domain,
    descriptor: Descriptor,
    config: ExplorationConfig,
    emitters: EmitterConfig,
    *,
    criterion: Criterion = by_coin,
    schedule: Schedule = alternately,
    rank: Rank = by_reward,
    preference: Preference = most_novel_first,
) -> Method:
    """STAX (Paolo et al., arXiv 2111.01919): explores what it learns to see, exploits what pays.

    As the public code has it; what the paper says beyond its abstract is unverified.

    Args:
      domain: what is searched; its outcomes have what the descriptor reads.
      descriptor: what counts as behaviour, such as an `autoencoder`.
      config: sizes of novelty search.
      emitters: sizes of what exploits rewards.
      criterion: who survives a generation of exploration.
      schedule: whether to explore or to exploit next.
      rank: who stays in an emitter's population.
      preference: which candidates and emitters come first.

    Returns:
      A method whose state is a `SearchState`, with metrics as `search` has them.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    explorer = Explorer(domain, descriptor, config, criterion, knows_rewarded=True)
    exploiter = sequential_emitters(explorer, emitters, rank=rank, preference=preference)
    return search(explorer, exploiter, schedule=schedule)
