"""Rooms as tables of states and actions: best values, and what a uniform policy comes to."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.envs.cells import Cells
from rlsuite.envs.rooms.world import Params, Rooms, State

NUM_STAGES = 3


class StepTable(NamedTuple):
    """What every action leads to in every state of one map.

    States are numbered by position and stage, `3 position + stage`.

    Attributes:
        start: The state that episodes begin in.
        start_cell: Its cell.
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


def step_table(world: Rooms, params: Params, context: Int[Array, ""], cells: Cells) -> StepTable:
    """Steps every action in every state of a map once; vmappable over contexts."""
    numbers = jnp.arange(world.side**2 * NUM_STAGES)
    zero, key = jnp.zeros((), jnp.int32), jax.random.key(0)

    def step(number, action):
        position, stage = jnp.divmod(number, NUM_STAGES)
        state = State(time=zero, context=context, position=position, stage=stage, message=zero)
        seen, after, reward, terminated, _ = world.step_env(key, state, action, params)
        return _number(after), reward, terminated, cells.of(after, seen)

    actions = jnp.arange(world.num_actions)
    found = jax.vmap(jax.vmap(step, (None, 0)), (0, None))(numbers, actions)
    start = world.start(params, context)
    start_cell = cells.of(start, world.get_obs(start, params, key))
    return StepTable(_number(start), start_cell, *found)


def _number(state: State) -> Int[Array, ""]:
    return state.position * NUM_STAGES + state.stage


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


def uniform_return(table: StepTable, max_steps: Int[Array, ""]) -> Float[Array, ""]:
    """The expected undiscounted return of a uniform policy within the limit of an episode."""
    target = jnp.where(table.terminated, table.following.shape[0], table.following)
    share = 1 / table.reward.shape[1]

    def step(_, carry):
        probability, total = carry
        flow = jnp.broadcast_to(share * probability[:, None], target.shape)
        total += (flow * table.reward).sum()
        return jnp.zeros_like(probability).at[target].add(flow, mode="drop"), total

    probability = jnp.zeros(table.reward.shape[0]).at[table.start].set(1.0)
    return jax.lax.fori_loop(0, max_steps, step, (probability, jnp.zeros(())))[1]


def optimal_return(table: StepTable, max_steps: Int[Array, ""]) -> Float[Array, ""]:
    """The greatest undiscounted return within the limit of an episode, by backward induction."""

    def improve(_, values):
        goes_on = jnp.where(table.terminated, 0.0, values[table.following])
        return (table.reward + goes_on).max(axis=1)

    values = jax.lax.fori_loop(0, max_steps, improve, jnp.zeros(table.reward.shape[0]))
    return values[table.start]
