"""Agents that live on a task: a level and the number of updates they get on it."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.clocks import clock_of
from rlsuite.method import Metrics
from rlsuite.objectives.objective import Clock, Learner, Objective, Parameters
from rlsuite.ranges import Count
from rlsuite.requirements import require_counts
from rlsuite.rollout import (
    Experience,
    Level,
    LevelAxes,
    Levels,
    Memory,
    Worlds,
    clock_only_limits,
    episode_returns,
    finished_returns,
    reset_worlds,
    rollout,
    stagger,
)


class Task(NamedTuple):
    """A level and a lifetime: how many updates an agent gets on it.

    One level is that of all workers; where `Life` says so, each worker has its own, on the first
    axis.
    """

    level: Level
    lifetime: Int[Array, ""]


@dataclass(frozen=True)
class LifeConfig:
    """How much experience an update takes.

    Attributes:
      num_workers: parallel worlds of each agent.
      rollout_length: steps in each world between two updates.
    """

    num_workers: Count = 64
    rollout_length: Count = 20


class Agent(NamedTuple):
    """One agent in the middle of its life.

    Its randomness is its own: update `n` acts by `fold_in(key, n)` and learns by
    `fold_in(key, ~n)`, which never meet. So an agent's life depends on its key, task and objective
    alone, not on how many updates are made at a time or beside which other agents.
    """

    key: PRNGKeyArray
    task: Task
    learner: Learner
    worlds: Worlds
    memory: Memory
    num_updates: Int[Array, ""]


class Life(NamedTuple):
    """How agents live: the world and objective, and how much experience an update takes.

    Attributes:
      world: the gymnax world, the same for all agents; levels differ.
      objective: how each agent learns.
      num_workers: parallel worlds of each agent.
      rollout_length: steps in each world between updates.
      staggered: whether the worlds of a fresh agent start with clocks at random, so that episodes
        don't end in step; where clocks feed more than the time limit they start as they are.
      level_axes: which axis of a level is the worker's, as `in_axes` of `jax.vmap` says it: none
        where all workers share one level, 0 where each has its own, or a tree of both. A level that
        is shared is never copied, which matters where it holds the weights of a network.
    """

    world: Environment
    objective: Objective
    num_workers: int
    rollout_length: int
    staggered: bool = False
    level_axes: LevelAxes = None

    def init(self, key: PRNGKeyArray, task: Task) -> Agent:
        """A fresh agent in freshly started worlds of the task's level."""
        own_key, learner_key, world_key, clock_key = jax.random.split(key, 4)
        levels = Levels(task.level, self.level_axes)
        worlds = reset_worlds(world_key, self.world, levels, self.num_workers)
        if self.staggered:
            worlds = stagger(clock_key, self.world, levels, worlds)
        return Agent(
            key=own_key,
            task=task,
            learner=self.objective.init(learner_key),
            worlds=worlds,
            memory=self.objective.init_memory(self.num_workers),
            num_updates=jnp.zeros((), jnp.int32),
        )

    def act(self, key: PRNGKeyArray, agent: Agent) -> tuple[Agent, Experience]:
        """One rollout of the agent as it is."""
        worlds, memory, experience = rollout(
            key,
            self.world,
            Levels(agent.task.level, self.level_axes),
            self.objective.behaviour(agent.learner),
            agent.worlds,
            agent.memory,
            self.rollout_length,
        )
        return agent._replace(worlds=worlds, memory=memory), experience

    def update(
        self, parameters: Parameters, agent: Agent
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """One rollout and one update on it, differentiable in `parameters` and the learner."""
        agent, experience = self._explore(agent)
        learner, metrics = self.objective.update(
            _learning_key(agent),
            parameters,
            agent.learner,
            experience,
            _clock(agent),
        )
        return _grown(agent, learner), (experience, metrics)

    def update_together(
        self, parameters: Parameters, agents: Agent
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """`vmap(update)` over a leading `agent` axis, as fast as the objective knows how."""
        agents, experience = jax.vmap(self._explore)(agents)
        keys = jax.vmap(_learning_key)(agents)
        learners, metrics = self.objective.update_agents(
            keys, parameters, agents.learner, experience, _clock(agents)
        )
        return _grown(agents, learners), (experience, metrics)

    def updates(
        self, parameters: Parameters, agent: Agent, num_updates: int
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """`num_updates` updates in a row; rollouts and metrics get a leading `update` axis."""
        return jax.lax.scan(
            lambda agent, _: self.update(parameters, agent), agent, length=num_updates
        )

    def whole(self, key: PRNGKeyArray, parameters: Parameters, task: Task) -> Agent:
        """A fresh agent after its whole lifetime on the task.

        The lifetime may differ between agents under `vmap`; the cost is the longest one's.
        """

        def live(agent):
            return self.update(parameters, agent)[0]

        return jax.lax.while_loop(is_alive, live, self.init(key, task))

    def whole_with_return(
        self, key: PRNGKeyArray, parameters: Parameters, task: Task
    ) -> tuple[Agent, Float[Array, ""]]:
        """As `whole`, with the mean undiscounted return of the episodes that ended in the life.

        An episode that the life's end cuts short counts for nothing: it is neither as good nor as
        bad as a whole one, but a part of one. So does the first of a staggered worker, whose
        beginning is missing. An episode as long as the life counts for what it brought: else a
        single worker that failed would speak for all that went on. Where there is neither, the
        return is what each worker received in the life, the mean over workers.
        """

        def live(carry):
            agent, running, lasting, received, total, num_episodes = carry
            agent, (experience, _) = self.update(parameters, agent)
            running, returns = finished_returns(running, experience.transitions)
            return (
                agent,
                running,
                lasting & ~experience.transitions.ended.any(axis=0),
                received + experience.transitions.reward.sum(axis=0).mean(),
                total + jnp.nansum(returns),
                num_episodes + (~jnp.isnan(returns)).sum(),
            )

        agent = self.init(key, task)
        running, zero = self.running_returns(agent), jnp.zeros(())
        start = (agent, running, ~jnp.isnan(running), zero, zero, zero)
        agent, running, lasting, received, total, num_episodes = jax.lax.while_loop(
            lambda carry: is_alive(carry[0]), live, start
        )
        total += jnp.sum(running, where=lasting)
        num_episodes += lasting.sum()
        mean = jnp.where(num_episodes > 0, total / jnp.maximum(num_episodes, 1), received)
        # Rewards that are no numbers don't hide among the returns that are not known.
        return agent, jnp.where(jnp.isnan(received), jnp.nan, mean)

    def running_returns(self, agent: Agent) -> Float[Array, " worker"]:
        """Returns so far of a fresh agent's episodes, as `finished_returns` goes on with them.

        They are zero, or NaN where a staggered worker starts in the middle of an episode.
        """
        zeros, state = jnp.zeros(self.num_workers), agent.worlds.state
        levels, clock = Levels(agent.task.level, self.level_axes), clock_of(state)
        if clock is None or not self.staggered or not clock_only_limits(self.world, levels, state):
            return zeros
        return jnp.where(clock > 0, jnp.nan, zeros)

    def mean_return(self, key: PRNGKeyArray, agent: Agent, num_episodes: int) -> Float[Array, ""]:
        """Mean undiscounted return of the agent's policy over fresh episodes on its level.

        Where every worker has a level of its own, there are `num_episodes` on each of them.

        Raises:
          ValueError: if `num_episodes` is below 1.
        """
        require_counts(num_episodes=num_episodes)
        policy, axes = self.objective.behaviour(agent.learner), self.level_axes

        def mean(key, level):
            return episode_returns(key, self.world, level, policy, num_episodes).mean()

        if not jax.tree.leaves(axes):
            return mean(key, agent.task.level)
        keys = jax.random.split(key, self.num_workers)
        return jax.vmap(mean, in_axes=(0, axes))(keys, agent.task.level).mean()

    def _explore(self, agent):
        return self.act(jax.random.fold_in(agent.key, agent.num_updates), agent)


def is_alive(agent: Agent) -> Bool[Array, "*agent"]:
    """Whether updates are left in the agent's lifetime, or in each one's of several."""
    return agent.num_updates < agent.task.lifetime


def _clock(agent: Agent) -> Clock:
    return Clock(agent.num_updates, agent.task.lifetime)


def _learning_key(agent: Agent) -> PRNGKeyArray:
    return jax.random.fold_in(agent.key, ~agent.num_updates)


def _grown(agent: Agent, learner: Learner) -> Agent:
    return agent._replace(learner=learner, num_updates=agent.num_updates + 1)
