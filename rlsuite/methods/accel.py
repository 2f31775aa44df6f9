"""ACCEL: robust PLR whose replayed levels are edited into new ones."""

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import Editor, SampleTask
from rlsuite.curricula.level_replay import Parents, replayed_levels
from rlsuite.designing import Measures
from rlsuite.method import Method
from rlsuite.methods.plr import PLRConfig
from rlsuite.rollout import OptimalReturn
from rlsuite.scores import Score


def accel(
    world: Environment,
    sample_task: SampleTask,
    edit: Editor,
    config: PLRConfig,
    *,
    lifetime: int,
    parents: Parents | None = None,
    score: Score | None = None,
    optimal_return: OptimalReturn | None = None,
    measures: Measures | None = None,
) -> Method:
    """ACCEL (Parker-Holder et al., arXiv 2203.01302, Algorithm 1).

    After each lesson of replayed levels these are edited, the student is judged on what they have
    become, and what scores high enough goes into the buffer. With a replay probability p the shares
    of lessons that are new, replayed and edited are 1 - p, p and p, over 1 + p.

    Args:
      world: a gymnax world that a student can live in.
      sample_task: `key -> Task`, where levels to start from come from.
      edit: `(key, level) -> level`.
      config: sizes and hyperparameters.
      lifetime: as `plr` takes it.
      parents: which of the replayed levels are edited, such as the `easiest`; none edits each once.
      score: likewise.
      optimal_return: likewise.
      measures: likewise.

    Returns:
      A method whose state is a `DesignState` with a `LevelReplayState` in `designer`.

    Raises:
      ValueError: as `plr`.
    """
    score = score or config.level_score(optimal_return)
    designer = replayed_levels(
        sample_task, score, config.buffer, config.life.num_workers, edit=edit, parents=parents
    )
    return config.designed_by(world, designer, lifetime, measures)
