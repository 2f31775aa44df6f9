"""PLR: a student that is put again on levels where it has much to learn."""

from dataclasses import dataclass, field
from typing import Literal

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.level_replay import LevelReplayConfig, replayed_levels
from rlsuite.designing import Measures
from rlsuite.method import Method
from rlsuite.methods.dr import StudentsConfig
from rlsuite.named_scores import named_score
from rlsuite.rollout import OptimalReturn
from rlsuite.scores import Score, learnable, max_monte_carlo

LevelScoreName = Literal[
    "max_monte_carlo", "positive_value_loss", "l1_value_loss", "learnability", "exact_regret"
]


@dataclass(frozen=True)
class PLRConfig(StudentsConfig):
    """What prioritised level replay adds.

    Attributes:
      buffer: how levels are kept and replayed.
      score: what makes a level worth another visit.
    """

    buffer: LevelReplayConfig = field(default_factory=LevelReplayConfig)
    score: LevelScoreName = "max_monte_carlo"

    def level_score(self, optimal_return: OptimalReturn | None) -> Score:
        """The score that is named.

        Raises:
          ValueError: if it is unknown, or needs an optimal return and there is none.
        """
        own = {
            "max_monte_carlo": lambda: max_monte_carlo(1, self.ppo.discount, from_start=True),
            # Half of what was seen at the last visit: the student has learned since.
            "learnability": lambda: learnable(1, from_start=True, memory=0.5),
        }
        return named_score(self.score, own, optimal_return)


def plr(
    world: Environment,
    sample_task: SampleTask,
    config: PLRConfig,
    *,
    lifetime: int,
    score: Score | None = None,
    optimal_return: OptimalReturn | None = None,
    measures: Measures | None = None,
) -> Method:
    """Prioritised level replay (Jiang et al., arXiv 2010.03934), robust by default (2110.02439).

    Robust PLR learns on replayed levels alone; `config.buffer.learn_from_new` learns on all.

    Args:
      world: a gymnax world that a student can live in.
      sample_task: `key -> Task`, where fresh levels come from.
      config: sizes and hyperparameters.
      lifetime: updates, over which learning rates fall where they do.
      score: in place of the one that the config names; each worker is an agent of its own to it.
      optimal_return: needed by the score `exact_regret`.
      measures: what is worth watching of levels.

    Returns:
      A method whose state is a `DesignState` with a `LevelReplayState` in `designer`.

    Raises:
      ValueError: if the score is unknown or needs an `optimal_return` and there is none, or the
        buffer is smaller than the student's batch.
    """
    score = score or config.level_score(optimal_return)
    designer = replayed_levels(sample_task, score, config.buffer, config.life.num_workers)
    return config.designed_by(world, designer, lifetime, measures)
