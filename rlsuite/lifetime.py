"""Agents that live on a task: a level and the number of updates they get on it."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.method import Metrics
from rlsuite.objectives.objective import Clock, Learner, Objective, Parameters
from rlsuite.ranges import Count
from rlsuite.rollout import (
    Experience,
    Level,
    Memory,
    Worlds,
    episode_returns,
    reset_worlds,
    rollout,
    stagger,
)


class Task(NamedTuple):
    """A level and a lifetime: how many updates an agent gets on it."""

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
        don't end in step.
    """

    world: Environment
    objective: Objective
    num_workers: int
    rollout_length: int
    staggered: bool = False

    def init(self, key: PRNGKeyArray, task: Task) -> Agent:
        """A fresh agent in freshly started worlds of the task's level."""
        own_key, learner_key, world_key = jax.random.split(key, 3)
        worlds = reset_worlds(world_key, self.world, task.level, self.num_workers)
        if self.staggered:
            worlds = stagger(jax.random.fold_in(key, 3), self.world, task.level, worlds)
        return Agent(
            key=own_key,
            learner=self.objective.init(learner_key),
            worlds=worlds,
            memory=self.objective.init_memory(self.num_workers),
            num_updates=jnp.zeros((), jnp.int32),
        )

    def act(self, key: PRNGKeyArray, agent: Agent, task: Task) -> tuple[Agent, Experience]:
        """One rollout of the agent as it is."""
        worlds, memory, experience = rollout(
            key,
            self.world,
            task.level,
            self.objective.behaviour(agent.learner),
            agent.worlds,
            agent.memory,
            self.rollout_length,
        )
        return agent._replace(worlds=worlds, memory=memory), experience

    def update(
        self, parameters: Parameters, agent: Agent, task: Task
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """One rollout and one update on it, differentiable in `parameters` and the learner."""
        agent, experience = self._explore(agent, task)
        learner, metrics = self.objective.update(
            _learning_key(agent),
            parameters,
            agent.learner,
            experience,
            Clock(agent.num_updates, task.lifetime),
        )
        return _grown(agent, learner), (experience, metrics)

    def update_together(
        self, parameters: Parameters, agents: Agent, tasks: Task
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """`vmap(update)` over a leading `agent` axis, as fast as the objective knows how."""
        agents, experience = jax.vmap(self._explore)(agents, tasks)
        keys = jax.vmap(_learning_key)(agents)
        learners, metrics = self.objective.update_agents(
            keys, parameters, agents.learner, experience, Clock(agents.num_updates, tasks.lifetime)
        )
        return _grown(agents, learners), (experience, metrics)

    def updates(
        self, parameters: Parameters, agent: Agent, task: Task, num_updates: int
    ) -> tuple[Agent, tuple[Experience, Metrics]]:
        """`num_updates` updates in a row; rollouts and metrics get a leading `update` axis."""
        return jax.lax.scan(
            lambda agent, _: self.update(parameters, agent, task), agent, length=num_updates
        )

    def whole(self, key: PRNGKeyArray, parameters: Parameters, task: Task) -> Agent:
        """A fresh agent after its whole lifetime on the task.

        The lifetime may differ between agents under `vmap`; the cost is the longest one's.
        """

        def alive(agent):
            return agent.num_updates < task.lifetime

        def live(agent):
            return self.update(parameters, agent, task)[0]

        return jax.lax.while_loop(alive, live, self.init(key, task))

    def whole_with_return(
        self, key: PRNGKeyArray, parameters: Parameters, task: Task
    ) -> tuple[Agent, Float[Array, ""]]:
        """As `whole`, with the mean undiscounted return over the life.

        It is the reward received in all worlds over the number of episodes begun in them; those
        that the life's end cuts short count as they are.
        """

        def alive(carry):
            return carry[0].num_updates < task.lifetime

        def live(carry):
            agent, reward, num_episodes = carry
            agent, (experience, _) = self.update(parameters, agent, task)
            steps = experience.transitions
            return agent, reward + steps.reward.sum(), num_episodes + steps.ended.sum()

        start = (self.init(key, task), jnp.zeros(()), jnp.array(self.num_workers))
        agent, reward, num_episodes = jax.lax.while_loop(alive, live, start)
        return agent, reward / num_episodes

    def mean_return(
        self, key: PRNGKeyArray, agent: Agent, level: Level, num_episodes: int
    ) -> Float[Array, ""]:
        """Mean undiscounted return of the agent's policy over fresh episodes."""
        policy = self.objective.behaviour(agent.learner)
        return episode_returns(key, self.world, level, policy, num_episodes).mean()

    def _explore(self, agent, task):
        key = jax.random.fold_in(agent.key, agent.num_updates)
        return self.act(key, agent, task)


def _learning_key(agent: Agent) -> PRNGKeyArray:
    return jax.random.fold_in(agent.key, ~agent.num_updates)


def _grown(agent: Agent, learner: Learner) -> Agent:
    return agent._replace(learner=learner, num_updates=agent.num_updates + 1)
