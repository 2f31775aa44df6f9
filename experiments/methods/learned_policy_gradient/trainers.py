"""How agents learn by LPG and its kin on any world."""

from dataclasses import dataclass, replace
from typing import Any

from gymnax.environments.environment import Environment

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.experiments.registry import find_world
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

    Attributes:
      learned_by: how they learn at the rate itself.
      tuned: the agents whose rate was tuned; others, as those of a world of another kind, keep
        theirs.
    """

    learned_by: ByLPG
    tuned: AgentConfig

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        """Agents in a world that learn at a multiple of the rate by an objective's parameters."""
        rate, parameters = learned
        agent = faster(self.learned_by.agent, self.tuned, rate)
        return replace(self.learned_by, agent=agent)(world, parameters)


def faster(
    agent: AgentConfig, tuned: AgentConfig, policy: Any, prediction: Any = 1.0
) -> AgentConfig:
    """The agent, its learning rates multiplied as is best for a tuned one, where they are alike.

    Networks and optimiser have to be of the same kind; other agents stay as they are.

    Args:
      agent: whose rates they are.
      tuned: for whom the multiples were found.
      policy: of the policy's rate; it may be traced.
      prediction: likewise.
    """
    if (agent.architecture, agent.optimiser) != (tuned.architecture, tuned.optimiser):
        return agent
    return replace(
        agent,
        policy_learning_rate=agent.policy_learning_rate * policy,
        prediction_learning_rate=agent.prediction_learning_rate * prediction,
    )


def learned_by(run: Run, world: WorldSpec) -> ByLPG:
    """How agents learn by the objective of a run.

    They are built as in the run on its own world, and on those whose agents are usually the same as
    there: an objective that was trained at another rate is tested at that rate.
    """
    config, own = run.method, run.tasks
    alike = own is not None and (own == world.name or find_world(own).agent == world.agent)
    return ByLPG(config.objective, config.agent if alike else world.agent, config.life)
