"""DR: a student that learns on levels drawn at random, and what other students are made of too."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.curricula.designer import Designer, random_levels
from rlsuite.designing import Measures, design
from rlsuite.drifts import ppo_clip
from rlsuite.following import FollowConfig
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.method import Method
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo_of
from rlsuite.ranges import Positive
from rlsuite.students import StudentConfig, make_student

PUBLISHED_PPO = PPOConfig(
    discount=0.995,
    gae_lambda=0.98,
    entropy_coefficient=1e-3,
    # JaxUED's coefficient of 0.5 is of half the squared error.
    value_coefficient=0.25,
    num_epochs=5,
    num_mini_batches=1,
    learning_rate=1e-4,
    anneal_learning_rate=True,
    value_clip=0.2,
)
"""What JaxUED's students learn by (Coward et al., arXiv 2403.13091)."""


@dataclass(frozen=True)
class StudentsConfig:
    """What a student is made of, and how it learns.

    Attributes:
      student: its network.
      ppo: how it learns.
      life: how much experience an update takes; every worker has a level of its own.
      clip_epsilon: how far the ratio of new to old probabilities may go from 1.
      held_out: how it is followed on levels that it is never put on, by those who run it
        (`rlsuite.following.follow`): the methods themselves know no such levels.
    """

    student: StudentConfig = field(default_factory=StudentConfig)
    ppo: PPOConfig = PUBLISHED_PPO
    life: LifeConfig = field(default_factory=lambda: LifeConfig(32, 256))
    clip_epsilon: Positive = 0.2
    held_out: FollowConfig = field(default_factory=FollowConfig)

    def life_in(self, world: Environment) -> Life:
        """How the student lives in a world.

        Raises:
          ValueError: if it can't.
        """
        network, num_workers = make_student(world, self.student), self.life.num_workers
        objective = ppo_of(network, self.ppo, ppo_clip(self.clip_epsilon), num_workers)
        return Life(world, objective, num_workers, self.life.rollout_length, level_axes=0)

    def designed_by(
        self, world: Environment, designer: Designer, lifetime: int, measures: Measures | None
    ) -> Method:
        """The student on the levels of a designer."""
        return design(
            self.life_in(world),
            designer,
            lifetime=lifetime,
            discount=self.ppo.discount,
            gae_lambda=self.ppo.gae_lambda,
            measures=measures,
        )


def dr(
    world: Environment,
    sample_task: SampleTask,
    config: StudentsConfig,
    *,
    lifetime: int,
    measures: Measures | None = None,
) -> Method:
    """Domain randomisation: every worker and rollout has a level drawn anew.

    Args:
      world: a gymnax world that a student can live in.
      sample_task: `key -> Task`, where levels come from.
      config: sizes and hyperparameters.
      lifetime: updates, over which learning rates fall where they do.
      measures: what is worth watching of levels.

    Returns:
      A method whose state is a `DesignState`.
    """
    designer = random_levels(sample_task, config.life.num_workers)
    return config.designed_by(world, designer, lifetime, measures)
