"""What settings PPO has on a world, and whether a rollout can be cut as they say."""

from typing import NamedTuple

from gymnax.environments.environment import Environment

from rlsuite.agents import ActorCriticConfig, make_actor
from rlsuite.drifts import Drift, ppo_clip
from rlsuite.experiments.errors import ConfigError
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.students import StudentConfig


class PPOSettings(NamedTuple):
    """How PPO is run on a world.

    Attributes:
      networks: of policy and critic.
      ppo: hyperparameters.
      num_workers: parallel worlds.
      rollout_length: steps in each world between updates.
      lifetime: updates.
    """

    networks: ActorCriticConfig
    ppo: PPOConfig
    num_workers: int
    rollout_length: int
    lifetime: int

    @property
    def num_steps(self) -> int:
        """World steps of a whole life."""
        return self.num_workers * self.rollout_length * self.lifetime

    def life(self, world: Environment, drift: Drift | None = None) -> Life:
        """How agents live with these settings; the drift is PPO's own where none is given."""
        objective = ppo(world, self.networks, self.ppo, drift or ppo_clip(), self.num_workers)
        return Life(world, objective, self.num_workers, self.rollout_length)


def check_mini_batches(
    name: str, ppo: PPOConfig, life: LifeConfig, networks: NetworkConfig | StudentConfig
) -> None:
    """Checks that a rollout can be cut into PPO's mini-batches.

    Args:
      name: of the field that holds PPO's configuration.
      ppo: the configuration.
      life: says how long a rollout is.
      networks: those that remember learn from whole sequences, one of each worker.

    Raises:
      ConfigError: if it can't.
    """
    if networks.recurrent_width is None:
        number, what = life.num_workers * life.rollout_length, "steps of a rollout"
    else:
        number, what = life.num_workers, "workers"
    if number % ppo.num_mini_batches:
        raise ConfigError(
            f"{name}.num_mini_batches: {ppo.num_mini_batches} is not allowed; it must be a divisor "
            f"of the {number} {what}"
        )


def check_actor(world: Environment, networks: NetworkConfig) -> None:
    """Checks that networks can read a world's observations and act in it.

    Raises:
      ConfigError: if they can't.
    """
    try:
        make_actor(world, networks)
    except ValueError as error:
        name = "tasks" if str(error).startswith("actions") else "networks"
        raise ConfigError(f"{name}.{error}") from error
