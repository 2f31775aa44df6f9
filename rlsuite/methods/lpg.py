"""LPG: a policy gradient learned by meta-gradients on random tasks."""

from dataclasses import dataclass, field, replace

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, Trainable, make_agent
from rlsuite.curricula.curriculum import SampleTask, random_tasks
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.meta.configs import MetaGradientConfig, meta_gradient_from_config
from rlsuite.method import Method
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.scores import no_score


@dataclass(frozen=True)
class MetaGradientLPGConfig:
    """What LPG is made of."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: MetaGradientConfig = field(default_factory=MetaGradientConfig)


def meta_gradient_lpg(
    world: Environment, sample_task: SampleTask, config: MetaGradientLPGConfig
) -> Method:
    """Learned policy gradient, meta-trained on random tasks (Oh et al., arXiv 2007.08794).

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, the training distribution.
      config: sizes and hyperparameters.

    Returns:
      A method whose state holds the learned objective in `parameters`.
    """
    life = agent_life(world, config)
    curriculum = random_tasks(whole_meta_steps(sample_task, config.meta.num_updates))
    return meta_gradient_from_config(
        life, value_critic(world, config.agent), curriculum, no_score(), config.meta
    )


def agent_life(world: Environment, config: MetaGradientLPGConfig) -> Life:
    """How agents that learn by LPG live in meta-training."""
    agent = make_agent(world, config.agent, config.objective.num_predictions)
    objective = lpg(agent, config.objective)
    return Life(world, objective, config.life.num_workers, config.life.rollout_length)


def value_critic(world: Environment, config: AgentConfig) -> Trainable:
    """What judges agents: networks and optimiser like their predictions', without memory."""
    return make_agent(world, replace(config, recurrent_width=None)).prediction


def whole_meta_steps(sample_task: SampleTask, num_updates: int) -> SampleTask:
    """Rounds lifetimes up to a multiple of the updates made in one meta-step."""

    def sample(key):
        task = Task(*sample_task(key))
        return task._replace(lifetime=-(-task.lifetime // num_updates) * num_updates)

    return sample
