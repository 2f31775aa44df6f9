"""PAIRED: a teacher that builds levels which one student can do, and the other can't yet."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.curricula.designer import Designer
from rlsuite.designing import Measures
from rlsuite.drifts import ppo_clip
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
      teacher_walls: steps in which it puts up a wall or takes one away.
    """

    teacher: StudentConfig = field(default_factory=lambda: StudentConfig(num_filters=(128,)))
    teacher_ppo: PPOConfig = PUBLISHED_PPO
    teacher_walls: Count = 47

    def teacher_in(self, construction: Environment, num_steps: int) -> Life:
        """How the teacher lives in its own world, for whole episodes.

        Args:
          construction: that world.
          num_steps: of each of its episodes.

        Raises:
          ValueError: if it can't.
        """
        network, num_workers = make_student(construction, self.teacher), self.life.num_workers
        objective = ppo_of(network, self.teacher_ppo, ppo_clip(self.clip_epsilon), num_workers)
        return Life(construction, objective, num_workers, num_steps)

    def taught(
        self,
        world: Environment,
        construction: Environment,
        pay: Pay,
        *,
        num_students: int,
        num_steps: int,
        lifetime: int,
        designer: Designer | None = None,
        measures: Measures | None,
    ) -> Method:
        """Students and a teacher that is paid in some way, with or without a buffer of levels."""
        return teach(
            self.life_in(world),
            self.teacher_in(construction, num_steps),
            pay,
            num_students=num_students,
            lifetime=lifetime,
            designer=designer,
            measures=measures,
        )


def paired(
    world: Environment,
    construction: Environment,
    config: TeachingConfig,
    *,
    num_steps: int,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """PAIRED (Dennis et al., arXiv 2012.02096, Algorithm 1).

    Protagonist and antagonist learn each from its own return, as the paper's code has it; its
    listing pays them the regret.

    Args:
      world: a gymnax world that students can live in.
      construction: the teacher's, whose steps show a level of that world under `"extra"`.
      config: sizes and hyperparameters.
      num_steps: of each of the teacher's episodes.
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
        num_steps=num_steps,
        lifetime=lifetime,
        measures=measures,
    )
