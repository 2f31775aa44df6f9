"""How agents learn while a learned channel speaks."""

from dataclasses import dataclass
from typing import Any

import jax
from gymnax.environments.environment import Environment

from rlsuite.agents import ActorCriticConfig
from rlsuite.envs.cheap_talk import CheapTalkParams
from rlsuite.experiments.methods.cheap_talk.victims import victim_settings
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.methods.cheap_talk import ChannelConfig, make_channel, victim_life
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig


@dataclass(frozen=True)
class UnderChannel:
    """Agents that learn by PPO, in a world in which a channel speaks to them."""

    channel: ChannelConfig
    networks: ActorCriticConfig
    ppo: PPOConfig
    life: LifeConfig

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        """Agents in a world that hear a channel with these weights."""
        channel = make_channel(world, self.channel)
        shapes, expected = (
            jax.tree.map(lambda leaf: leaf.shape, weights)
            for weights in (learned, jax.eval_shape(channel.init, jax.random.key(0)))
        )
        if shapes != expected:
            raise ValueError(
                f"observations: those of {world.name} are not allowed; they must be of the shape "
                "that the channel was trained on"
            )

        def spoken(task):
            return Task(CheapTalkParams(task.level, learned), task.lifetime)

        life = victim_life(channel.world, self.networks, self.ppo, self.life)
        return Trainer(life, task=spoken)


def learned_by(run: Run, world: WorldSpec) -> UnderChannel:
    """How agents learn under a run's channel: in its world as in the run, elsewhere as victims."""
    config = run.method
    if world.name == run.tasks:
        return UnderChannel(config.channel, config.networks, config.ppo, config.life)
    victims = victim_settings(world.name).life
    life = LifeConfig(victims.num_workers, victims.rollout_length)
    return UnderChannel(config.channel, victims.networks, victims.ppo, life)
