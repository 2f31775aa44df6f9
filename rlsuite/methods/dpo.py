"""DPO: agents that simply learn, by the drift that was written down after learned ones."""

from dataclasses import dataclass

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask, random_tasks
from rlsuite.drifts import discovered
from rlsuite.lifetime import Life
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.methods.ppo import ProximalAgentsConfig
from rlsuite.ranges import Positive


@dataclass(frozen=True)
class DPOAgentsConfig(ProximalAgentsConfig):
    """What DPO's agents are made of.

    Attributes:
      alpha: how far actions may go that are better than expected.
      beta: likewise for worse ones.
    """

    alpha: Positive = 2.0
    beta: Positive = 0.6

    def life_in(self, world: Environment) -> Life:
        """How such agents live in a world."""
        return self.life_by(world, discovered(self.alpha, self.beta))


def dpo_agents(world: Environment, sample_task: SampleTask, config: DPOAgentsConfig) -> Method:
    """Discovered policy optimisation (Lu et al., arXiv 2210.05639) on tasks drawn anew.

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, where levels and lifetimes come from.
      config: sizes and hyperparameters.

    Returns:
      A method whose step is one update of every agent, and whose state is a `LivingState`.
    """
    return live(
        config.life_in(world),
        random_tasks(sample_task),
        num_agents=config.num_agents,
        num_episodes=config.num_episodes,
    )
