"""How often loops turn whose turns depend on what is computed, as a run's tasks let one expect."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal

from rlsuite.compiling import jit
from rlsuite.experiments.costs.counting import Turns
from rlsuite.experiments.costs.operations import size_of
from rlsuite.experiments.specs import Experiment, WorldSpec

_TASKS_DRAWN = 64


class Expected(NamedTuple):
    """What is expected of lives and episodes.

    Attributes:
      lifetimes: the shortest and the longest, in updates; drawn log-uniformly in between.
      updates: of all agents in one step.
      time_limit: of episodes, in steps; none where the world doesn't say.
    """

    lifetimes: tuple[int, int]
    updates: int
    time_limit: float | None

    def longest_life(self, num_agents: int) -> float:
        """The expected longest of some lifetimes, Σ P(longest > t) over updates t."""
        shortest, longest = self.lifetimes
        if shortest == longest:
            return float(longest)
        updates = np.linspace(shortest, longest, 1000)
        shorter = np.log(updates / shortest) / np.log(longest / shortest)
        return float(shortest + np.trapezoid(1 - shorter**num_agents, updates))

    def mean_life(self) -> float:
        """The expected lifetime, in updates."""
        return self.longest_life(1)


def expected(world: WorldSpec, experiment: Experiment) -> Expected:
    """What the tasks of a world let one expect of a run's lives and episodes."""
    return Expected(world.lifetime_range, experiment.agent_updates_per_step, _time_limit(world))


def turns_of(expectation: Expected) -> Turns:
    """How often loops turn.

    - While fewer updates are made than a life has, in lockstep: the longest life's updates.
    - Over groups of those agents whose lives have ended (`map_selected`): the groups that it takes,
      if ends of lives are spread over all steps.
    - Until all episodes have ended: the time limit.
    - Once where a count is a multiple of a number (`every`): one by that number.
    """

    def turns(loop: JaxprEqn) -> float | None:
        condition = loop.params["cond_jaxpr"].jaxpr
        kinds = [operation.primitive.name for operation in condition.eqns]
        if "reduce_and" in kinds:
            return expectation.time_limit
        if "rem" in kinds:
            return _share_of_multiples(condition.eqns[kinds.index("rem")])
        compared = [operation for operation in condition.eqns if operation.primitive.name == "lt"]
        if len(compared) != 1:
            return None
        # A number of those to be worked on is given from outside; lifetimes are agents' own.
        if compared[0].invars[1] not in condition.invars[: loop.params["cond_nconsts"]]:
            return expectation.longest_life(size_of(compared[0].outvars[0]))
        stride = _stride(loop.params["body_jaxpr"].jaxpr, loop.params["body_nconsts"])
        return _groups(expectation.updates / expectation.mean_life(), stride)

    return turns


def _share_of_multiples(remainder: JaxprEqn) -> float | None:
    """Of numbers whose remainder is asked for."""
    divisor = remainder.invars[1]
    return 1 / int(divisor.val) if isinstance(divisor, Literal) else None


def _stride(body: Jaxpr, num_constants: int) -> int:
    """What a loop's first number grows by in each turn; 1 if that can't be read off."""
    counter, constants = body.invars[num_constants], dict[Any, Any]()
    for operation in body.eqns:
        numbers = [
            var.val if isinstance(var, Literal) else constants.get(var) for var in operation.invars
        ]
        if operation.primitive.name == "broadcast_in_dim":
            constants[operation.outvars[0]] = numbers[0]
        if operation.primitive.name == "add" and counter in operation.invars:
            return next((int(number) for number in numbers if number is not None), 1)
    return 1


def _groups(mean: float, size: int) -> float:
    """The expected number of groups of a size that a Poisson number of items fills, in part."""
    number, probability, groups, at_most = 0, math.exp(-mean), 0.0, 0.0
    while at_most < 1 - 1e-6 and number < 20 * (mean + 10):
        at_most += probability
        groups += probability * math.ceil(number / size)
        number += 1
        probability *= mean / number
    return groups


def _time_limit(world: WorldSpec) -> float | None:
    """The mean time limit of episodes, over tasks."""

    def limit(key):
        level = world.sample_task(key).level
        return getattr(level, "max_steps_in_episode", None)

    keys = jax.random.split(jax.random.key(0), _TASKS_DRAWN)
    limits = jit(jax.vmap(limit), program="once")(keys)
    return None if limits is None else float(np.mean(limits))
