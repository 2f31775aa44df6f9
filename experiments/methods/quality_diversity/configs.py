"""Configurations of searches, as the command has them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rlsuite.quality_diversity.autoencoder import AutoencoderConfig
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import Descriptor, path_signature, true_position
from rlsuite.quality_diversity.domain import ControllerConfig
from rlsuite.quality_diversity.emitters import EmitterConfig, Rank, by_own_novelty, by_reward
from rlsuite.quality_diversity.exploration import (
    Criterion,
    ExplorationConfig,
    by_coin,
    by_novelty,
    by_surprise,
)
from rlsuite.quality_diversity.search import Schedule, alternately, by_chance, less_and_less

DescriptorName = Literal["position", "signature", "timed signature", "log signature"]
DESCRIPTORS: dict[DescriptorName, Callable[[], Descriptor]] = {
    "position": true_position,
    "signature": path_signature,
    "timed signature": lambda: path_signature(shows_time=True),
    "log signature": lambda: path_signature(logarithmic=True),
}

ScheduleName = Literal["alternate", "coin", "less and less"]
CriterionName = Literal["coin", "novelty", "surprise"]
CRITERIA: dict[CriterionName, Criterion] = {
    "coin": by_coin,
    "novelty": by_novelty,
    "surprise": by_surprise,
}
RankName = Literal["reward", "novelty"]
RANKS: dict[RankName, Rank] = {"reward": by_reward, "novelty": by_own_novelty}


@dataclass(frozen=True)
class NoveltySearchConfig:
    """Novelty search.

    Attributes:
      descriptor: what counts as behaviour: the final position, or the signature of the path.
      controller: the networks that act.
      exploration: sizes of novelty search.
    """

    descriptor: DescriptorName = "position"
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)


@dataclass(frozen=True)
class MapElitesConfig:
    """MAP-Elites.

    Attributes:
      controller: the networks that act.
      batches: sizes.
    """

    controller: ControllerConfig = field(default_factory=ControllerConfig)
    batches: BatchConfig = field(default_factory=BatchConfig)

    @property
    def exploration(self) -> ExplorationConfig:
        """Of a novelty search with the same budget and noise."""
        sizes = self.batches
        num_children = 2 if sizes.batch_size % 2 == 0 else 1
        return ExplorationConfig(
            population_size=sizes.batch_size // num_children,
            num_children=num_children,
            deviation=sizes.deviation,
            evaluations_per_step=sizes.evaluations_per_step,
            bins=sizes.bins,
        )


@dataclass(frozen=True)
class ExploitationConfig:
    """What is made of rewards, and when.

    Attributes:
      emitters: sizes.
      schedule: whether a step explores or exploits: by turns, by a fair coin, or with a chance of
        exploring that falls evenly to nothing by the end of the run.
      rank: who stays in an emitter's population: those of the highest reward, or of the highest
        novelty.
    """

    emitters: EmitterConfig = field(default_factory=EmitterConfig)
    schedule: ScheduleName = "alternate"
    rank: RankName = "reward"

    def schedule_of(self, num_steps: int) -> Schedule:
        """The schedule of a run of so many steps."""
        schedules: dict[ScheduleName, Schedule] = {
            "alternate": alternately,
            "coin": by_chance(0.5),
            "less and less": less_and_less(num_steps),
        }
        return schedules[self.schedule]


@dataclass(frozen=True)
class SereneConfig(NoveltySearchConfig):
    """SERENE.

    Attributes:
      exploitation: what is made of rewards, and when.
    """

    exploitation: ExploitationConfig = field(default_factory=ExploitationConfig)


@dataclass(frozen=True)
class TaxonsConfig:
    """TAXONS.

    Attributes:
      criterion: who survives a generation: those of the highest novelty, of the highest surprise,
        or by a fair coin in each generation those of the one or of the other.
      controller: the networks that act.
      autoencoder: what sees, and learns to.
      exploration: sizes of novelty search.
    """

    criterion: CriterionName = "coin"
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)


@dataclass(frozen=True)
class StaxConfig(TaxonsConfig):
    """STAX.

    Attributes:
      exploitation: what is made of rewards, and when.
    """

    exploitation: ExploitationConfig = field(default_factory=ExploitationConfig)
