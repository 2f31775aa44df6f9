"""SFL: a student that is put on levels where it sometimes succeeds, and sometimes not."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.learnable_levels import (
    Judge,
    LearnableLevelsConfig,
    learnable_levels,
)
from rlsuite.designing import Measures
from rlsuite.method import Method
from rlsuite.methods.dr import StudentsConfig


@dataclass(frozen=True)
class SFLConfig(StudentsConfig):
    """What sampling for learnability adds.

    Attributes:
      levels: how learnable levels are found.
    """

    levels: LearnableLevelsConfig = field(default_factory=LearnableLevelsConfig)


def sfl(
    world: Environment,
    sample_task: SampleTask,
    config: SFLConfig,
    *,
    lifetime: int,
    judge: Judge | None = None,
    measures: Measures | None = None,
) -> Method:
    """Sampling for learnability (Rutherford et al., arXiv 2408.15099, Algorithm 1).

    Args:
      world: a gymnax world that a student can live in.
      sample_task: `key -> Task`, where levels come from.
      config: sizes and hyperparameters.
      lifetime: updates, over which learning rates fall where they do.
      judge: what is found of levels, such as `by_success_rate`, in place of what episodes say.
      measures: what is worth watching of levels.

    Returns:
      A method whose state is a `DesignState` with `LearnableLevels` in `designer`.

    Raises:
      ValueError: if a search looks at fewer levels than are kept.
    """
    designer = learnable_levels(config.life_in(world), sample_task, config.levels, judge=judge)
    return config.designed_by(world, designer, lifetime, measures)
