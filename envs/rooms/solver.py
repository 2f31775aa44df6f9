"""Rooms as tables of states and actions."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from rlsuite.envs.cells import Cells
from rlsuite.envs.rooms.world import Params, Rooms, State
from rlsuite.envs.step_tables import StepTable

NUM_STAGES = 3


def step_table(world: Rooms, params: Params, context: Int[Array, ""], cells: Cells) -> StepTable:
    """Steps every action in every state of a map once; vmappable over contexts.

    States are numbered by position and stage, `3 position + stage`.
    """
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
    start_cell = cells.of(start, world.observe(key, start, None, params))
    return StepTable(_number(start), start_cell, *found)


def _number(state: State) -> Int[Array, ""]:
    return state.position * NUM_STAGES + state.stage
