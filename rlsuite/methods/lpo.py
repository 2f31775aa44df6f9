"""LPO and TA-LPO: what holds PPO's policy back, evolved over whole trainings."""

from dataclasses import dataclass, field

from gymnax.environments.environment import Environment

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import SampleTask
from rlsuite.drifts import LearnedDriftConfig, learned
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig, evolve_objective_from_config
from rlsuite.method import Method
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo


@dataclass(frozen=True)
class LPOConfig:
    """What LPO is made of; a drift that knows time makes it TA-LPO."""

    drift: LearnedDriftConfig = field(default_factory=LearnedDriftConfig)
    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)


def lpo(world: Environment, sample_task: SampleTask, config: LPOConfig) -> Method:
    """Learned policy optimisation (arXiv 2210.05639) and TA-LPO (arXiv 2402.05828).

    The drift of PPO, evolved over whole trainings of it.

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, the training distribution.
      config: sizes and hyperparameters.

    Returns:
      A method whose state holds the learned drift in `parameters`.
    """
    drift, num_workers = learned(config.drift), config.life.num_workers
    objective = ppo(world, config.networks, config.ppo, drift, num_workers)
    life = Life(world, objective, num_workers, config.life.rollout_length)
    return evolve_objective_from_config(life, sample_task, config.meta)
