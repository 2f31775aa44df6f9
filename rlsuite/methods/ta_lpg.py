"""LPG evolved over whole lifetimes, and TA-LPG: the same with knowledge of time."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.curricula.curriculum import SampleTask
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig, evolve_objective_from_config
from rlsuite.meta.held_out import HeldOutConfig, watch_held_out
from rlsuite.method import Method
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.rollout import OptimalReturn


@dataclass(frozen=True)
class EvolvedLPGConfig:
    """What LPG by evolution is made of; an objective that knows time makes it TA-LPG.

    What is followed on held-out levels is the mean of the candidates.
    """

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)
    held_out: HeldOutConfig = field(default_factory=HeldOutConfig)


def evolved_lpg(
    world: Environment,
    sample_task: SampleTask,
    config: EvolvedLPGConfig,
    *,
    optimal_return: OptimalReturn | None = None,
) -> Method:
    """Learned policy gradient, evolved over whole lifetimes (arXiv 2402.05828).

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, the training distribution.
      config: sizes and hyperparameters.
      optimal_return: what returns on held-out levels are fractions of, where it is known.

    Returns:
      A method whose state holds the learned objective in `parameters`.
    """
    agent = make_agent(world, config.agent, config.objective.num_predictions)
    objective = lpg(agent, config.objective)
    life = Life(world, objective, config.life.num_workers, config.life.rollout_length)
    method = evolve_objective_from_config(life, sample_task, config.meta)
    return watch_held_out(method, life, sample_task, optimal_return, config.held_out)
