"""Distributions over grid-world levels, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.gridworld.chance import below
from rlsuite.envs.gridworld.mazes import parse_layout
from rlsuite.envs.gridworld.recipes import (
    RECIPES,
    RESPAWN_RANGE,
    TERMINATION_RANGE,
    FixedLevel,
    LevelRanges,
)
from rlsuite.envs.gridworld.world import GridWorld, Params, open_cells

Draw = Callable[[PRNGKeyArray], tuple[Params, Int[Array, ""], Bool[Array, ""]]]


LEVEL_DISTRIBUTIONS: tuple[str, ...] = tuple(RECIPES)
"""Every name that `level_distribution` knows."""

TABULAR_LEVELS: tuple[str, ...] = ("dense", "sparse", "long", "longer", "long_dense")
"""The LPG paper's five tabular levels."""


@dataclass(frozen=True)
class LevelDistribution:
    """A distribution over tasks: levels and how long an agent lives on them.

    Attributes:
        name: One of `LEVEL_DISTRIBUTIONS`.
        world: The world that the levels are made for.
        draw: From a key to a level, its lifetime in agent updates, and whether the draw had to
            be mended to be valid (see `level_distribution`). Jittable and vmappable.
        lifetime_range: The shortest and the longest lifetime.
    """

    name: str
    world: GridWorld
    draw: Draw
    lifetime_range: tuple[int, int]

    def sample(self, key: PRNGKeyArray) -> tuple[Params, Int[Array, ""]]:
        """Draw a level and its lifetime in agent updates. Jittable and vmappable."""
        level, lifetime, _ = self.draw(key)
        return level, lifetime


@cache
def level_distribution(
    name: str,
    *,
    observation: Literal["index", "one_hot"] = "index",
    max_side: int | None = None,
    max_objects: int | None = None,
    max_types: int | None = None,
) -> LevelDistribution:
    """Look up a distribution by name; the same arguments give the same object.

    Levels are always valid: start and objects lie on distinct free cells and the agent can reach
    at least one object. A draw that is not valid is mended by taking its walls away, which befalls
    2.7 % of draws of small, 0.6 % of medium, 0.5 % of large and 0.8 % of all and its kin, and
    none of the fixed levels and mazes (20 000 draws each).

    Args:
        name: One of `LEVEL_DISTRIBUTIONS`.
        observation: The world's form of observation.
        max_side: Side of the world, where it should be larger than the levels need. The same key
            gives the same level whatever the world's sizes.
        max_objects: Object slots of the world, likewise.
        max_types: Object types of the world, likewise.

    Raises:
        ValueError: If the name is unknown, or a size too small for the levels.
    """
    if name not in RECIPES:
        known = ", ".join(LEVEL_DISTRIBUTIONS)
        raise ValueError(f"unknown level distribution {name!r}; known: {known}")
    recipe = RECIPES[name]

    def make_world(*, max_side: int, max_objects: int, max_types: int) -> GridWorld:
        return GridWorld(
            max_side=max_side,
            max_objects=max_objects,
            max_types=max_types,
            tabular=recipe.tabular,
            observation=observation,
        )

    own = make_world(**recipe.sizes)
    asked = {"max_side": max_side, "max_objects": max_objects, "max_types": max_types}
    sizes = {field: size for field, size in asked.items() if size is not None}
    world = make_world(**(recipe.sizes | sizes))
    _check_holds(world, own)
    draw: Draw
    if isinstance(recipe, FixedLevel):
        draw = partial(_draw_fixed, recipe, own)
    else:
        draw = partial(_draw_ranges, recipe, own)
    return LevelDistribution(
        name=name,
        world=world,
        draw=partial(_draw_resized, draw, own, world),
        lifetime_range=recipe.lifetime_range,
    )


def resize(level: Params, from_world: GridWorld, to_world: GridWorld) -> Params:
    """Re-index a level for a world with more cells, object slots or types.

    The level stays the same task: cells keep their row and column, new slots are unused.

    Raises:
        ValueError: If `to_world` is smaller than `from_world` in some size.
    """
    _check_holds(to_world, from_world)
    side, new_side = from_world.max_side, to_world.max_side
    new_objects = (0, to_world.max_objects - from_world.max_objects)
    new_types = (0, to_world.max_types - from_world.max_types)

    def move(cell: Int[Array, "*shape"]) -> Int[Array, "*shape"]:
        return cell // side * new_side + cell % side

    walls = jnp.pad(level.walls.reshape(side, side), (0, new_side - side)).ravel()
    return level.replace(
        walls=walls,
        start=move(level.start),
        object_type=jnp.pad(level.object_type, new_objects, constant_values=-1),
        object_position=jnp.pad(move(level.object_position), new_objects),
        type_reward=jnp.pad(level.type_reward, new_types),
        type_termination_probability=jnp.pad(level.type_termination_probability, new_types),
        type_respawn_probability=jnp.pad(level.type_respawn_probability, new_types),
    )


def reachable_cells(
    blocked: Bool[Array, "side side"], start: Int[Array, ""]
) -> Bool[Array, "side side"]:
    """Cells that can be walked to from the cell with index `start`, itself included."""

    def spread(carry: tuple[Bool[Array, "side side"], Bool[Array, ""]]):
        reached, _ = carry
        padded = jnp.pad(reached, 1)
        neighbours = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        spread_to = reached | (neighbours & ~blocked)
        return spread_to, jnp.any(spread_to != reached)

    first = (jnp.arange(blocked.size) == start).reshape(blocked.shape)
    reached, _ = jax.lax.while_loop(lambda carry: carry[1], spread, (first, jnp.array(True)))
    return reached


def _check_holds(world: GridWorld, smaller: GridWorld) -> None:
    for field in ("max_side", "max_objects", "max_types"):
        size, needed = getattr(world, field), getattr(smaller, field)
        if size < needed:
            raise ValueError(f"{field} is {size}; it must be at least {needed}")


def _draw_resized(draw: Draw, own: GridWorld, world: GridWorld, key: PRNGKeyArray):
    level, lifetime, mended = draw(key)
    return resize(level, own, world), lifetime, mended


def _draw_fixed(
    recipe: FixedLevel, world: GridWorld, key: PRNGKeyArray
) -> tuple[Params, Int[Array, ""], Bool[Array, ""]]:
    level = Params(
        max_steps_in_episode=jnp.int32(recipe.max_steps),
        side=jnp.int32(recipe.side),
        walls=_layout_walls(recipe.layout, world),
        start=jnp.int32(0),
        object_type=jnp.array(recipe.object_types, jnp.int32),
        object_position=jnp.zeros(world.max_objects, jnp.int32),
        type_reward=jnp.array(recipe.rewards, jnp.float32),
        type_termination_probability=jnp.array(recipe.termination, jnp.float32),
        type_respawn_probability=jnp.array(recipe.respawn, jnp.float32),
    )
    level = _place_start_and_objects(key, level, world)
    return level, jnp.int32(recipe.lifetime), jnp.array(False)


def _draw_ranges(
    recipe: LevelRanges, world: GridWorld, key: PRNGKeyArray
) -> tuple[Params, Int[Array, ""], Bool[Array, ""]]:
    wall_key, place_key, scalar_key, type_key = jax.random.split(key, 4)
    side, max_steps, num_objects, lifetime = jax.random.uniform(scalar_key, (4,))
    reward, termination, respawn = jax.random.uniform(type_key, (3, world.max_types))
    lowest_reward = jnp.full(world.max_types, recipe.lowest_reward).at[0].set(0.0)
    slot = jnp.arange(world.max_objects, dtype=jnp.int32)
    level = Params(
        max_steps_in_episode=_log_uniform_integer(max_steps, recipe.max_steps),
        side=_uniform_integer(side, recipe.side),
        walls=_layout_walls(recipe.layout, world),
        start=jnp.int32(0),
        object_type=jnp.where(slot < _uniform_integer(num_objects, recipe.objects), slot, -1),
        object_position=jnp.zeros(world.max_objects, jnp.int32),
        type_reward=lowest_reward + (1.0 - lowest_reward) * reward,
        type_termination_probability=_log_uniform(termination, TERMINATION_RANGE),
        type_respawn_probability=_log_uniform(respawn, RESPAWN_RANGE),
    )
    if recipe.walls:
        level = level.replace(walls=level.walls | _draw_walls(wall_key, recipe.walls, world))
        level, mended = _place_and_mend(place_key, level, world)
    else:
        level, mended = _place_start_and_objects(place_key, level, world), jnp.array(False)
    return level, _log_uniform_integer(lifetime, recipe.lifetime_range), mended


def _place_and_mend(
    key: PRNGKeyArray, level: Params, world: GridWorld
) -> tuple[Params, Bool[Array, ""]]:
    is_object = level.object_type >= 0
    crowded = jnp.sum(open_cells(level, world.max_side)) <= jnp.sum(is_object)
    level = _place_start_and_objects(key, level.replace(walls=level.walls & ~crowded), world)
    blocked = ~open_cells(level, world.max_side).reshape(world.max_side, world.max_side)
    reached = reachable_cells(blocked, level.start).ravel()
    cut_off = ~jnp.any(reached[level.object_position] & is_object)
    return level.replace(walls=level.walls & ~cut_off), crowded | cut_off


def _place_start_and_objects(key: PRNGKeyArray, level: Params, world: GridWorld) -> Params:
    # The cells with the largest of independent uniforms are a uniform draw without replacement.
    preference = jax.random.uniform(key, (world.cells,))
    preference = jnp.where(open_cells(level, world.max_side), preference, -1.0)
    _, chosen = jax.lax.top_k(preference, world.max_objects + 1)
    return level.replace(start=chosen[0], object_position=chosen[1:])


def _layout_walls(layout: str, world: GridWorld) -> Bool[Array, " cells"]:
    return jnp.array(parse_layout(layout).ravel()) if layout else jnp.zeros(world.cells, bool)


def _draw_walls(key: PRNGKeyArray, count: int, world: GridWorld) -> Bool[Array, " cells"]:
    preference = jax.random.uniform(key, (world.cells,))
    lowest_chosen = jax.lax.top_k(preference, count)[0][-1]
    return preference >= lowest_chosen


def _uniform_integer(uniform: Float[Array, ""], inclusive_range: tuple[int, int]) -> Int[Array, ""]:
    low, high = inclusive_range
    return low + below(uniform, high + 1 - low)


def _log_uniform(
    uniform: Float[Array, "*draws"], inclusive_range: tuple[float, float]
) -> Float[Array, "*draws"]:
    low, high = inclusive_range
    return jnp.clip(low * (high / low) ** uniform, low, high)


def _log_uniform_integer(
    uniform: Float[Array, ""], inclusive_range: tuple[int, int]
) -> Int[Array, ""]:
    low, high = inclusive_range
    return jnp.clip(jnp.floor(_log_uniform(uniform, (low, high + 1))), low, high).astype(jnp.int32)
