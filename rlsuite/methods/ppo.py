"""PPO: agents that simply learn, side by side."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import SampleTask, random_tasks
from rlsuite.drifts import Drift, ppo_clip
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.ranges import Count, Positive


@dataclass(frozen=True)
class ProximalAgentsConfig:
    """What agents are made of that learn by PPO, whatever keeps their policies proximal.

    Attributes:
      networks: of policy and critic.
      ppo: how they learn.
      life: how much experience an update takes.
      num_agents: agents that learn side by side, each from a key of its own.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
    """

    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    num_agents: Count = 8
    num_episodes: Count = 16

    def life_by(self, world: Environment, drift: Drift) -> Life:
        """How such agents live in a world with a drift."""
        objective = ppo(world, self.networks, self.ppo, drift, self.life.num_workers)
        return Life(world, objective, self.life.num_workers, self.life.rollout_length)


@dataclass(frozen=True)
class PPOAgentsConfig(ProximalAgentsConfig):
    """What PPO's agents are made of.

    Attributes:
      clip_epsilon: how far the ratio of new to old probabilities may go from 1.
    """

    clip_epsilon: Positive = 0.2

    def life_in(self, world: Environment) -> Life:
        """How such agents live in a world."""
        return self.life_by(world, ppo_clip(self.clip_epsilon))


def ppo_agents(world: Environment, sample_task: SampleTask, config: PPOAgentsConfig) -> Method:
    """Proximal policy optimisation (Schulman et al., arXiv 1707.06347) on tasks drawn anew.

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
