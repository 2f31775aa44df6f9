"""What methods share whose agents simply learn: sizes, what is plotted, and the test."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Float

from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Experiment, Run, Watch, WorldSpec, required
from rlsuite.experiments.trainers import Trainer
from rlsuite.lifetime import Agent
from rlsuite.living import LivingState
from rlsuite.method import Method
from rlsuite.ranges import Count

KIND = "agents"


@dataclass(frozen=True)
class AgentEvaluationConfig:
    """How agents are tested.

    Attributes:
      num_episodes: fresh episodes of each agent.
    """

    num_episodes: Count = 64


PANELS = {
    "episode_return": "return of training episodes",
    "agent_return": "return at the end of a lifetime",
    "policy_entropy": "policy entropy (nats)",
    "critic_loss": "loss of the critic",
}


def whole_lives(run: Run, world: WorldSpec | None) -> WorldSpec:
    """The world with lives as long as the run, unless it says how long they are."""
    world = required(world)
    if run.min_lifetime is None and run.max_lifetime is None:
        return world.living(run.steps, run.steps)
    return world


def experiment(method: Method, config: Any) -> Experiment:
    """A step is one update of every agent."""
    steps = config.num_agents * config.life.num_workers * config.life.rollout_length
    headline = ("episode_return", "agent_return", "policy_entropy")
    return Experiment(method, config.num_agents, steps, headline, divisible=config.num_agents)


@dataclass(frozen=True)
class ByHand:
    """Agents that learn by a method itself.

    Attributes:
      config: the method's, which says how agents live in a world.
    """

    config: Any

    def __call__(self, world: Environment, learned: Any) -> Trainer:
        """Agents in a world; what agents of a run have become doesn't matter to fresh ones."""
        del learned
        return Trainer(self.config.life_in(world))


def by_hand(presets: Mapping[str, Callable[[WorldSpec | None], Run]], world: WorldSpec) -> ByHand:
    """Agents in the world's usual way."""
    return ByHand(presets["laptop"](world).method)


def learned_by(
    presets: Mapping[str, Callable[[WorldSpec | None], Run]], run: Run, world: WorldSpec
) -> ByHand:
    """Agents as in a run on its own world, and in the usual way elsewhere."""
    return ByHand(run.method) if world.name == run.tasks else by_hand(presets, world)


def learners(state: LivingState) -> Any:
    """What agents have learned, with a leading `agent` axis."""
    return state.slots.agent.learner


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Returns of fresh episodes, beside those of agents that have not learned yet."""
    num_episodes = finished.run.evaluation.num_episodes
    returns = {
        who: _returns(one, one.state.slots.agent, num_episodes, watch)
        for who, one in finished.beside(rivals).items()
    }
    fresh = _fresh_agents(finished)
    returns[Contender("untrained agents", "baseline")] = _returns(
        finished, fresh, num_episodes, watch
    )
    name = finished.named_world.name
    table = Table(
        name=name,
        unit="return",
        results={who.name: found[None] for who, found in returns.items()},
        strata=[name],
    )
    note = "Each result is an agent's mean return over fresh episodes on the level it lives on."
    return Evaluation(contenders=list(returns), tables=[table], notes=[note])


def _fresh_agents(finished: Finished) -> Agent:
    config, world = finished.run.method, finished.named_world
    life = config.life_in(world.world)

    def fresh(key):
        task_key, life_key = jax.random.split(key)
        return life.init(life_key, world.sample_task(task_key))

    keys = jax.random.split(role_key("levels"), config.num_agents)
    return jit(jax.vmap(fresh), program="once")(keys)


def _returns(
    finished: Finished, agents: Agent, num_episodes: int, watch: Watch
) -> Float[np.ndarray, " agent"]:
    done = watch.begin(f"episodes of {finished.title}")
    life = finished.run.method.life_in(finished.named_world.world)
    program = jit(jax.vmap(lambda key, agent: life.mean_return(key, agent, num_episodes)))
    keys = jax.random.split(role_key("episodes"), agents.num_updates.size)
    found = np.asarray(program(keys, agents))
    done()
    return found
