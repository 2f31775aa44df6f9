"""Deterministic worlds as tables of states and actions: best values, and what chance comes to."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int


class StepTable(NamedTuple):
    """What every action leads to in every state of a deterministic world, by the states' numbers.

    Attributes:
        start: The state that episodes begin in.
        start_cell: Its cell (`rlsuite.envs.cells`).
        following: The state that an action leads to.
        reward: Of the step.
        terminated: Whether it ends the episode.
        cell: That it leads to.
    """

    start: Int[Array, ""]
    start_cell: Int[Array, ""]
    following: Int[Array, "state action"]
    reward: Float[Array, "state action"]
    terminated: Bool[Array, "state action"]
    cell: Int[Array, "state action"]


def optimal_values(table: StepTable, discount: float) -> Float[Array, " state"]:
    r"""The fixed point of value iteration, from zero values on, up to rounding.

    .. math::
        V(s) = \max_a r(s, a) + \gamma [\text{the episode goes on}] V(s')
    """
    goes_on = discount * ~table.terminated

    def improve(carry):
        values, _ = carry
        return (table.reward + goes_on * values[table.following]).max(axis=1), values

    values = jnp.zeros(table.reward.shape[0])
    start = (values, values - 1.0)
    return jax.lax.while_loop(lambda carry: (carry[0] != carry[1]).any(), improve, start)[0]


def reachable(table: StepTable) -> Bool[Array, " state"]:
    """The states that some actions lead to from the start, where the episode still goes on."""
    target = jnp.where(table.terminated, table.following.shape[0], table.following)

    def spread(carry):
        known, _ = carry
        entered = jnp.broadcast_to(known[:, None], target.shape)
        return known.at[target].max(entered, mode="drop"), known

    known = jnp.zeros(table.reward.shape[0], bool).at[table.start].set(True)
    return jax.lax.while_loop(lambda carry: (carry[0] != carry[1]).any(), spread, (known, ~known))[
        0
    ]


def optimal_return(table: StepTable, max_steps: Int[Array, ""]) -> Float[Array, ""]:
    """The greatest undiscounted return within the limit of an episode, by backward induction."""

    def improve(_, values):
        goes_on = jnp.where(table.terminated, 0.0, values[table.following])
        return (table.reward + goes_on).max(axis=1)

    values = jax.lax.fori_loop(0, max_steps, improve, jnp.zeros(table.reward.shape[0]))
    return values[table.start]


def sticky_optimal_return(
    table: StepTable, probability: Float[ArrayLike, ""], max_steps: Int[ArrayLike, ""]
) -> Float[Array, ""]:
    r"""The greatest undiscounted return within a limit, where actions stick.

    Backward induction over states and what was done last, :math:`l`, from :math:`V_0 = 0`:

    .. math::
        Q_t(s, a) = r(s, a) + [\text{the episode goes on}] V_{t-1}(s', a), \qquad
        V_t(s, l) = (1 - p) \max_a Q_t(s, a) + p \, Q_t(s, l)

    The first action is done as it is, so that it is :math:`\max_a Q_T(s_0, a)`. A policy that
    doesn't know :math:`l` may come to less, and to no more.

    Args:
        table: What actions lead to as they are.
        probability: :math:`p`, that the last action is done again, as in `StickyWorld`.
        max_steps: :math:`T`, at least 1.
    """
    action = jnp.arange(table.reward.shape[1])

    def improve(_, following):
        stuck = probability * following + (1 - probability) * following.max(axis=1, keepdims=True)
        return table.reward + jnp.where(table.terminated, 0.0, stuck[table.following, action])

    one_step = jnp.asarray(table.reward, jnp.float32)
    return jax.lax.fori_loop(1, max_steps, improve, one_step)[table.start].max()
