"""PAIRED: a teacher that builds levels which one student can do, and the other can't yet."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.curricula.designer import Designer
from rlsuite.designing import Measures
from rlsuite.drifts import ppo_clip
from rlsuite.envs.construction import Construction
from rlsuite.lifetime import Life
from rlsuite.method import Method
from rlsuite.methods.dr import PUBLISHED_PPO, StudentsConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo_of
from rlsuite.ranges import Count
from rlsuite.students import StudentConfig, make_student
from rlsuite.teaching import Pay, regret, teach


@dataclass(frozen=True)
class TeachingConfig(StudentsConfig):
    """What a teacher adds to its students.

    Attributes:
      teacher: its network.
      teacher_ppo: how it learns.
      teacher_walls: steps in which it puts up a wall or takes one away, for whoever makes the world
        it builds in.
    """

    teacher: StudentConfig = field(default_factory=lambda: StudentConfig(num_filters=(128,)))
    teacher_ppo: PPOConfig = PUBLISHED_PPO
    teacher_walls: Count = 47

    def teacher_in(self, construction: Construction) -> Life:
        """How the teacher lives in its own world, for whole episodes.

        Raises:
          ValueError: if it can't.
        """
        network, num_workers = make_student(construction, self.teacher), self.life.num_workers
        objective = ppo_of(network, self.teacher_ppo, ppo_clip(self.clip_epsilon), num_workers)
        return Life(construction, objective, num_workers, construction.num_steps)

    def taught(
        self,
        world: Environment,
        construction: Construction,
        pay: Pay,
        *,
        num_students: int,
        lifetime: int,
        designer: Designer | None = None,
        measures: Measures | None,
    ) -> Method:
        """Students and a teacher that is paid in some way, with or without a buffer of levels."""
        return teach(
            self.life_in(world),
            self.teacher_in(construction),
            pay,
            num_students=num_students,
            lifetime=lifetime,
            designer=designer,
            measures=measures,
        )


def paired(
    world: Environment,
    construction: Construction,
    config: TeachingConfig,
    *,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """PAIRED (Dennis et al., arXiv 2012.02096, Algorithm 1).

    Protagonist and antagonist learn each from its own return, as the paper's code has it; its
    listing pays them the regret.

    Args:
      world: a gymnax world that students can live in.
      construction: the teacher's, in which levels of that world are built.
      config: sizes and hyperparameters.
      lifetime: updates, over which learning rates fall where they do.
      measures: what is worth watching of levels.

    Returns:
      A method whose state is a `TeachingState`; the protagonist is the first of its students.
    """
    return config.taught(
        world,
        construction,
        regret,
        num_students=2,
        lifetime=lifetime,
        measures=measures,
    )
