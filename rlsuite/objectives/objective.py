"""The one type of everything an agent can learn by, written by hand or discovered."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import distrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray, PyTree, Shaped

from rlsuite.method import Metrics
from rlsuite.ranges import Count
from rlsuite.requirements import named, require
from rlsuite.rollout import Experience, Memory, Policy, no_memory

Parameters = Any
"""What an objective itself has learned, or `()` for one written by hand."""

Learner = Any
"""What an objective changes in an agent: networks and optimiser states."""


StepValues = Float[Array, "time worker"]
"""A value for each step of a rollout."""


class Clock(NamedTuple):
    """Where in its life an agent is, for objectives that know of time.

    Everything that goes by a schedule reads `progress`, which stays in its range wherever the clock
    is: an agent may well be updated after the end of its life, where updates are made several at a
    time.
    """

    num_updates: Int[Array, ""]
    lifetime: Int[Array, ""]

    @property
    def progress(self) -> Float[Array, "*agent"]:
        r"""The share of the life that is past, :math:`n / N` in [0, 1]; 1 from its end on."""
        share = jnp.maximum(self.num_updates / jnp.maximum(self.lifetime, 1), 0.0)
        return jnp.where(self.num_updates >= self.lifetime, 1.0, share)


KnowledgeOfTime = Literal["none", "progress", "progress_and_lifetime"]
"""What an objective is told of an agent's clock."""

TimeScale = Literal["logarithmic", "raw", "unit"]
"""In which numbers it is told."""


@dataclass(frozen=True)
class TimeConfig:
    """What an objective is told of an agent's clock, and in which numbers.

    Attributes:
      time: what it is told of an agent's clock: nothing, how much of its life is past, or also how
        long that is.
      time_scale: `logarithmic` as in arXiv 2402.05828, n / N and log N; `raw` as in its public
        code, n and N; `unit`, both between -1 and 1, the lifetime on a logarithmic scale.
      shortest_lifetime: that `unit` takes for -1, in agent updates; and all shorter ones.
      longest_lifetime: that `unit` takes for 1; and all longer ones.
    """

    time: KnowledgeOfTime = "none"
    time_scale: TimeScale = "logarithmic"
    shortest_lifetime: Count = 10
    longest_lifetime: Count = 250


def known_time(clock: Clock, config: TimeConfig) -> Float[Array, " known"]:
    r"""What an objective reads of the n-th of N updates: both numbers, the first, or neither.

    .. math::
        \text{logarithmic (arXiv 2402.05828, section 3)} &: \quad n / N, \; \log N \\
        \text{raw (its public code)} &: \quad n, \; N \\
        \text{unit} &: \quad 2 n / N - 1, \;
            2 \frac{\log N' - \log N_\min}{\log N_\max - \log N_\min} - 1, \quad
            N' = \text{clip}(N, N_\min, N_\max)

    With :math:`N` log-uniform in :math:`[N_\min, N_\max]` those of `unit` have mean zero over lives
    and lie between -1 and 1, as the other inputs of a learned objective do. Lifetimes out of that
    range are told as the nearest in it: what a network makes of numbers that it never met in
    training is arbitrary, and was found to be ruinous. Where there is but one lifetime its number
    is 0. From the end of a life on, n is N.

    Raises:
      ValueError: if the shortest lifetime is above the longest, or what is told or its scale is
        unknown.
    """
    shortest, longest = config.shortest_lifetime, config.longest_lifetime
    require(shortest <= longest, "shortest_lifetime", shortest, f"at most {longest}, the longest")
    numbers = named("time_scale", config.time_scale, _TIME_SCALES)(clock, config)
    return jnp.stack(numbers)[: named("time", config.time, _NUM_KNOWN)]


def _logarithmic(clock: Clock, config: TimeConfig) -> list[Array]:
    del config
    return [clock.progress, jnp.log(_at_least_one(clock.lifetime))]


def _raw(clock: Clock, config: TimeConfig) -> list[Array]:
    del config
    lifetime = _at_least_one(clock.lifetime)
    return [jnp.clip(clock.num_updates, 0, lifetime).astype(jnp.float32), lifetime]


def _unit(clock: Clock, config: TimeConfig) -> list[Array]:
    lifetime = _at_least_one(clock.lifetime)
    span = math.log(config.longest_lifetime / config.shortest_lifetime)
    middle = math.sqrt(config.longest_lifetime * config.shortest_lifetime)
    place = 2 * jnp.log(lifetime / middle) / span if span else jnp.zeros_like(lifetime)
    return [2 * clock.progress - 1, jnp.clip(place, -1.0, 1.0)]


def _at_least_one(lifetime: Num[Array, "*agent"]) -> Float[Array, "*agent"]:
    return jnp.maximum(lifetime, 1).astype(jnp.float32)


_TIME_SCALES = {"logarithmic": _logarithmic, "raw": _raw, "unit": _unit}
_NUM_KNOWN = {"none": 0, "progress": 1, "progress_and_lifetime": 2}


class Objective(NamedTuple):
    """How one agent learns.

    Hand-written and discovered rules are values of this one type, so the same code trains, scores
    and meta-tests any of them. All functions but `update_together` are for a single agent, to be
    vmapped.

    Attributes:
      init_parameters: `key -> parameters`, the objective's own, to be meta-learned.
      init: `key -> learner`, a fresh agent.
      policy: `(learner, memory, observation) -> (distribution of actions, memory)`, over any
        leading axes.
      update: `(key, parameters, learner, experience, clock) -> (learner, metrics)`, one agent
        update on a rollout, differentiable in `parameters` and in `learner`.
      update_together: the same for many agents that share the parameters: all else has a leading
        `agent` axis. Equal to `vmap(update)`, which stands in where this is none; an objective
        gives it where it knows how to be faster.
      predict: `(learner, memory, observation) -> [..., prediction]`, what an agent foretells of a
        state, such as its value; none where it foretells nothing.
      values: `(learner, experience) -> (values, next values)`, `[time, worker]`, those of a rollout
        that `predict` gives step by step, but for what terminated steps led to, where they are any
        number; none where it is no faster than step by step.
      judge: as `policy`, with a judgement of what is seen, by which `values` and `update` of a
        learner that is as it was are faster; none where they aren't.
      init_memory: `num_workers -> memory` at the start of an episode; `()` for agents that act on
        the observation alone. Memory is set back to it wherever an episode ends.
    """

    init_parameters: Callable[[PRNGKeyArray], Parameters]
    init: Callable[[PRNGKeyArray], Learner]
    policy: Callable[[Learner, Memory, PyTree], tuple[distrax.Distribution, Memory]]
    update: Callable[
        [PRNGKeyArray, Parameters, Learner, Experience, Clock], tuple[Learner, Metrics]
    ]
    update_together: Callable[..., tuple[Learner, Metrics]] | None = None
    predict: Callable[[Learner, Memory, PyTree], Float[Array, "*batch prediction"]] | None = None
    values: Callable[[Learner, Experience], tuple[StepValues, StepValues]] | None = None
    judge: Callable[[Learner, Memory, PyTree], tuple[Any, Memory, PyTree]] | None = None
    init_memory: Callable[[int], Memory] = no_memory

    def behaviour(self, learner: Learner, *, judges: bool = False) -> Policy:
        """How this agent acts as it is.

        Args:
          learner: the agent.
          judges: whether it says what it thinks of what it sees, if it can. Whoever lets it learn
            from the steps does so once, or drops the judgements: they are those of this learner.
        """
        judge = partial(self.judge, learner) if judges and self.judge else None
        return Policy(partial(self.policy, learner), self.init_memory, judge)

    def update_agents(
        self,
        keys: Shaped[Array, "agent *key"],
        parameters: Parameters,
        learners: Learner,
        experience: Experience,
        clocks: Clock,
    ) -> tuple[Learner, Metrics]:
        """One update of many agents, a leading `agent` axis on everything but the parameters."""
        together = self.update_together or jax.vmap(self.update, in_axes=(0, None, 0, 0, 0))
        return together(keys, parameters, learners, experience, clocks)
