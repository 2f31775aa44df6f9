"""The one type of everything an agent can learn by, written by hand or discovered."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import distrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from rlsuite.method import Metrics
from rlsuite.rollout import Transition

Parameters = Any
"""What an objective itself has learned, or `()` for one written by hand."""

Learner = Any
"""What an objective changes in an agent: networks and optimiser states."""


class Clock(NamedTuple):
    """Where in its life an agent is, for objectives that know of time."""

    num_updates: Int[Array, ""]
    lifetime: Int[Array, ""]


KnowledgeOfTime = Literal["none", "progress", "progress_and_lifetime"]
"""What an objective is told of an agent's clock."""


def known_time(clock: Clock, knowledge: KnowledgeOfTime) -> Float[Array, " known"]:
    r"""The relative progress :math:`n / N` in [0, 1), and the log of the horizon, :math:`\log N`.

    Both, the first or neither, as far as the objective knows of time (arXiv 2402.05828, section 3).
    """
    progress = clock.num_updates / clock.lifetime
    known = [progress, jnp.log(clock.lifetime)]
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
      policy: `(learner, observation) -> distribution` of actions.
      update: `(parameters, learner, rollout, clock) -> (learner, metrics)`, one agent update on a
        rollout with axes `[time, worker]`, differentiable in `parameters` and in `learner`.
      update_together: the same for many agents that share the parameters: all else has a leading
        `agent` axis. Equal to `vmap(update)`, which stands in where this is none; an objective
        gives it where it knows how to be faster.
      predict: `(learner, observation) -> [..., prediction]`, what an agent foretells of a state,
        such as its value; none where it foretells nothing.
    """

    init_parameters: Callable[[PRNGKeyArray], Parameters]
    init: Callable[[PRNGKeyArray], Learner]
    policy: Callable[[Learner, PyTree], distrax.Distribution]
    update: Callable[[Parameters, Learner, Transition, Clock], tuple[Learner, Metrics]]
    update_together: Callable[..., tuple[Learner, Metrics]] | None = None
    predict: Callable[[Learner, PyTree], Float[Array, "*batch prediction"]] | None = None

    def update_agents(
        self, parameters: Parameters, learners: Learner, rollouts: Transition, clocks: Clock
    ) -> tuple[Learner, Metrics]:
        """One update of many agents, a leading `agent` axis on everything but the parameters."""
        together = self.update_together or jax.vmap(self.update, in_axes=(None, 0, 0, 0))
        return together(parameters, learners, rollouts, clocks)
