"""Minimax: a teacher that builds levels which the student fails at."""

from gymnax.environments.environment import Environment

from rlsuite.designing import Measures
from rlsuite.method import Method
from rlsuite.methods.paired import TeachingConfig
from rlsuite.teaching import failure


def minimax(
    world: Environment,
    construction: Environment,
    config: TeachingConfig,
    *,
    num_steps: int,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """The minimax adversary that PAIRED is compared with (arXiv 2012.02096, section 5).

    Args:
      world: as `rlsuite.methods.paired.paired` takes it.
      construction: likewise.
      config: likewise.
      num_steps: likewise.
      lifetime: likewise.
      measures: likewise.

    Returns:
      A method whose state is a `TeachingState` with one student.
    """
    return config.taught(
        world,
        construction,
        failure,
        num_students=1,
        num_steps=num_steps,
        lifetime=lifetime,
        measures=measures,
    )
