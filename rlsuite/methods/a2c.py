"""A2C: agents that simply learn, side by side."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.curricula.curriculum import SampleTask, random_tasks
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.ranges import Count


@dataclass(frozen=True)
class A2CAgentsConfig:
    """What A2C's agents are made of.

    Attributes:
      agent: networks of policy and critic, and their optimisers.
      a2c: how they learn.
      life: how much experience an update takes.
      num_agents: agents that learn side by side, each from a key of its own.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
    """

    agent: AgentConfig = field(default_factory=AgentConfig)
    a2c: A2CConfig = field(default_factory=A2CConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    num_agents: Count = 8
    num_episodes: Count = 16

    def life_in(self, world: Environment) -> Life:
        """How such agents live in a world."""
        objective = a2c(make_agent(world, self.agent), self.a2c)
        return Life(world, objective, self.life.num_workers, self.life.rollout_length)


def a2c_agents(world: Environment, sample_task: SampleTask, config: A2CAgentsConfig) -> Method:
    """Advantage actor-critic (Mnih et al., arXiv 1602.01783) on tasks drawn anew.

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
