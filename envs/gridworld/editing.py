"""Edits that make a level of the grid world into a slightly different one."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.gridworld.chance import below, draw_free_cells
from rlsuite.envs.gridworld.levels import reachable_cells
from rlsuite.envs.gridworld.recipes import (
    RECIPES,
    RESPAWN_RANGE,
    TERMINATION_RANGE,
    FixedLevel,
    LevelRanges,
)
from rlsuite.envs.gridworld.world import GridWorld, Params, open_cells

NUM_UNIFORMS = 3
"""Random numbers behind one edit."""

LOG_DEVIATION = 0.5
"""Standard deviation of the logarithm of factors."""

REWARD_DEVIATION = 0.2


class _Limits(NamedTuple):
    """What edited levels keep to, from the distribution that they were drawn from."""

    side: tuple[int, int]
    max_steps: tuple[int, int]
    lowest_reward: float


_Edit = Callable[[Float[Array, "3"], Params, GridWorld, _Limits], Params]


def edit_grid_level(
    name: str, world: GridWorld, num_edits: int = 5
) -> Callable[[PRNGKeyArray, Params], Params]:
    """Edits in the manner of ACCEL (Parker-Holder et al., arXiv 2203.01302), for the grid world.

    One after the other, `num_edits` times and all as likely:

    - the wall of a cell without start or object is put up or taken away;
    - the start moves to a random free cell;
    - an object does;
    - an object is taken away, or one of a random type is put on a free cell;
    - a type's reward moves by a normal number, reflected at the ends of its range;
    - a type's probabilities of termination and of respawn are multiplied by log-normal factors;
    - the limit of steps is;
    - the side grows or shrinks by one, where walls that come to lie outside are cleared.

    The ranges are those of the distribution that the level is of; rewards of one without ranges
    stay in [-1, 1], and those of the first type in [0, 1] always, as levels are drawn. An edit that
    has nowhere to go changes nothing. A level that is not valid after all of them (start and
    objects on distinct free cells, and an object within reach) comes back as it was.

    Args:
        name: The distribution of the levels, one of `LEVEL_DISTRIBUTIONS`.
        world: The world the levels are made for.
        num_edits: Edits of a level.

    Returns:
        `(key, level) -> level`, jittable and vmappable.

    Raises:
        ValueError: If the distribution is unknown, or `num_edits` is negative.
    """
    if name not in RECIPES:
        raise ValueError(f"unknown level distribution {name!r}; known: {', '.join(RECIPES)}")
    if num_edits < 0:
        raise ValueError(f"num_edits: {num_edits} is not allowed; it must be at least 0")
    limits = _limits(RECIPES[name])

    def edit_once(level: Params, uniforms: Float[Array, "4"]) -> tuple[Params, None]:
        kind = below(uniforms[0], len(_EDITS))
        edits = [lambda level, rest, edit=edit: edit(rest, level, world, limits) for edit in _EDITS]
        return jax.lax.switch(kind, edits, level, uniforms[1:]), None

    def edit(key: PRNGKeyArray, level: Params) -> Params:
        uniforms = jax.random.uniform(key, (num_edits, 1 + NUM_UNIFORMS))
        edited, _ = jax.lax.scan(edit_once, level, uniforms)
        valid = is_valid(edited, world)
        return jax.tree.map(lambda new, old: jnp.where(valid, new, old), edited, level)

    return edit


def is_valid(level: Params, world: GridWorld) -> Bool[Array, ""]:
    """Whether start and objects are on distinct free cells, and an object is within reach."""
    is_open, used = open_cells(level, world.max_side), level.object_type >= 0
    held = _marks(level.object_position, used, world) + _marks(level.start, True, world)
    blocked = ~is_open.reshape(world.max_side, world.max_side)
    reached = reachable_cells(blocked, level.start).ravel()
    within_reach = jnp.any(reached[level.object_position] & used)
    return jnp.all(held <= is_open) & within_reach


def _limits(recipe: FixedLevel | LevelRanges) -> _Limits:
    if isinstance(recipe, FixedLevel):
        return _Limits((recipe.side,) * 2, (recipe.max_steps,) * 2, -1.0)
    return _Limits(recipe.side, recipe.max_steps, recipe.lowest_reward)


def _flip_wall(uniforms, level, world, limits):
    del limits
    cells, taken = _draw(uniforms[0], _inside(level, world) & ~_held(level, world))
    flipped = (jnp.arange(world.cells) == cells) & taken
    return level.replace(walls=level.walls ^ flipped)


def _move_start(uniforms, level, world, limits):
    del limits
    cell, taken = _draw(uniforms[0], _free(level, world))
    return level.replace(start=jnp.where(taken, cell, level.start))


def _move_object(uniforms, level, world, limits):
    del limits
    slot, is_any = _draw_slot(uniforms[0], level.object_type >= 0)
    cell, taken = _draw(uniforms[1], _free(level, world))
    here = (jnp.arange(world.max_objects) == slot) & is_any & taken
    return level.replace(object_position=jnp.where(here, cell, level.object_position))


def _add_or_remove_object(uniforms, level, world, limits):
    del limits
    slot, _ = _draw_slot(uniforms[0], jnp.ones(world.max_objects, bool))
    here, used = jnp.arange(world.max_objects) == slot, level.object_type >= 0
    cell, taken = _draw(uniforms[1], _free(level, world))
    kind = below(uniforms[2], world.max_types)
    removed = here & used & (used.sum() > 1)
    added = here & ~used & taken
    return level.replace(
        object_type=jnp.where(removed, -1, jnp.where(added, kind, level.object_type)),
        object_position=jnp.where(added, cell, level.object_position),
    )


def _jitter_reward(uniforms, level, world, limits):
    kind, is_any = _draw_type(uniforms[0], level, world)
    lowest = jnp.full(world.max_types, limits.lowest_reward).at[0].set(0.0)
    moved = level.type_reward + REWARD_DEVIATION * _normal(uniforms[1])
    return level.replace(
        type_reward=jnp.where(kind & is_any, reflect(moved, lowest, 1.0), level.type_reward)
    )


def _scale_probabilities(uniforms, level, world, limits):
    del limits
    kind, is_any = _draw_type(uniforms[0], level, world)
    changed = kind & is_any

    def scaled(probability, uniform, bounds):
        factor = jnp.exp(LOG_DEVIATION * _normal(uniform))
        return jnp.where(changed, jnp.clip(probability * factor, *bounds), probability)

    return level.replace(
        type_termination_probability=scaled(
            level.type_termination_probability, uniforms[1], TERMINATION_RANGE
        ),
        type_respawn_probability=scaled(level.type_respawn_probability, uniforms[2], RESPAWN_RANGE),
    )


def _scale_limit(uniforms, level, world, limits):
    del world
    factor = jnp.exp(LOG_DEVIATION * _normal(uniforms[0]))
    scaled = jnp.round(level.max_steps_in_episode * factor).astype(jnp.int32)
    return level.replace(max_steps_in_episode=jnp.clip(scaled, *limits.max_steps))


def _change_side(uniforms, level, world, limits):
    change = jnp.where(uniforms[0] < 0.5, -1, 1)
    resized = level.replace(side=jnp.clip(level.side + change, *limits.side))
    inside = _inside(resized, world)
    resized = resized.replace(walls=level.walls & inside)
    # Start and objects are not walls: where they would be left outside, the side stays.
    fits = jnp.all(_held(level, world) <= inside)
    return jax.tree.map(lambda new, old: jnp.where(fits, new, old), resized, level)


_EDITS: tuple[_Edit, ...] = (
    _flip_wall,
    _move_start,
    _move_object,
    _add_or_remove_object,
    _jitter_reward,
    _scale_probabilities,
    _scale_limit,
    _change_side,
)


def reflect(
    value: Float[Array, "*shape"], low: Float[Array, "*shape"] | float, high: float
) -> Float[Array, "*shape"]:
    """The value folded back into a range at its ends, as often as it takes."""
    width = high - low
    folded = jnp.abs(jnp.mod(value - low + width, 2 * width) - width)
    return jnp.clip(low + folded, low, high)


def _marks(cells, marked, world) -> Int[Array, " cells"]:
    """How many of the marked cells are each cell."""
    cells, marked = jnp.atleast_1d(cells), jnp.atleast_1d(marked)
    is_cell = cells[:, None] == jnp.arange(world.cells)
    return jnp.sum(is_cell & marked[:, None], axis=0, dtype=jnp.int32)


def _held(level, world) -> Bool[Array, " cells"]:
    """Cells of the start and of objects."""
    objects = _marks(level.object_position, level.object_type >= 0, world)
    return (objects + _marks(level.start, True, world)) > 0


def _inside(level, world) -> Bool[Array, " cells"]:
    """Cells of the level's own side."""
    return open_cells(level.replace(walls=jnp.zeros_like(level.walls)), world.max_side)


def _free(level, world) -> Bool[Array, " cells"]:
    return open_cells(level, world.max_side) & ~_held(level, world)


def _draw(uniform, free) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """A free cell, and whether there was one."""
    cells, taken = draw_free_cells(uniform[None], free, jnp.ones(1, bool))
    return cells[0], taken[0]


def _draw_slot(uniform, eligible) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """One of the eligible slots, and whether there was one."""
    so_far = jnp.cumsum(eligible)
    rank = jnp.floor(uniform * so_far[-1])
    return jnp.sum(so_far <= rank, dtype=jnp.int32), so_far[-1] > 0


def _draw_type(uniform, level, world) -> tuple[Bool[Array, " types"], Bool[Array, ""]]:
    """The type of one of the objects, marked among all types."""
    slot, is_any = _draw_slot(uniform, level.object_type >= 0)
    return jnp.arange(world.max_types) == level.object_type[slot], is_any


def _normal(uniform) -> Float[Array, ""]:
    """A standard normal number from one in [0, 1)."""
    return jax.scipy.special.ndtri(jnp.clip(uniform, 5e-7, 1 - 5e-7))
