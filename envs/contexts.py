"""Levels of several maps, of which each episode has one."""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Int


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
