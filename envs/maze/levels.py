"""Levels of the maze: drawn at random, read from text, and checked."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from rlsuite.envs.gridworld.chance import below, draw_free_cells
from rlsuite.envs.gridworld.mazes import FREE, parse_layout
from rlsuite.envs.maze.world import MAX_STEPS, Maze, Params

AGENTS = ">v<^"
"""How text shows an agent that looks east, south, west or north."""

GOAL = "G"
"""How text shows the goal."""


def random_level(
    key: PRNGKeyArray,
    world: Maze,
    max_walls: int,
    min_walls: int | None = None,
    max_steps: int = MAX_STEPS,
) -> Params:
    """Draw a level, as domain randomisation has it. Jittable and vmappable; it may be unsolvable.

    Each of the walls takes any cell, with replacement, so that there are fewer of them than draws:
    with 169 cells 23.3 of 25 in the mean, and 50.6 of 60. Then agent and goal take two free cells,
    and the agent any direction.

    Args:
        key: Randomness of the level.
        world: The world the level is made for.
        max_walls: Draws of a wall, the budget.
        min_walls: Where it is given, the number of draws is uniform from here to the budget (the
            PyTorch code of PLR and ACCEL draws it so), else it is the budget.
        max_steps: The limit of an episode.

    Raises:
        ValueError: If a number of walls is out of range: the budget leaves two cells free.
    """
    check_budget(world, max_walls, min_walls)
    # All that is random is one draw: the number of walls, direction, agent, goal, and each wall.
    uniforms = jax.random.uniform(key, (4 + max_walls,))
    number, turn, places, wall_cells = jnp.split(uniforms, [1, 2, 4])
    fewest = max_walls if min_walls is None else min_walls
    budget = fewest + below(number[0], max_walls + 1 - fewest)
    # What exceeds the budget is put off the grid, where nothing is written.
    cells = jnp.where(jnp.arange(max_walls) < budget, below(wall_cells, world.cells), world.cells)
    walls = jnp.zeros(world.cells, bool).at[cells].set(True, mode="drop")
    placed, _ = draw_free_cells(places, ~walls, jnp.ones(2, bool))
    return Params(
        max_steps_in_episode=jnp.int32(max_steps),
        walls=walls,
        start=placed[0],
        direction=below(turn[0], 4),
        goal=placed[1],
    )


def check_budget(world: Maze, max_walls: int, min_walls: int | None = None) -> None:
    """Check a budget of walls.

    Raises:
        ValueError: If it is out of range.
    """
    most = world.cells - 2
    if not 0 <= max_walls <= most:
        raise ValueError(
            f"max_walls: {max_walls} is not allowed; it must be from 0 to {most}, two less than "
            f"the {world.cells} cells"
        )
    if min_walls is not None and not 0 <= min_walls <= max_walls:
        raise ValueError(
            f"min_walls: {min_walls} is not allowed; it must be from 0 to max_walls, {max_walls}"
        )


def parse_level(text: str, max_steps: int = MAX_STEPS) -> Params:
    """Read a level drawn as text: "#" wall, "." free, "G" the goal, ">", "v", "<" or "^" the agent.

    Raises:
        ValueError: If the drawing is not square, holds another character, or has not one goal and
            one agent.
    """
    drawing = "".join(text.split())
    where = {
        what: [cell for cell, character in enumerate(drawing) if character in characters]
        for what, characters in (("goal", GOAL), ("agent", AGENTS))
    }
    for what, cells in where.items():
        if len(cells) != 1:
            raise ValueError(f"{what}: {len(cells)} of them are not allowed; there must be one")
    start, goal = where["agent"][0], where["goal"][0]
    layout = text.translate(str.maketrans(AGENTS + GOAL, FREE * len(AGENTS + GOAL)))
    return Params(
        max_steps_in_episode=jnp.int32(max_steps),
        walls=jnp.array(parse_layout(layout).ravel()),
        start=jnp.int32(start),
        direction=jnp.int32(AGENTS.index(drawing[start])),
        goal=jnp.int32(goal),
    )


def check_level(world: Maze, level: Params) -> None:
    """Check that a level, not a batch of them, is one of the world.

    Raises:
        ValueError: If it has walls for another number of cells, if agent or goal stand outside the
            grid, on a wall or on the same cell, or if the direction or the limit is none.
    """
    walls = np.asarray(level.walls)
    if walls.shape != (world.cells,):
        raise ValueError(
            f"walls: shape {walls.shape} is not allowed; it must be {(world.cells,)}, one for each "
            "cell"
        )
    for name, lowest, number in (
        ("start", 0, world.cells),
        ("goal", 0, world.cells),
        ("direction", 0, 4),
        ("max_steps_in_episode", 1, jnp.iinfo(jnp.int32).max),
    ):
        value = np.asarray(getattr(level, name))
        if value.shape != ():
            raise ValueError(f"{name}: {value.tolist()} is not allowed; there must be one")
        if not lowest <= value < number:
            raise ValueError(
                f"{name}: {value} is not allowed; it must be from {lowest} to {number - 1}"
            )
    for name in ("start", "goal"):
        if walls[int(getattr(level, name))]:
            raise ValueError(
                f"{name}: {getattr(level, name)} is not allowed; it must be a cell without wall"
            )
    if int(level.start) == int(level.goal):
        raise ValueError(f"goal: {level.goal} is not allowed; it must not be the start's cell")


def enlarge(level: Params, from_world: Maze, to_world: Maze) -> Params:
    """The same level in a larger world, with walls around it.

    Raises:
        ValueError: If `to_world` is smaller.
    """
    side, new_side = from_world.side, to_world.side
    if new_side < side:
        raise ValueError(f"side: {new_side} is not allowed; it must be at least {side}")

    def move(cell: Int[Array, ""]) -> Int[Array, ""]:
        return cell // side * new_side + cell % side

    walls = jnp.pad(level.walls.reshape(side, side), (0, new_side - side), constant_values=True)
    return level.replace(walls=walls.ravel(), start=move(level.start), goal=move(level.goal))
