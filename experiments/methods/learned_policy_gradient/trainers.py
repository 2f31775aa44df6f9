"""How agents learn by LPG and its kin on any world."""

from dataclasses import dataclass, replace
from typing import Any

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg


@dataclass(frozen=True)
class ByLPG:
    """Agents that learn by an objective of learned policy gradient.

    It computes in float32 whatever the training did, so that any machine can do it.
    """

    objective: LPGConfig
    agent: AgentConfig
    life: LifeConfig

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        """Agents in a world that learn by an objective's parameters."""
        config = replace(self.objective, precision="float32")
        objective = lpg(make_agent(world, self.agent, config.num_predictions), config)
        life = Life(world, objective, self.life.num_workers, self.life.rollout_length)
        return Trainer(life, learned)


@dataclass(frozen=True)
class AtRate:
    """Agents that learn by an objective, at a multiple of their policy's learning rate.

    What was learned is that multiple, which may be traced, and the objective's parameters.
    """

    learned_by: ByLPG

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        """Agents in a world that learn at a multiple of the rate by an objective's parameters."""
        rate, parameters = learned
        return replace(self.learned_by, agent=faster(self.learned_by.agent, rate))(
            world, parameters
        )


def faster(agent: AgentConfig, rate: Any) -> AgentConfig:
    """The same agent, its policy's learning rate multiplied by a number that may be traced."""
    return replace(agent, policy_learning_rate=agent.policy_learning_rate * rate)


def learned_by(run: Run, world: WorldSpec) -> ByLPG:
    """How agents learn by the objective of a run: on its own world they are built as in the run."""
    config = run.method
    agent = config.agent if world.name == run.tasks else world.agent
    return ByLPG(config.objective, agent, config.life)
