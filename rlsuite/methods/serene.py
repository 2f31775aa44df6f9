"""SERENE: novelty search, and emitters that climb where something was paid."""

from rlsuite.method import Method
from rlsuite.methods.stax import stax
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.emitters import (
    EmitterConfig,
    Preference,
    Rank,
    by_reward,
    most_novel_first,
)
from rlsuite.quality_diversity.exploration import ExplorationConfig, by_novelty
from rlsuite.quality_diversity.search import Schedule, alternately


def serene(
    domain: Domain,
    descriptor: Descriptor,
    config: ExplorationConfig,
    emitters: EmitterConfig,
    *,
    schedule: Schedule = alternately,
    rank: Rank = by_reward,
    preference: Preference = most_novel_first,
) -> Method:
    """SERENE (Paolo et al., arXiv 2102.03140): exploring and exploiting by turns.

    As the public code has it; what the paper says beyond its abstract is unverified.

    Args:
      domain: what is searched.
      descriptor: what counts as behaviour.
      config: sizes of novelty search.
      emitters: sizes of what exploits rewards.
      schedule: whether to explore or to exploit next.
      rank: who stays in an emitter's population.
      preference: which candidates and emitters come first.

    Returns:
      A method whose state is a `SearchState`, with metrics as `search` has them.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    return stax(
        domain,
        descriptor,
        config,
        emitters,
        criterion=by_novelty,
        schedule=schedule,
        rank=rank,
        preference=preference,
    )
