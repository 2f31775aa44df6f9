"""Adversarial cheap talk at test time: channels that make victims do a messenger's bidding."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import distrax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import SampleTask
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cheap_talk import CheapTalkParams
from rlsuite.envs.goals import GoalWorld, goal_form
from rlsuite.envs.messenger import MessengerParams, MessengerWorld
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig, evolve_from_config
from rlsuite.method import Method
from rlsuite.methods.cheap_talk import (
    Channel,
    ChannelConfig,
    Weights,
    make_channel,
    victim_life,
)
from rlsuite.networks import NetworkConfig, Predictor, make_predictor
from rlsuite.objectives.objective import Learner
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.ranges import Count
from rlsuite.requirements import require_counts, require_known
from rlsuite.rollout import Level, Policy, greedy
from rlsuite.selection import where_each

MessengerName = Literal["zero_shot", "oracle"]
"""Whether the messenger evolves with the channel, or learns by PPO with each victim anew."""

ShaperName = Literal["learned", "random"]
"""The channel that evolved, or a random one for each victim, whose messenger learns by PPO."""


_MESSENGER_NETWORKS = NetworkConfig("perceptron", (32, 32), activation="tanh")
_ORACLE_NETWORKS = ActorCriticConfig("perceptron", (32, 32), activation="tanh")


@dataclass(frozen=True)
class TestTimeConfig:
    """What test-time adversarial cheap talk is made of.

    Attributes:
      channel: what speaks while victims learn; messengers send messages of the same size and bound.
      networks: policy and critic of victims.
      ppo: how victims learn.
      messenger: how the messenger comes by its weights.
      messenger_networks: of a messenger that evolves.
      oracle_networks: policy and critic of a messenger that learns by PPO, as an oracle or for a
        random shaper.
      oracle_ppo: how it learns.
      oracle_lifetime: updates that it takes.
      life: how much experience an update of a victim or of a messenger takes.
      meta: how the channel evolves.
    """

    channel: ChannelConfig = field(default_factory=lambda: ChannelConfig(scale=math.pi))
    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    messenger: MessengerName = "zero_shot"
    messenger_networks: NetworkConfig = _MESSENGER_NETWORKS
    oracle_networks: ActorCriticConfig = _ORACLE_NETWORKS
    oracle_ppo: PPOConfig = field(default_factory=PPOConfig)
    oracle_lifetime: Count = 64
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)


class Shaper(NamedTuple):
    """What evolves: weights of the channel, and of a messenger unless it learns by itself."""

    channel: Weights
    messenger: PyTree


class GoalEpisodes(NamedTuple):
    """Episodes of a victim that hears a messenger.

    Attributes:
      goal: what the messenger was asked for.
      reached: what came of it in the last state: where the cart is, in which direction the
        pendulum points, where the reacher's tip is, the score.
      goal_return: undiscounted, of the messenger.
      own_return: of the victim's own rewards.
    """

    goal: Float[Array, "*batch goal"]
    reached: Float[Array, "*batch goal"]
    goal_return: Float[Array, "*batch"]
    own_return: Float[Array, "*batch"]


class _Attack(NamedTuple):
    """The parts from which all of this file is made."""

    channel: Channel
    life: Life
    world: MessengerWorld
    messenger: Predictor
    messenger_life: Life


def act_test(
    world: Environment,
    sample_task: SampleTask,
    config: TestTimeConfig,
) -> Method:
    """Adversarial cheap talk at test time (arXiv 2211.11030, section 4.2).

    Evolves the weights of a channel, and with `zero_shot` those of a messenger. For each candidate
    a fresh victim learns for its whole life in the world with that channel. It then acts greedily,
    hearing a messenger who knows of a goal in place of the channel. The fitness is the mean return
    that the goal pays over `config.meta.num_episodes` episodes, each with a goal of its own.

    Args:
      world: a gymnax world that has goals.
      sample_task: `key -> Task`, levels of this world and lifetimes of victims.
      config: sizes and hyperparameters.

    Returns:
      A method whose state holds a `Shaper` in `parameters`.

    Raises:
      ValueError: if the world has no goals or the messenger is unknown, and as `act_train`.
    """
    require_known("messenger", config.messenger, get_args(MessengerName))
    attack = _make_attack(world, config)
    evolves_messenger = config.messenger == "zero_shot"

    def init_parameters(key):
        channel_key, messenger_key = jax.random.split(key)
        messenger = attack.messenger.init(messenger_key) if evolves_messenger else ()
        return Shaper(attack.channel.init(channel_key), messenger)

    def fitness(key, shaper, task):
        episodes = _attack_one(
            key, attack, shaper, task, config.oracle_lifetime, config.meta.num_episodes
        )
        return episodes.goal_return.mean()

    return evolve_from_config(
        init_parameters,
        lambda key: Task(*sample_task(key)),
        fitness,
        config.meta,
        lifetime=lambda task: task.lifetime,
    )


def attack_victims(
    world: Environment,
    config: TestTimeConfig,
    shaper: ShaperName,
    *,
    level: Level,
    num_victims: int,
    num_updates: int,
    num_episodes: int,
) -> Callable[[PRNGKeyArray, Shaper], GoalEpisodes]:
    """Fresh victims, shaped by a channel as they learn and then under a messenger's control.

    Args:
      world: the world without a channel.
      config: as the shaper was evolved with.
      shaper: whose channel, and with it whose messenger.
      level: of the world without a channel, the same for all.
      num_victims: how many there are; the first of more are the same as those of fewer.
      num_updates: how long they learn.
      num_episodes: of each victim under control, each with a goal of its own.

    Returns:
      `(key, shaper) -> episodes` with axes `[victim, episode]`; the shaper given matters to
      `learned` alone.

    Raises:
      ValueError: as `act_test`, or if the shaper is unknown.
    """
    require_known("shaper", shaper, get_args(ShaperName))
    attack = _make_attack(world, config)
    task = Task(level, jnp.int32(num_updates))

    def attack_one(key, parameters):
        attack_key, channel_key = jax.random.split(key)
        if shaper == "random":
            parameters = Shaper(attack.channel.init(channel_key), ())
        return _attack_one(
            attack_key, attack, parameters, task, config.oracle_lifetime, num_episodes
        )

    def attack_all(key, parameters):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(num_victims))
        return jax.vmap(attack_one, (0, None))(keys, parameters)

    return attack_all


def _make_attack(world: Environment, config: TestTimeConfig) -> _Attack:
    require_counts(oracle_lifetime=config.oracle_lifetime)
    if config.networks.recurrent_width is not None:
        raise ValueError(
            f"networks.recurrent_width: {config.networks.recurrent_width} is not allowed; it must "
            "be none: victims of a messenger act on the observation alone"
        )
    goals = GoalWorld(world, goal_form(world))
    channel = make_channel(world, config.channel)
    life = victim_life(channel.world, config.networks, config.ppo, config.life)

    def act(learner, observation):
        actions, _ = life.objective.policy(learner, life.objective.init_memory(1), observation)
        return actions.mode()

    size, scale = config.channel.message_size, config.channel.scale
    messenger_world = MessengerWorld(goals, act, message_size=size, scale=scale)
    num_workers = config.life.num_workers
    objective = ppo(
        messenger_world,
        config.oracle_networks,
        config.oracle_ppo,
        ppo_clip(0.2),
        num_workers,
    )
    return _Attack(
        channel=channel,
        life=life,
        world=messenger_world,
        messenger=make_predictor(messenger_world, size, config.messenger_networks),
        messenger_life=Life(messenger_world, objective, num_workers, config.life.rollout_length),
    )


def _attack_one(
    key: PRNGKeyArray,
    attack: _Attack,
    shaper: Shaper,
    task: Task,
    oracle_lifetime: int,
    num_episodes: int,
) -> GoalEpisodes:
    life_key, messenger_key, episode_key = jax.random.split(key, 3)
    heard = CheapTalkParams(task.level, shaper.channel)
    victim = attack.life.whole(life_key, (), Task(heard, task.lifetime)).learner
    level = MessengerParams(task.level, victim)
    policy = _messenger_policy(messenger_key, attack, shaper, level, oracle_lifetime)
    return goal_episodes(episode_key, attack.world, level, policy, num_episodes)


def _messenger_policy(
    key: PRNGKeyArray,
    attack: _Attack,
    shaper: Shaper,
    level: MessengerParams,
    lifetime: int,
) -> Policy:
    """The messenger that evolved, or where none did one that PPO has trained for this victim."""
    if shaper.messenger:

        def act(memory, observation):
            message, memory = attack.messenger.apply(shaper.messenger, memory, observation)
            return distrax.Deterministic(message), memory

        return Policy(act, attack.messenger.init_memory)
    life = attack.messenger_life
    learner: Learner = life.whole(key, (), Task(level, jnp.int32(lifetime))).learner
    return greedy(life.objective.behaviour(learner))


def goal_episodes(
    key: PRNGKeyArray,
    world: MessengerWorld,
    level: MessengerParams,
    policy: Policy,
    num_episodes: int,
) -> GoalEpisodes:
    """Fresh episodes with goals of their own, side by side until the last has ended.

    Args:
      key: randomness of goals, worlds and policy.
      world: the world of the messenger.
      level: the world's parameters, with the victim.
      policy: of the messenger.
      num_episodes: how many, the leading axis of the result.
    """
    reset_key, step_key = jax.random.split(key)
    observations, states = jax.vmap(world.reset_env, (0, None))(
        jax.random.split(reset_key, num_episodes), level
    )

    def unfinished(carry):
        return ~carry[-1].all()

    def step(carry):
        time, observations, states, memory, returns, finished = carry
        keys = jax.random.split(jax.random.fold_in(step_key, time), num_episodes + 1)
        distribution, memory = policy.act(memory, observations)
        actions = distribution.sample(seed=keys[0])
        after, stepped, rewards, terminated, _ = jax.vmap(world.step_env, (0, 0, 0, None))(
            keys[1:], states, actions, level
        )
        ended = terminated | jax.vmap(world.is_truncated, (0, None))(stepped, level)
        states = where_each(finished, states, stepped)
        returns = returns + jnp.where(finished, 0.0, rewards)
        return time + 1, after, states, memory, returns, finished | ended

    zeros = jnp.zeros(num_episodes)
    memory = policy.init_memory(num_episodes)
    start: tuple[Any, ...] = (0, observations, states, memory, zeros, zeros.astype(bool))
    _, _, states, _, returns, _ = jax.lax.while_loop(unfinished, step, start)
    return GoalEpisodes(states.goal, jax.vmap(world.world.reached)(states), returns, states.score)
