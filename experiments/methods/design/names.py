"""What sets of levels are called in results of students."""

from typing import NamedTuple

from rlsuite.experiments.level_design import LevelDesign


class SetNames(NamedTuple):
    """Names of the sets, and what their levels are called."""

    levels: str
    drawn: str
    random: str
    of_a_kind: str


def names_of(design: LevelDesign | None) -> SetNames:
    """The names for a world's levels, which are mazes or some other ones."""
    levels = "levels" if design is None else design.levels_name
    return SetNames(levels, f"drawn {levels}", f"random {levels}", f"{levels} of a kind")
