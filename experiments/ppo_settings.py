"""Settings with which PPO learns gymnax's worlds."""

from typing import NamedTuple

from gymnax.environments.environment import Environment

from rlsuite.drifts import Drift, ppo_clip
from rlsuite.experiments.errors import ConfigError
from rlsuite.lifetime import Life, LifeConfig
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo


class PPOSettings(NamedTuple):
    """How PPO is run on a world.

    Attributes:
      networks: of policy and critic.
      ppo: hyperparameters.
      num_workers: parallel worlds.
      rollout_length: steps in each world between updates.
      lifetime: updates.
    """

    networks: NetworkConfig
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


_CART_POLE = PPOSettings(
    networks=NetworkConfig("perceptron", (64, 64), activation="tanh"),
    ppo=PPOConfig(
        entropy_coefficient=0.0,
        num_epochs=8,
        num_mini_batches=4,
        learning_rate=3e-3,
        anneal_learning_rate=True,
    ),
    num_workers=8,
    rollout_length=64,
    lifetime=60,
)
_PENDULUM = PPOSettings(
    networks=NetworkConfig("perceptron", (32, 32), activation="tanh"),
    ppo=PPOConfig(
        discount=0.97,
        entropy_coefficient=0.0,
        num_epochs=10,
        num_mini_batches=4,
        learning_rate=3e-3,
        anneal_learning_rate=True,
        normalise_rewards=True,
    ),
    num_workers=16,
    # As long as an episode, so that every rollout of all workers is one whole swing-up.
    rollout_length=200,
    lifetime=100,
)
_MINATAR = PPOSettings(
    networks=NetworkConfig("perceptron", (64, 64)),
    ppo=PPOConfig(
        num_epochs=4,
        num_mini_batches=8,
        learning_rate=5e-3,
        anneal_learning_rate=True,
    ),
    num_workers=64,
    rollout_length=128,
    lifetime=500,
)


def ppo_settings(world: str) -> PPOSettings:
    """The settings for a world by its name: its own, or those of the world most like it.

    They are tuned on CartPole, on Pendulum and, for all of MinAtar's games, on Breakout.
    """
    if world.endswith("-MinAtar"):
        return _MINATAR
    return _PENDULUM if world == "Pendulum-v1" or world.endswith("-brax") else _CART_POLE


def check_mini_batches(
    name: str, ppo: PPOConfig, life: LifeConfig, networks: NetworkConfig
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
