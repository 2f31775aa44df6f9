"""Mazes drawn for this suite, as text: those of the grid world with agent and goal, and small ones.

None of them is a maze that results are published on.
"""

from rlsuite.envs.gridworld.mazes import MAZES

_CENTRE, _CORNER = (6, 6), (12, 12)


def _placed(layout: str, goal: tuple[int, int]) -> str:
    """A layout with the goal in a row and column, and the agent in its first cell, looking east."""
    rows = [list(row) for row in MAZES[layout].split()]
    rows[0][0] = ">"
    rows[goal[0]][goal[1]] = "G"
    return "\n".join("".join(row) for row in rows)


DRAWN_MAZES: dict[str, str] = {
    "DrawnRooms": _placed("sixteen_rooms", _CORNER),
    "DrawnRoomsMirrored": _placed("sixteen_rooms_mirrored", _CORNER),
    "DrawnRings": _placed("labyrinth", _CENTRE),
    "DrawnRingsMirrored": _placed("labyrinth_mirrored", _CENTRE),
    "DrawnPerfect1": _placed("perfect_maze_1", _CORNER),
    "DrawnPerfect2": _placed("perfect_maze_2", _CORNER),
    "DrawnPerfect3": _placed("perfect_maze_3", _CORNER),
    "DrawnPerfect3Mirrored": _placed("perfect_maze_3_mirrored", _CORNER),
}
"""Mazes of 13 x 13 cells by name: rooms with doors, nested rings, and mazes with a single path."""


TINY_MAZES: dict[str, str] = {
    "TinyHook": """
>#.G
.#.#
.#..
....
""",
    "TinyDoor": """
>.#.
..#.
....
..#G
""",
}
"""Mazes of 4 x 4 cells by name, for tests that take seconds."""

SMALL_MAZES: dict[str, str] = {
    "SmallRooms": """
>..#...
.......
...#...
#.###.#
...#...
.......
...#..G
""",
    "SmallSpiral": """
>......
######.
.....#.
.###.#.
.#G..#.
.#####.
.......
""",
    "SmallZigzag": """
>......
######.
.......
.######
.......
######.
G......
""",
    "SmallDeadEnds": """
>#.....
.#.###.
.#.#G#.
...#.#.
.###.#.
.#...#.
.#.#...
""",
}
"""Mazes of 7 x 7 cells by name, for tests that take minutes."""
