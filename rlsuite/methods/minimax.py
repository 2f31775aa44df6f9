"""Minimax: a teacher that builds levels which the student fails at."""

from gymnax.environments.environment import Environment

from rlsuite.designing import Measures
from rlsuite.envs.construction import Construction
from rlsuite.method import Method
from rlsuite.methods.paired import TeachingConfig
from rlsuite.teaching import failure


def minimax(
    world: Environment,
    construction: Construction,
    config: TeachingConfig,
    *,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """The minimax adversary that PAIRED is compared with (arXiv 2012.02096, section 5).

    Args:
      world: as `rlsuite.methods.paired.paired` takes it.
      construction: likewise.
      config: likewise.
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
        lifetime=lifetime,
        measures=measures,
    )
