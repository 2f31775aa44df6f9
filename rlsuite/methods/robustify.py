"""Go-Explore's second phase: a policy that does what was found, in a world of chance."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from rlsuite.agents import ActorCriticConfig
from rlsuite.archive import CellArchive
from rlsuite.curricula.backward import Tries, count_tries, no_tries, slide
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cells import Cells, SeenAsCells
from rlsuite.envs.restarts import Demonstration, RestartParams, RestartWorld, demonstrate
from rlsuite.envs.sticky import StickyWorld
from rlsuite.lifetime import Agent, Life, LifeConfig, Task
from rlsuite.method import Method, Metrics, after, side_by_side, single_precision
from rlsuite.methods.go_explore import GoExploreConfig, go_explore
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.ranges import Count, Fraction, Positive
from rlsuite.rollout import Level


@dataclass(frozen=True)
class RobustifyConfig:
    """How a policy learns what was demonstrated.

    Attributes:
      networks: of policy and critic.
      ppo: how they learn.
      life: how much experience an update takes.
      clip_epsilon: how far the ratio of new to old probabilities may go from 1.
      stickiness: probability that the world repeats its last action.
      window: places of a demonstration that episodes begin in, at a time.
      own_share: of episodes that begin in the window; others begin anywhere after it.
      threshold: of success, in the mean over the window, from which on it slides.
      retreat: places by which it goes back to where it was easier, if nothing succeeds.
      slide_every: updates between two looks at success.
      margin: steps by which an episode may be late, before it is given up.
      sees_cells: whether the policy sees the number of the cell that it is in, as a table can read
        it, in place of what the world shows.
    """

    networks: ActorCriticConfig = field(default_factory=ActorCriticConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    clip_epsilon: Positive = 0.1
    stickiness: Fraction = 0.25
    window: Count = 16
    own_share: Fraction = 0.8
    threshold: Fraction = 0.1
    retreat: Count = 4
    slide_every: Count = 5
    margin: Count = 50
    sees_cells: bool = False

    def seen(self, world: Environment, cells: Cells) -> Environment:
        """A world as the policy sees it, given its cells."""
        return SeenAsCells(world, cells) if self.sees_cells else world

    def life_in(self, world: Environment) -> Life:
        """How the agent lives in a world that it sees so, without demonstrations."""
        sticky = StickyWorld(world, self.stickiness)
        objective = ppo(
            sticky, self.networks, self.ppo, ppo_clip(self.clip_epsilon), self.life.num_workers
        )
        return Life(sticky, objective, self.life.num_workers, self.life.rollout_length)


@dataclass(frozen=True)
class RobustAgentsConfig(RobustifyConfig):
    """Agents of which each explores by itself, and learns what it has found.

    Attributes:
      explore: how it explores.
      explore_steps: steps of that.
      num_agents: agents side by side.
    """

    explore: GoExploreConfig = field(default_factory=GoExploreConfig)
    explore_steps: Count = 150
    num_agents: Count = 8


class RobustifyState(NamedTuple):
    """Everything that changes. The window lies in the level that the agent lives on.

    Attributes:
      agent: who learns.
      tries: since the window last moved.
      is_done: whether it has ever been at the start.
    """

    agent: Agent
    tries: Tries
    is_done: Bool[Array, ""]


def robustify(
    world: Environment,
    level: Level,
    demonstration: Demonstration,
    config: RobustifyConfig,
    *,
    num_updates: int,
) -> Method:
    """Go-Explore's second phase, by the backward algorithm (arXiv 2004.12919; 1812.03381).

    A step is one rollout of PPO in the world with sticky actions, whose episodes begin at places of
    the demonstration, and one update. From time to time the window of places slides towards the
    start, where enough of what began in it has succeeded.

    Of what public code does beside that nothing is here: imitation of the demonstration, further
    steps after success, a demonstration that only says where the start is.

    Args:
      world: that was explored, without sticky actions, as the policy sees it.
      level: its parameters.
      demonstration: what was found in it.
      config: sizes and hyperparameters.
      num_updates: over which what PPO anneals falls.

    Returns:
      A method whose state is a `RobustifyState`. Metrics: those of PPO, `latest_start`, the last
      place of the window, `success`, the share of the episodes that ended which came to the
      demonstration's score, `start_return`, the mean score of those of them that began at the
      start (NaN without any), `is_done`, whether the window has been at the start, and
      `world_steps`, how many were made.
    """
    step = _step(world, config)

    def init(key):
        return _begin(key, world, level, demonstration, config, num_updates)

    return single_precision(Method(init, step))


def explore_and_robustify(
    world: Environment,
    level: Level,
    cells: Cells,
    explore: GoExploreConfig,
    config: RobustifyConfig,
    *,
    num_steps: int,
    num_updates: int,
    num_agents: int = 1,
) -> Method:
    """Both phases of Go-Explore: its best course is what the second phase is shown.

    Args:
      world: deterministic, of discrete actions.
      level: its parameters.
      cells: of the first phase, and of a policy that sees cells.
      explore: how the first phase goes.
      config: how the second does.
      num_steps: of the first phase.
      num_updates: of the second, over which what PPO anneals falls.
      num_agents: side by side, each with an exploration of its own.

    Returns:
      A method whose state is a `PhaseState` of a `GoExploreState` and a `RobustifyState`, both with
      a leading agent axis. Metrics are those of each phase, means over agents.
    """
    seen = config.seen(world, cells)

    def hand_over(state):
        action, length = best_course(state.archive)
        shown = demonstrate(world, level, action, length)
        return _begin(state.key, seen, level, shown, config, num_updates)

    first = side_by_side(go_explore(world, level, cells, explore), num_agents)
    second = side_by_side(Method(lambda key: (), _step(seen, config)), num_agents)
    return after(first, num_steps, jax.vmap(hand_over), second)


def best_course(archive: CellArchive) -> tuple[Int[Array, " step"], Int[Array, ""]]:
    """The actions of the shortest course to the highest score, and how many they are."""
    score = jnp.where(archive.entered, archive.score, -jnp.inf)
    length = jnp.where(score == score.max(), archive.length, jnp.iinfo(jnp.int32).max)
    cell = jnp.argmin(length)
    return archive.way(cell), archive.length[cell]


def _life(world: Environment, config: RobustifyConfig) -> Life:
    return config.life_in(RestartWorld(world))


def _begin(
    key: PRNGKeyArray,
    world: Environment,
    level: Level,
    demonstration: Demonstration,
    config: RobustifyConfig,
    num_updates: int,
) -> RobustifyState:
    """A fresh agent, with the window at the end of the demonstration."""
    where = RestartParams(
        level=jax.tree.map(jnp.asarray, level),
        demonstration=demonstration,
        # Where the course is over nothing can begin.
        latest=jnp.maximum(demonstration.length - 1, 0),
        window=jnp.int32(config.window),
        own_share=jnp.float32(config.own_share),
        margin=jnp.int32(config.margin),
    )
    agent = _life(world, config).init(key, Task(where, jnp.int32(num_updates)))
    return RobustifyState(agent, no_tries(demonstration.score.size), jnp.zeros((), bool))


def _step(
    world: Environment, config: RobustifyConfig
) -> Callable[[RobustifyState], tuple[RobustifyState, Metrics]]:
    life = _life(world, config)

    def step(state):
        agent, (experience, metrics) = life.update((), state.agent)
        attempts, ended = experience.transitions.extra, experience.transitions.ended
        tries = count_tries(state.tries, attempts, ended)
        where = agent.task.level
        is_due = agent.num_updates % config.slide_every == 0
        latest = slide(
            where.latest,
            tries,
            config.window,
            threshold=config.threshold,
            retreat=config.retreat,
            last=jnp.maximum(where.demonstration.length - 1, 0),
        )
        latest = jnp.where(is_due, latest, where.latest)
        tries = jax.tree.map(lambda count: jnp.where(is_due, 0, count), tries)
        agent = agent._replace(task=agent.task._replace(level=where.replace(latest=latest)))
        is_done = state.is_done | (latest == 0)
        return RobustifyState(agent, tries, is_done), metrics | {
            "latest_start": latest.astype(jnp.float32),
            "success": (attempts.succeeded & ended).sum() / ended.sum(),
            "start_return": attempts.score.mean(where=ended & (attempts.place == 0)),
            "is_done": is_done.astype(jnp.float32),
            "world_steps": jnp.float32(ended.size),
        }

    return step
