"""Configurations of searches, as the command has them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from rlsuite.experiments.errors import ConfigError
from rlsuite.quality_diversity.autoencoder import AutoencoderConfig
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import (
    Descriptor,
    path_signature,
    policy_space,
    true_position,
)
from rlsuite.quality_diversity.domain import ControllerConfig
from rlsuite.quality_diversity.emitters import (
    EmitterConfig,
    Preference,
    Rank,
    by_own_novelty,
    by_reward,
    most_novel_first,
    oldest_first,
    random_first,
)
from rlsuite.quality_diversity.exploration import (
    Criterion,
    ExplorationConfig,
    by_coin,
    by_novelty,
    by_surprise,
)
from rlsuite.quality_diversity.search import Schedule, alternately, by_chance, less_and_less

DescriptorName = Literal["position", "signature", "timed signature", "log signature", "genome"]
DESCRIPTORS: dict[DescriptorName, Callable[[], Descriptor]] = {
    "position": true_position,
    "signature": path_signature,
    "timed signature": lambda: path_signature(shows_time=True),
    "log signature": lambda: path_signature(logarithmic=True),
    "genome": policy_space,
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
PreferenceName = Literal["novelty", "chance", "age"]
PREFERENCES: dict[PreferenceName, Preference] = {
    "novelty": most_novel_first,
    "chance": random_first,
    "age": oldest_first,
}


@dataclass(frozen=True)
class NoveltySearchConfig:
    """Novelty search.

    Attributes:
      descriptor: what counts as behaviour: the final position, the signature of the path, or the
        genome.
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
        """Of a novelty search with the same budget and noise, whose archive has the usual size."""
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
      preference: by what candidates and founders come first: by their novelty among rewarded
        solutions, by chance, or by age.
    """

    emitters: EmitterConfig = field(default_factory=EmitterConfig)
    schedule: ScheduleName = "alternate"
    rank: RankName = "reward"
    preference: PreferenceName = "novelty"

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


def num_left(exploration: ExplorationConfig, num_steps: int) -> int:
    """How many solutions generations leave in the archive in so many steps, if all explore."""
    return num_steps * exploration.num_generations * exploration.num_archived


def check_room(exploration: ExplorationConfig, num_steps: int) -> None:
    """Refuses an archive that would be full before the last step.

    Raises:
      ConfigError: if it is too small.
    """
    left, capacity = num_left(exploration, num_steps), exploration.archive_capacity
    if left > capacity:
        raise ConfigError(
            f"exploration.archive_capacity: {capacity} is not allowed; it must be at least "
            f"{left}, as generations of {num_steps} steps leave so many solutions in the archive"
        )


def with_room(exploration: ExplorationConfig, num_steps: int) -> ExplorationConfig:
    """The sizes with an archive that isn't full before the last step."""
    capacity = max(exploration.archive_capacity, num_left(exploration, num_steps))
    return replace(exploration, archive_capacity=capacity)
