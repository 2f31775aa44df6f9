"""Maps of rooms at random: chains of rooms in lava, and a room with a locked one inside."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from rlsuite.envs.rooms.world import DOOR, FLOOR, GOAL, KEY, LAVA, WALL, Map, Params

LOT = 6
"""Cells from one room's lot to the next; a room has five at most along each side."""

DrawMap = Callable[[PRNGKeyArray], Map]
"""How a map is drawn."""


def bank(key: PRNGKeyArray, draw: DrawMap, num_contexts: int, max_steps: int) -> Params:
    """A level of several maps, all drawn by one recipe.

    Args:
        key: Of all maps.
        draw: One of them.
        num_contexts: How many there are; in ten thousand hardly one is met twice.
        max_steps: The limit of an episode.
    """
    # One program: as many small ones as drawing has operations take seconds to compile.
    maps = jax.jit(jax.vmap(draw))(jax.random.split(key, num_contexts))
    return Params(max_steps_in_episode=jnp.int32(max_steps), maps=maps)


def multi_room(num_rooms: int, side: int) -> DrawMap:
    """Rooms in a chain, each three to five cells wide and high, and lava everywhere else.

    Rooms lie on the lots of a square lattice, along a path without crossings that is drawn from all
    there are. A straight passage, one cell wide, joins each to the next. The agent starts in the
    first, at any of its cells, and the goal is in the last.

    Args:
        num_rooms: At least 2.
        side: Of the grid: one more than a multiple of 6.

    Raises:
        ValueError: If there is no such chain.
    """
    num_lots, rest = divmod(side - 1, LOT)
    if rest or num_lots < 1:
        raise ValueError(
            f"side: {side} is not allowed; it must be one more than a multiple of {LOT}"
        )
    chains = _chains(num_lots, num_rooms)
    if num_rooms < 2 or not len(chains):
        raise ValueError(
            f"num_rooms: {num_rooms} is not allowed; it must be at least 2, and so few that a "
            f"chain of them fits into {num_lots} × {num_lots} lots"
        )
    rows, columns = jnp.divmod(jnp.arange(side**2), side)

    within = partial(_within, rows, columns)

    def draw(key):
        chain_key, size_key, place_key, door_key, start_key, goal_key = jax.random.split(key, 6)
        lots = jnp.asarray(chains)[jax.random.randint(chain_key, (), 0, len(chains))]
        sizes = jax.random.randint(size_key, (num_rooms, 2), 3, LOT)
        # Of five cells the middle one is in every room, so that neighbours can always be joined.
        low = lots * LOT + 1 + jax.random.randint(place_key, sizes.shape, 0, LOT - sizes)
        high = low + sizes - 1
        rooms = jax.vmap(within)(low, high)
        least, most = jnp.maximum(low[:-1], low[1:]), jnp.minimum(high[:-1], high[1:])
        chosen = jax.random.uniform(door_key, (num_rooms - 1, 2))
        line = least + jnp.floor(chosen * (most - least + 1)).astype(jnp.int32)
        # Along the way from room to room a passage is as long as from one middle to the other.
        middles = lots * LOT + LOT // 2
        along = lots[:-1] != lots[1:]
        ends = (middles[:-1], middles[1:])
        from_, to = (reduce(*ends) for reduce in (jnp.minimum, jnp.maximum))
        passages = jax.vmap(within)(jnp.where(along, from_, line), jnp.where(along, to, line))
        is_floor = rooms.any(axis=0) | passages.any(axis=0)
        cells = jnp.where(is_floor, FLOOR, LAVA).astype(jnp.int8)

        def any_of(key, room):
            row, column = jax.random.randint(key, (2,), low[room], high[room] + 1)
            return row * side + column

        return Map(cells.at[any_of(goal_key, -1)].set(GOAL), any_of(start_key, 0))

    return draw


@cache
def _chains(num_lots: int, num_rooms: int) -> Int[np.ndarray, "chain room 2"]:
    """All paths of so many lots on a square lattice, each next to the one before, none twice."""
    lots = [(row, column) for row in range(num_lots) for column in range(num_lots)]
    paths = [[lot] for lot in lots]
    for _ in range(num_rooms - 1):
        paths = [
            [*path, (path[-1][0] + down, path[-1][1] + right)]
            for path in paths
            for down, right in ((-1, 0), (0, 1), (1, 0), (0, -1))
            if (path[-1][0] + down, path[-1][1] + right) in set(lots) - set(path)
        ]
    return np.array(paths, np.int32).reshape(-1, num_rooms, 2)


def key_room(side: int) -> DrawMap:
    """A room in walls, with a small locked room inside it that holds the goal.

    Agent, key, the locked room of two or three cells along each side, its door and the goal are
    drawn at random. The locked room may lie against the walls, or anywhere between them.

    Args:
        side: Of the grid; at least 8.

    Raises:
        ValueError: If the side is below 8.
    """
    if side < 8:
        raise ValueError(f"side: {side} is not allowed; it must be at least 8")
    rows, columns = jnp.divmod(jnp.arange(side**2), side)

    def draw(key):
        size_key, place_key, door_key, *keys = jax.random.split(key, 6)
        size = jax.random.randint(size_key, (2,), 2, 4)
        low = jax.random.randint(place_key, (2,), 1, side - size)
        high = low + size - 1
        is_edge = _on_edge(rows, columns, side)
        inner = _within(rows, columns, low, high)
        around = _within(rows, columns, low - 1, high + 1) & ~inner
        outer = ~is_edge & ~inner & ~around
        in_rows, in_columns = (
            (places >= low[axis]) & (places <= high[axis])
            for axis, places in enumerate((rows, columns))
        )
        # A door is no corner, and has the outer room on its other side.
        door = _any_of(door_key, around & (in_rows | in_columns) & ~is_edge & _beside(outer, side))
        start_key, key_key, goal_key = keys
        start = _any_of(start_key, outer)
        lies = _any_of(key_key, outer & (jnp.arange(side**2) != start))
        cells = jnp.where(outer | inner, FLOOR, WALL).astype(jnp.int8)
        cells = cells.at[door].set(DOOR).at[lies].set(KEY)
        return Map(cells.at[_any_of(goal_key, inner)].set(GOAL), start)

    return draw


def _within(
    rows: Int[Array, " cells"],
    columns: Int[Array, " cells"],
    low: Int[Array, "2"],
    high: Int[Array, "2"],
) -> Bool[Array, " cells"]:
    """Which cells lie in a rectangle, given by its first and its last cell."""
    return (rows >= low[0]) & (rows <= high[0]) & (columns >= low[1]) & (columns <= high[1])


def _on_edge(
    rows: Int[Array, " cells"], columns: Int[Array, " cells"], side: int
) -> Bool[Array, " cells"]:
    return (rows == 0) | (columns == 0) | (rows == side - 1) | (columns == side - 1)


def _beside(marked: Bool[Array, " cells"], side: int) -> Bool[Array, " cells"]:
    """Which cells have a marked one above, below, to the left or to the right."""
    padded = jnp.pad(marked.reshape(side, side), 1)
    return (padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]).reshape(-1)


def _any_of(key: PRNGKeyArray, marked: Bool[Array, " cells"]) -> Int[Array, ""]:
    """One of the marked cells, all equally likely."""
    return jax.random.categorical(key, jnp.where(marked, 0.0, -jnp.inf)).astype(jnp.int32)
