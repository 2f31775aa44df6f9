r"""What is best at a bandit whose states can be listed, by dynamic programming.

.. math:: V_0 = 0, \qquad V_{t + 1}(s) = \max_a \, r(s, a) + V_t(s'(s, a))
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rlsuite.envs.bandits.bandit import Graph
from rlsuite.requirements import require_counts


class Average(NamedTuple):
    """Bounds of the best long-run average, which are those of any start."""

    low: Float[Array, ""]
    high: Float[Array, ""]


def best_average(graph: Graph, *, num_before: int = 840, window: int = 840) -> Average:
    r"""The best long-run average payoff, by relative value iteration.

    .. math:: \min_s \Delta(s) \le g \le \max_s \Delta(s), \qquad
       \Delta(s) = \frac{V_{t + w}(s) - V_t(s)}{w}

    The two coincide once t is large enough, if w is a multiple of the best plays' period (840 is of
    1 to 8).

    Args:
      graph: in which each state that the best plays go on from can be reached from all.
      num_before: t, rounds before.
      window: w, rounds that are averaged over.

    Raises:
      ValueError: if `window` is below 1.
    """
    require_counts(window=window)

    def step(carry, _):
        relative, total, lost = carry
        values = _backward(graph, relative)
        # What is taken off is summed with the rounding it suffers, which is given back.
        more = values[0] - lost
        new_total = total + more
        return (values - values[0], new_total, (new_total - total) - more), None

    zero = jnp.zeros(())
    start = (jnp.zeros(graph.payoffs.shape[0]), zero, zero)
    (before, *_), _ = jax.lax.scan(step, start, length=num_before)
    (after, total, _), _ = jax.lax.scan(step, (before, zero, zero), length=window)
    gains = (total + (after - before)) / window
    return Average(gains.min(), gains.max())


def best_total(graph: Graph, num_rounds: int) -> Float[Array, " state"]:
    """The best total of so many rounds, from each state."""

    def step(values, _):
        return _backward(graph, values), None

    return jax.lax.scan(step, jnp.zeros(graph.payoffs.shape[0]), length=num_rounds)[0]


def best_sequence(graph: Graph, start: Int[Array, ""], num_rounds: int) -> Int[Array, " round"]:
    """Actions that come to the best total of so many rounds; of equally good ones the first.

    Args:
      graph: of the bandit.
      start: the state at the start.
      num_rounds: how many.
    """

    def back(values, _):
        worth = graph.payoffs + values[graph.successors]
        best = worth.max(axis=1)
        return best - best[0], jnp.argmax(worth, axis=1).astype(jnp.int32)

    _, choices = jax.lax.scan(back, jnp.zeros(graph.payoffs.shape[0]), length=num_rounds)

    def forward(state, choice):
        action = choice[state]
        return graph.successors[state, action], action

    return jax.lax.scan(forward, start, choices, reverse=True)[1][::-1]


def _backward(graph: Graph, values: Float[Array, " state"]) -> Float[Array, " state"]:
    return jnp.max(graph.payoffs + values[graph.successors], axis=1)
