"""REPAIRED: PAIRED whose teacher feeds a buffer of levels, which are replayed by their regret."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.level_replay import LevelReplayConfig, replayed_levels
from rlsuite.designing import Measures
from rlsuite.envs.construction import Construction
from rlsuite.method import Method
from rlsuite.methods.paired import TeachingConfig
from rlsuite.scores import as_told
from rlsuite.teaching import regret


@dataclass(frozen=True)
class REPAIREDConfig(TeachingConfig):
    """What replay adds to a teacher.

    Attributes:
      buffer: how levels are kept and replayed; new ones are those of the teacher.
    """

    buffer: LevelReplayConfig = field(
        default_factory=lambda: LevelReplayConfig(replay_probability=0.95)
    )


def repaired(
    world: Environment,
    construction: Construction,
    config: REPAIREDConfig,
    *,
    sample_task: SampleTask,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """Replay-enhanced PAIRED (Jiang et al., arXiv 2110.02439, section 5).

    Levels are scored by the regret that the teacher is paid. Both students learn on replayed levels
    alone, unless `config.buffer.learn_from_new`, and the teacher on its own.

    Args:
      world: as `rlsuite.methods.paired.paired` takes it.
      construction: likewise.
      config: sizes and hyperparameters.
      sample_task: `key -> Task`, levels of the world by which the empty buffer is made.
      lifetime: as `rlsuite.methods.paired.paired` takes it.
      measures: likewise.

    Returns:
      A method whose state is a `TeachingState` with a `LevelReplayState` in `designer`.

    Raises:
      ValueError: if the buffer is smaller than the students' batch.
    """
    return config.taught(
        world,
        construction,
        regret,
        num_students=2,
        lifetime=lifetime,
        designer=replayed_levels(sample_task, as_told(), config.buffer, config.life.num_workers),
        measures=measures,
    )
