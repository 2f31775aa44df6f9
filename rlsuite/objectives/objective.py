"""The one type of everything an agent can learn by, written by hand or discovered."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import distrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.method import Metrics
from rlsuite.rollout import Experience, Memory, Policy, no_memory

Parameters = Any
"""What an objective itself has learned, or `()` for one written by hand."""

Learner = Any
"""What an objective changes in an agent: networks and optimiser states."""


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


def known_time(clock: Clock, knowledge: KnowledgeOfTime) -> Float[Array, " known"]:
    r"""The relative progress :math:`n / N` in [0, 1], and the log of the horizon, :math:`\log N`.

    Both, the first or neither, as far as the objective knows of time (arXiv 2402.05828, section 3).
    """
    known = [clock.progress, jnp.log(jnp.maximum(clock.lifetime, 1))]
    return jnp.stack(known)[: _NUM_KNOWN[knowledge]]


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
    init_memory: Callable[[int], Memory] = no_memory

    def behaviour(self, learner: Learner) -> Policy:
        """How this agent acts as it is."""
        return Policy(partial(self.policy, learner), self.init_memory)

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
