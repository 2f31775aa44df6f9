"""Adversarial cheap talk at train time: channels evolved to hurt or to help those who learn."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import SampleTask
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cheap_talk import CheapTalk, CheapTalkParams
from rlsuite.envs.flat_world import FlatWorld
from rlsuite.envs.flattening import is_array
from rlsuite.lifetime import Agent, Life, LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig, evolve_from_config, return_from_config
from rlsuite.method import Method
from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.ranges import Count, Counts, NotNegative
from rlsuite.requirements import named, require, require_known
from rlsuite.rollout import finished_returns

GoalName = Literal["adversary", "ally"]
"""Whether a channel is paid for a low return of its victims, or for a high one."""

Talk = Literal["learned", "random", "zeros", "none"]
"""What victims hear: given channel's messages, each its own random channel's, zeros, or nothing."""

Weights = Any
"""Those of a channel, a pytree."""


@dataclass(frozen=True)
class ChannelConfig:
    """A channel: a perceptron with ReLU, whose outputs are bounded by tanh and scaled.

    Attributes:
      message_size: numbers in a message.
      scale: the bound of each.
      hidden_widths: units of each hidden layer.
    """

    message_size: Count = 2
    scale: NotNegative = 2 * math.pi
    hidden_widths: Counts = (64, 64)


@dataclass(frozen=True)
class TrainTimeConfig:
    """What train-time adversarial cheap talk is made of.

    Attributes:
      channel: what speaks.
      networks: policy and critic of victims.
      ppo: how victims learn.
      goal: what the channel is paid for.
      life: how much experience an update of a victim takes.
      meta: how the channel evolves.
    """

    channel: ChannelConfig = field(default_factory=ChannelConfig)
    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    goal: GoalName = "adversary"
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)


class Channel(NamedTuple):
    """A world with talk in it, and what its weights start from.

    Attributes:
      world: levels of it are `CheapTalkParams`.
      init: `key -> weights`.
    """

    world: CheapTalk
    init: Callable[[PRNGKeyArray], Weights]


def make_channel(world: Environment, config: ChannelConfig) -> Channel:
    """A channel in a world.

    Raises:
      ValueError: if the message size is below 1, the scale negative, or observations neither
        arrays nor numbers of states.
    """
    require(config.message_size >= 1, "channel.message_size", config.message_size, "at least 1")
    require(config.scale >= 0, "channel.scale", config.scale, "at least 0")
    network = make_predictor(
        world, config.message_size, NetworkConfig("perceptron", config.hidden_widths)
    )
    weights = jax.eval_shape(network.init, jax.random.key(0))

    def speak(weights, observation):
        return network.apply(weights, (), observation)[0]

    return Channel(CheapTalk(world, speak, weights, scale=config.scale), network.init)


def victim_life(
    world: Environment, networks: ActorCriticConfig, config: PPOConfig, life: LifeConfig
) -> Life:
    """How victims live: PPO with a clip of 0.2, in worlds whose clocks are staggered.

    In worlds whose clocks feed more than the time limit they are not (see `stagger`).
    """
    objective = ppo(world, networks, config, ppo_clip(0.2), life.num_workers)
    return Life(world, objective, life.num_workers, life.rollout_length, staggered=True)


def act_train(
    world: Environment,
    sample_task: SampleTask,
    config: TrainTimeConfig,
) -> Method:
    """Adversarial cheap talk at train time (arXiv 2211.11030, section 4.1).

    Evolves the weights of a channel. A candidate's fitness is what becomes of a fresh victim that
    learns for its whole life in the world with that channel: minus its return for an adversary,
    its return for an ally; at the end of its life or over it, as `config.meta.fitness` says.

    Args:
      world: a gymnax world whose observations are arrays or numbers of states.
      sample_task: `key -> Task`, levels of this world and lifetimes of victims.
      config: sizes and hyperparameters.

    Returns:
      A method whose state holds the channel's weights in `parameters`.

    Raises:
      ValueError: as `make_channel`, `ppo` and `evolve`, or if the goal or fitness is unknown.
    """
    sign = named("goal", config.goal, _SIGNS)
    channel = make_channel(world, config.channel)
    life = victim_life(channel.world, config.networks, config.ppo, config.life)
    return_of_life = return_from_config(life, config.meta)

    def fitness(key, weights, task):
        heard = Task(CheapTalkParams(task.level, weights), task.lifetime)
        return sign * return_of_life(key, (), heard)

    return evolve_from_config(
        channel.init,
        lambda key: Task(*sample_task(key)),
        fitness,
        config.meta,
        lifetime=lambda task: task.lifetime,
    )


_SIGNS: dict[str, float] = {"adversary": -1.0, "ally": 1.0}


class Victims(NamedTuple):
    """Victims after their lives.

    Attributes:
      agents: what they have become.
      curves: the mean return of the whole episodes that ended in each update; where none did, that
        of the last ones before, and NaN before the first.
      final_returns: mean returns over fresh episodes at the end of their lives.
    """

    agents: Agent
    curves: Float[Array, "victim update"]
    final_returns: Float[Array, " victim"]


def raise_victims(
    world: Environment,
    config: TrainTimeConfig,
    talk: Talk,
    *,
    level: Any,
    num_victims: int,
    num_updates: int,
) -> Callable[[PRNGKeyArray, Weights], Victims]:
    """Fresh victims that learn while a channel speaks, or some control for it.

    Args:
      world: the world without a channel.
      config: as the channel was evolved with.
      talk: what victims hear.
      level: of the world without a channel, the same for all.
      num_victims: how many there are; the first of more are the same as those of fewer.
      num_updates: how long they live.

    Returns:
      `(key, weights) -> victims`, where weights of the channel matter to `learned` talk alone.

    Raises:
      ValueError: as `act_train`, or if the talk is unknown.
    """
    require_known("talk", talk, _TALKS)
    sizes = replace(config.channel, scale=0.0) if talk == "zeros" else config.channel
    channel = make_channel(world, sizes)
    # Who hears nothing sees the same vector as those who hear something, but for the message.
    is_flat = is_array(world.observation_space(world.default_params))
    silent = world if is_flat else FlatWorld(world)
    heard_world = silent if talk == "none" else channel.world
    life = victim_life(heard_world, config.networks, config.ppo, config.life)

    def heard_level(key, weights):
        if talk == "none":
            return level
        return CheapTalkParams(level, channel.init(key) if talk == "random" else weights)

    def raise_one(key, weights):
        life_key, return_key, channel_key = jax.random.split(key, 3)
        task = Task(heard_level(channel_key, weights), jnp.int32(num_updates))
        agent, curve = life_with_curve(life_key, life, task, num_updates)
        final = life.mean_return(return_key, agent, config.meta.num_episodes)
        return Victims(agent, curve, final)

    def raise_all(key, weights):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num_victims))
        return jax.vmap(raise_one, (0, None))(keys, weights)

    return raise_all


_TALKS = ("learned", "random", "zeros", "none")


def life_with_curve(
    key: PRNGKeyArray, life: Life, task: Task, num_updates: int
) -> tuple[Agent, Float[Array, " update"]]:
    """A fresh agent after its life, and the curve that `Victims` has of it."""

    def live(carry, _):
        agent, running, latest = carry
        agent, (experience, _) = life.update((), agent)
        running, returns = finished_returns(running, experience.transitions)
        mean = jnp.nanmean(returns)
        latest = jnp.where(jnp.isnan(mean), latest, mean)
        return (agent, running, latest), latest

    agent = life.init(key, task)
    start = (agent, life.running_returns(agent), jnp.nan)
    (agent, _, _), curve = jax.lax.scan(live, start, length=num_updates)
    return agent, curve


def messages(
    world: Environment,
    config: ChannelConfig,
    weights: Weights,
    observations: PyTree,
) -> Float[Array, "batch message"]:
    """What a channel says of each observation of the world without it."""
    talk = make_channel(world, config).world
    return jax.vmap(talk.message, (None, 0))(weights, observations)
