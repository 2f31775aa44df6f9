"""LPG: a policy gradient learned by meta-gradients, on random tasks or on a fixed set of them."""

from dataclasses import dataclass, field, replace
from typing import get_args

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, Trainable, make_agent
from rlsuite.curricula.chosen_set import Chosen, LevelSetConfig, chosen_set
from rlsuite.curricula.curriculum import Curriculum, SampleTask, random_tasks
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.meta.gradient_config import MetaGradientConfig, meta_gradient_from_config
from rlsuite.meta.held_out import HeldOutConfig, watch_held_out
from rlsuite.method import Method
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.requirements import require, require_known
from rlsuite.rollout import OptimalReturn
from rlsuite.scores import no_score, regret_of_beginners


@dataclass(frozen=True)
class LPGPartsConfig:
    """What LPG by meta-gradients is made of, wherever its tasks come from."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: MetaGradientConfig = field(default_factory=MetaGradientConfig)
    held_out: HeldOutConfig = field(default_factory=HeldOutConfig)


@dataclass(frozen=True)
class MetaGradientLPGConfig(LPGPartsConfig):
    """What LPG is made of, and the levels that there are for it."""

    levels: LevelSetConfig = field(default_factory=LevelSetConfig)


def meta_gradient_lpg(
    world: Environment,
    sample_task: SampleTask,
    config: MetaGradientLPGConfig,
    *,
    optimal_return: OptimalReturn | None = None,
) -> Method:
    """Learned policy gradient, meta-trained on random tasks (Oh et al., arXiv 2007.08794).

    With a size of its `levels`, these are one fixed set, as informative as the config asks for
    (Jackson et al., arXiv 2310.02782, section 3): by what GROOVE's antagonist learns there, its
    regret of an agent that has learned nothing yet.

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, the training distribution.
      config: sizes and hyperparameters.
      optimal_return: what returns on held-out levels are fractions of, where it is known.

    Returns:
      A method whose state holds the learned objective in `parameters`.

    Raises:
      ValueError: if more levels are to be chosen than there are in the pool, or how they are to be
        is unknown.
    """
    life = agent_life(world, config)
    curriculum = _curriculum(world, sample_task, config)
    critic = value_critic(world, config.agent)
    method = meta_gradient_from_config(life, critic, curriculum, no_score(), config.meta)
    return watch_held_out(method, life, sample_task, optimal_return, config.held_out)


def _curriculum(
    world: Environment, sample_task: SampleTask, config: MetaGradientLPGConfig
) -> Curriculum:
    levels, sample = config.levels, whole_meta_steps(sample_task, config.meta.num_updates)
    require_known("levels.chosen", levels.chosen, get_args(Chosen))
    if levels.size is None:
        return random_tasks(sample)
    if levels.chosen == "any":
        return chosen_set(sample, levels.size)
    is_enough = levels.pool_size >= levels.size
    require(is_enough, "levels.pool_size", levels.pool_size, f"at least levels.size, {levels.size}")
    antagonist = antagonist_life(world, config, A2CConfig())
    return chosen_set(
        sample,
        levels.size,
        pool_size=levels.pool_size,
        score=regret_of_beginners(antagonist, config.meta.num_episodes),
        highest=levels.chosen == "informative",
    )


def antagonist_life(world: Environment, config: LPGPartsConfig, a2c_config: A2CConfig) -> Life:
    """How a hand-written antagonist lives beside agents that learn by LPG, with networks as theirs.

    Its objective has no parameters.
    """
    objective = a2c(make_agent(world, config.agent), a2c_config)
    return Life(world, objective, config.life.num_workers, config.life.rollout_length)


def agent_life(world: Environment, config: LPGPartsConfig) -> Life:
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
