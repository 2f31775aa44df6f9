"""The optimal return of a tabular level, by dynamic programming."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rlsuite.envs.gridworld.world import GridWorld, Params, open_cells

Values = Float[Array, "presences side side"]
"""A value for every presence of objects (object j exists if bit j is set) and every cell."""


def optimal_return(world: GridWorld, level: Params) -> Float[Array, ""]:
    """The greatest expected undiscounted return of an episode.

    Finite-horizon backward induction over all cells and presences of objects, the horizon being
    the level's step limit: with V_0 = 0,

        V_{k+1}(cell, e) = max over moves of W_k(next cell, e),
        W_k(cell, e) = r(cell, e) + (1 - p_terminate(cell, e)) * E[V_k(cell, e')],

    and the answer is V_{step limit} at the start with all objects present. Objects respawn
    independently, so the expectation over e' is one two-state mixing per object; a move is a
    shift over cells. A level takes max_steps * 2^objects * cells * (objects + 5) operations.
    Jittable, and vmappable over levels.

    Raises:
        ValueError: If the world is not tabular, as its states are then not numbered.
    """
    if not world.tabular:
        raise ValueError(f"world is {world}; the optimal return needs one with tabular=True")
    reward, survival = _collect(world, level)
    is_open = open_cells(level, world.max_side).reshape(world.max_side, world.max_side)

    def improve(_: Int[Array, ""], values: Values) -> Values:
        arrived = reward + survival * _expect_respawn(world, level, values)
        return _best_neighbour(jnp.where(is_open, arrived, -jnp.inf))

    values = jax.lax.fori_loop(0, level.max_steps_in_episode, improve, jnp.zeros_like(reward))
    all_present = jnp.sum((level.object_type >= 0) * 2 ** jnp.arange(world.max_objects))
    return values.reshape(-1)[all_present * world.cells + level.start]


def _collect(world: GridWorld, level: Params) -> tuple[Values, Values]:
    """Reward of arriving at each state, and the probability that the episode goes on."""
    presences = jnp.arange(2**world.max_objects)
    exists = (presences[:, None] >> jnp.arange(world.max_objects)) & 1 == 1
    is_at = level.object_position[:, None] == jnp.arange(world.cells)
    used = level.object_type >= 0

    def total(type_values: Float[Array, " types"]) -> Values:
        object_values = jnp.where(used, type_values[level.object_type], 0.0)
        per_state = (exists * object_values) @ is_at.astype(jnp.float32)
        return per_state.reshape(-1, world.max_side, world.max_side)

    termination = jnp.minimum(total(level.type_termination_probability), 1.0)
    return total(level.type_reward), 1.0 - termination


def _expect_respawn(world: GridWorld, level: Params, values: Values) -> Values:
    """The expectation of `values` after respawning, given the objects present on arrival."""
    is_at = level.object_position[:, None] == jnp.arange(world.cells)
    is_at = is_at.reshape(-1, world.max_side, world.max_side)
    used = level.object_type >= 0
    for slot in range(world.max_objects):
        respawn = jnp.where(
            used[slot], level.type_respawn_probability[level.object_type[slot]], 0.0
        )
        split = values.reshape(-1, 2, 2**slot, world.max_side, world.max_side)
        absent, present = split[:, 0], split[:, 1]
        if_absent = absent + respawn * (present - absent)
        if_present = jnp.where(is_at[slot], absent, present)
        values = jnp.stack([if_absent, if_present], axis=1).reshape(values.shape)
    return values


def _best_neighbour(values: Values) -> Values:
    """The greatest value among each cell and its four neighbours."""
    padded = jnp.pad(values, ((0, 0), (1, 1), (1, 1)), constant_values=-jnp.inf)
    vertical = jnp.maximum(padded[:, :-2, 1:-1], padded[:, 2:, 1:-1])
    horizontal = jnp.maximum(padded[:, 1:-1, :-2], padded[:, 1:-1, 2:])
    return jnp.maximum(values, jnp.maximum(vertical, horizontal))
