"""Cells: what states of a world have in common that are not told apart."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.bsuite.deep_sea import DeepSea
from gymnax.environments.environment import Environment
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.envs.wrapper import StateWrapper, WrappedState, Wrapper


class Cells(NamedTuple):
    """What states have in common that are not told apart.

    Attributes:
        number: How many there may be.
        of: `(state, observation) -> cell`, below that number.
    """

    number: int
    of: Callable[[Any, Any], Int[Array, ""]]


ONE_CELL = Cells(1, lambda state, seen: jnp.zeros((), jnp.int32))
"""All states are alike."""


def rounded_observations(number: int, resolution: float) -> Cells:
    """Cells by observations, rounded to multiples of a resolution and hashed.

    Two that differ share a cell with a chance of one in `number`.

    Args:
        number: Of cells.
        resolution: In units of the observation.
    """

    def of(state, observation):
        del state
        leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)]
        values = jnp.concatenate([jnp.asarray(leaf, jnp.float32) for leaf in leaves])
        rounded = jnp.round(values / resolution).astype(jnp.int32).astype(jnp.uint32)
        factors = np.random.default_rng(0).integers(1, 2**32, values.size, np.uint32) | 1
        mixed = (rounded * factors).sum(dtype=jnp.uint32)
        mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x45D9F3B)
        return ((mixed ^ (mixed >> 16)) % number).astype(jnp.int32)

    return Cells(number, of)


def named_cells(world: Environment) -> Mapping[str, Cells]:
    """The cells that a world has names for, its usual ones first; none where it has no names.

    A world says them by a property `cells`, a mapping; those of gymnax's DeepSea are its places.
    """
    if isinstance(world, DeepSea):
        size = world.size
        # An episode ends in the row behind the last.
        number = size * (size + 1)
        return {"place": Cells(number, lambda state, seen: state.row * size + state.column)}
    return getattr(world, "cells", {})


def find_cells(world: Environment, name: str | None, otherwise: Cells) -> Cells:
    """The cells of a world by a name of its own, its usual ones without a name.

    Args:
        world: Any world.
        name: Of its cells; none asks for the first.
        otherwise: Those of worlds without names, where no name is asked for.

    Raises:
        ValueError: If the world has no cells of that name.
    """
    known = named_cells(world)
    if name is None:
        return next(iter(known.values()), otherwise)
    if name not in known:
        allowed = ", ".join(known) or "none"
        raise ValueError(
            f"cells: {name!r} is not allowed; those of {world.name} that have names: {allowed}"
        )
    return known[name]


class Passage(NamedTuple):
    """The cell that a step left, and the one that it led to."""

    left: Int[Array, "*batch"]
    entered: Int[Array, "*batch"]


@struct.dataclass
class CellState(WrappedState):
    """The state of the world within, and its cell."""

    world: Any
    cell: Int[Array, ""]


class CellWorld(StateWrapper):
    """A world that tells learners, and not policies, from which cell to which each step leads.

    `info["extra"]` is a `Passage`, in place of what the world within has there.

    Args:
        world: The world within.
        cells: What is told of its states.
    """

    def __init__(self, world: Environment, cells: Cells):
        super().__init__(world)
        self._cells = cells

    def step_env(
        self, key: PRNGKeyArray, state: CellState, action: ArrayLike, params: Any
    ) -> tuple[PyTree, CellState, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, and the cells before and after it."""
        seen, within, *rest, info = self.world.step_env(key, state.world, action, params)
        reward, terminated = rest
        cell = self._cells.of(within, seen)
        info = {**info, "extra": Passage(state.cell, cell)}
        return seen, CellState(within, cell), reward, terminated, info

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[PyTree, CellState]:
        """Starts an episode of the world within."""
        seen, within = self.world.reset_env(key, params)
        return seen, CellState(within, self._cells.of(within, seen))


class SeenAsCells(Wrapper):
    """A world of which the number of its state's cell is all that is seen.

    A table may then read what would else take a network.

    Args:
        world: The world within.
        cells: By which its states are told apart.
    """

    def __init__(self, world: Environment, cells: Cells):
        super().__init__(world)
        self._cells = cells

    def step_env(
        self, key: PRNGKeyArray, state: Any, action: ArrayLike, params: Any
    ) -> tuple[Int[Array, ""], Any, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, and the cell that it led to."""
        seen, *rest = self.world.step_env(key, state, action, params)
        return self._cells.of(rest[0], seen), *rest

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[Int[Array, ""], Any]:
        """Starts an episode of the world within."""
        seen, state = self.world.reset_env(key, params)
        return self._cells.of(state, seen), state

    def get_obs(
        self, state: Any, params: Any = None, key: PRNGKeyArray | None = None
    ) -> Int[Array, ""]:
        """The cell of a state."""
        return self._cells.of(state, super().get_obs(state, params, key))

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        """All cells there may be."""
        return spaces.Discrete(self._cells.number)
