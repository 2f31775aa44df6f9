"""Levels of several maps, of which each episode has one."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Int

from rlsuite.envs.cells import Cells
from rlsuite.envs.step_tables import StepTable


@runtime_checkable
class ManyMaps(Protocol):
    """A single level, no batch of them: how many maps it has, how the first of them are kept."""

    @property
    def num_maps(self) -> int:
        """How many there are, one as good as another."""

    def first_maps(self, number: Int[Array, ""]) -> "ManyMaps":
        """The same level with the first so many of its maps alone.

        Args:
            number: Of maps; at least 1. It may be traced, so that levels of any number are one
                program.
        """


@runtime_checkable
class MapTables(Protocol):
    """A deterministic world that can be solved on each of a level's maps."""

    def map_table(self, params: Any, context: Int[Array, ""], cells: Cells) -> StepTable:
        """What every action leads to in every state of one map; vmappable over contexts.

        Args:
            params: The level.
            context: The number of the map, below `num_maps`.
            cells: By which states are told apart.
        """
