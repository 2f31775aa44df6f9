"""What the named level distributions are made of, as data.

Sources: the five tabular levels and their non-tabular kin are those of the LPG paper (Oh et al.
2020, arXiv 2007.08794, appendix); the sampled distributions, the probabilities' ranges and the
lifetimes are those of GROOVE (Jackson et al. 2023, arXiv 2310.02782, appendix).
"""

from dataclasses import dataclass, replace

from rlsuite.envs.gridworld.mazes import MAZES


@dataclass(frozen=True)
class FixedLevel:
    """A named level of which only the start and the objects' cells are drawn."""

    side: int
    max_steps: int
    object_types: tuple[int, ...]
    rewards: tuple[float, ...]
    termination: tuple[float, ...]
    respawn: tuple[float, ...]
    lifetime: int
    layout: str = ""
    tabular: bool = True

    @property
    def sizes(self) -> dict[str, int]:
        """The smallest sizes of a world that holds the level."""
        return {
            "max_side": self.side,
            "max_objects": len(self.object_types),
            "max_types": len(self.rewards),
        }

    @property
    def lifetime_range(self) -> tuple[int, int]:
        """The lifetime, twice."""
        return self.lifetime, self.lifetime


@dataclass(frozen=True)
class LevelRanges:
    """A distribution over levels, as inclusive ranges; object j is the only one of type j."""

    side: tuple[int, int]
    max_steps: tuple[int, int]
    objects: tuple[int, int]
    lifetime_range: tuple[int, int]
    walls: int = 0
    layout: str = ""
    lowest_reward: float = -1.0
    tabular: bool = True

    @property
    def sizes(self) -> dict[str, int]:
        """The smallest sizes of a world that holds every level."""
        return {
            "max_side": self.side[1],
            "max_objects": self.objects[1],
            "max_types": self.objects[1],
        }


TERMINATION_RANGE = (0.01, 1.0)
"""Termination probabilities of `LevelRanges` are log-uniform in this range."""

RESPAWN_RANGE = (0.001, 0.1)
"""Respawn probabilities of `LevelRanges` are log-uniform in this range."""

_LONGER_WALLS = """
....#....
.........
....#....
....#....
....#....
....#....
....#....
.........
....#....
"""

_LONG_DENSE_WALLS = """
...........
.....#.....
.....#.....
.....#.....
##.#####.##
.....#.....
.....#.....
...........
.....#.....
.....#.....
.....#.....
"""

_RAND_SMALL_WALLS = """
.......
..#....
.......
....#..
.......
.......
.......
"""

_DENSE = FixedLevel(11, 500, (0, 0, 1, 2), (1, -1, -1), (0, 0.5, 0), (0.05, 0.1, 0.5), 2500)
_LONG = FixedLevel(11, 1000, (0, 0, 1, 1), (1, -1), (0, 0.5), (0.01, 1), 2500)
_ALL = LevelRanges((4, 10), (20, 750), (1, 5), (1000, 1000), walls=15)
_MAZE = LevelRanges((13, 13), (25, 50), (3, 3), (2500, 2500), lowest_reward=0.0)

# fmt: off
RECIPES: dict[str, FixedLevel | LevelRanges] = {
    "dense": _DENSE,
    "sparse": FixedLevel(13, 50, (0, 1), (1, -1), (1, 1), (0, 0), 2500),
    "long": _LONG,
    "longer": FixedLevel(9, 2000, (0, 0, 1, 1, 1), (1, -1), (0.1, 0.8), (0.01, 1), 2500,
                         layout=_LONGER_WALLS),
    "long_dense": FixedLevel(11, 2000, (0, 0, 0, 0), (1,), (0,), (0.005,), 2500,
                             layout=_LONG_DENSE_WALLS),
    "rand_dense": replace(_DENSE, tabular=False, lifetime=25_000),
    "rand_long": replace(_LONG, tabular=False, lifetime=25_000),
    "rand_small": FixedLevel(7, 500, (0, 0, 1, 1), (1, -1), (0, 0.5), (0.05, 0.1), 25_000,
                             layout=_RAND_SMALL_WALLS, tabular=False),
    "rand_sparse": FixedLevel(7, 50, (0, 1, 1), (1, -1), (1, 1), (1, 1), 25_000, tabular=False),
    "rand_very_dense": FixedLevel(11, 2000, (0,), (1,), (0,), (1,), 25_000, tabular=False),
    "small": LevelRanges((4, 6), (20, 100), (1, 3), (250, 250), walls=7),
    "medium": LevelRanges((6, 8), (100, 250), (2, 4), (1000, 1000), walls=10),
    "large": LevelRanges((8, 10), (250, 750), (2, 5), (2500, 2500), walls=15),
    "all": _ALL,
    "rand_all": replace(_ALL, tabular=False, lifetime_range=(25_000, 25_000)),
    "all_shortlife": replace(_ALL, lifetime_range=(250, 250)),
    "all_randlife": replace(_ALL, lifetime_range=(50, 250)),
    "all_vrandlife": replace(_ALL, lifetime_range=(10, 250)),
    **{name: replace(_MAZE, layout=layout) for name, layout in MAZES.items()},
}
# fmt: on
"""Every distribution by name. Lifetimes are in agent updates."""
