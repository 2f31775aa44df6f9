"""The test of bonuses: where agents were trained, and on maps they have never seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.exploration import side_by_side
from rlsuite.experiments.methods.exploration.side_by_side import (
    OPTIMUM,
    by_chance,
    by_planning,
    optimum,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.lifetime import Agent
from rlsuite.ranges import Count
from rlsuite.rollout import Level


@dataclass(frozen=True)
class BonusEvaluationConfig:
    """How agents are tested.

    Attributes:
      num_episodes: fresh episodes of each agent.
    """

    num_episodes: Count = 128


Returns = Callable[[PRNGKeyArray, Level], Float[Array, " agent"]]
"""`(keys, levels) -> mean returns`, of each agent on a level of its own."""


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Returns of fresh episodes without any bonus, beside a random policy and the optimum."""
    if finished.run.method.beside or finished.run.method.contexts:
        return side_by_side.test(finished, watch)
    number, world = finished.run.evaluation.num_episodes, finished.named_world
    runs = finished.beside(rivals)
    contenders = {who: (one, one.state.slots.agent) for who, one in runs.items()}
    contenders[Contender("untrained agents", "baseline")] = finished, _untrained(finished)
    chance = Contender("random policy", "baseline")
    watch.expect(len(contenders) + 1)
    found: dict[str, list[Float[np.ndarray, " agent"]]] = {}
    for who, (run, agents) in contenders.items():
        done = watch.begin(f"episodes of {who.name}")
        found[who.name] = _of_agents(run, agents, number)
        done()
    done = watch.begin("episodes of the random policy")
    levels = _levels(finished, contenders[next(iter(runs))][1])
    both = jax.tree.map(lambda *of_each: jnp.concatenate(of_each), *levels)
    found[chance.name] = np.split(by_chance(world, both, number), 2)
    known = by_planning(world, both)
    optimal = (None, None) if known is None else map(optimum, np.split(known, 2))
    done()
    names = (f"{world.name}, where trained", f"{world.name}, levels drawn anew")
    return Evaluation(
        contenders=[*contenders, chance],
        tables=[
            Table(
                name=name,
                unit="return",
                results={who: returns[place][None] for who, returns in found.items()},
                strata=[name],
                optimal=best,
            )
            for place, (name, best) in enumerate(zip(names, optimal, strict=True))
        ],
        notes=[
            f"Each result is an agent's mean return, without its bonus, over {number} fresh "
            "episodes: on the level that it was trained on, and on one drawn anew from the same "
            "distribution, with maps of its own. " + OPTIMUM
        ],
    )


def _levels(finished: Finished, agents: Agent) -> tuple[Level, Level]:
    """The agents' own levels, and others, one for each."""
    keys = jax.random.split(role_key("levels"), agents.num_updates.size)
    anew = jit(jax.vmap(finished.named_world.sample_task), program="once")(keys).level
    return agents.task.level, anew


def _of_agents(run: Finished, agents: Agent, number: int) -> list[Float[np.ndarray, " agent"]]:
    life = run.run.method.life_in(run.named_world.world)

    def mean_return(key, agent, level):
        return life.mean_return(key, agent._replace(task=agent.task._replace(level=level)), number)

    program = jit(jax.vmap(mean_return))
    keys = jax.random.split(role_key("episodes"), agents.num_updates.size)
    return [np.asarray(program(keys, agents, level)) for level in _levels(run, agents)]


def _untrained(finished: Finished) -> Agent:
    life, own = finished.run.method.life_in(finished.named_world.world), finished.state.slots.agent
    keys = jax.random.split(role_key("agents"), own.num_updates.size)
    return jit(jax.vmap(life.init), program="once")(keys, own.task)
