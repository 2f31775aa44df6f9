"""A level drawn as text, for tests."""

from collections.abc import Callable

import jax.numpy as jnp
import pytest

from rlsuite.envs.gridworld import GridWorld, Params


def _draw_level(
    world: GridWorld,
    drawing: str,
    *,
    rewards: tuple[float, ...],
    termination: tuple[float, ...] = (),
    respawn: tuple[float, ...] = (),
    max_steps: int = 1000,
) -> Params:
    """Read "#" as a wall, "@" as the start and a digit as an object of that type."""
    rows = drawing.split()
    cells = {
        row * world.max_side + column: character
        for row, line in enumerate(rows)
        for column, character in enumerate(line)
    }
    objects = [(cell, int(kind)) for cell, kind in sorted(cells.items()) if kind.isdigit()]
    unused = world.max_objects - len(objects)

    def per_type(values: tuple[float, ...]) -> jnp.ndarray:
        return jnp.array((*values, *[0.0] * (world.max_types - len(values))), jnp.float32)

    return Params(
        max_steps_in_episode=jnp.int32(max_steps),
        side=jnp.int32(len(rows)),
        walls=jnp.array([cells.get(cell) == "#" for cell in range(world.cells)]),
        start=jnp.int32(next(cell for cell, character in cells.items() if character == "@")),
        object_type=jnp.array([kind for _, kind in objects] + [-1] * unused, jnp.int32),
        object_position=jnp.array([cell for cell, _ in objects] + [0] * unused, jnp.int32),
        type_reward=per_type(rewards),
        type_termination_probability=per_type(termination),
        type_respawn_probability=per_type(respawn),
    )


@pytest.fixture(scope="session")
def draw_level() -> Callable[..., Params]:
    return _draw_level
