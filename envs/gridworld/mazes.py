"""Held-out 13 x 13 layouts, drawn as text: "#" is a wall, "." a free cell.

In the tradition of the test mazes of minimax and DCD, but drawn for this suite: sixteen rooms
joined by doors, a labyrinth of nested rings, the mirror of each, and perfect mazes (exactly one
path between any two free cells).
"""

import numpy as np
from jaxtyping import Bool

WALL = "#"
FREE = "."


def parse_layout(text: str) -> Bool[np.ndarray, "side side"]:
    """Turn a square layout drawn as text into an array that is true at walls.

    Raises:
        ValueError: If the layout is not square or holds a character other than "#" and ".".
    """
    rows = text.split()
    if not rows or any(len(row) != len(rows) for row in rows):
        raise ValueError(f"layout has rows of {[len(row) for row in rows]}; it must be square")
    unknown = set("".join(rows)) - {WALL, FREE}
    if unknown:
        raise ValueError(f"layout holds {sorted(unknown)}; it may hold only '#' and '.'")
    return np.array([[character == WALL for character in row] for row in rows])


def _mirror(text: str) -> str:
    return "\n".join(row[::-1] for row in text.split())


_SIXTEEN_ROOMS = """
...#..#......
...#.....#...
...#..#..#...
.####.#.##.##
......#......
...#.....#...
####.##.#####
......#..#...
...#.....#...
####.##.##.##
......#..#...
...#..#..#...
...#.........
"""

_LABYRINTH = """
......#......
.###########.
.#.........#.
.#.#####.#.#.
.#.#...#.#.#.
.#.#.###.#.#.
.###...#.#.#.
.#.#.###.#.#.
.#.#.....#.#.
.#.#######.#.
.#.........#.
.##.########.
.............
"""

_PERFECT_MAZE_1 = """
.....#.......
####.#.#####.
.........#...
.#########.#.
.....#.....#.
####.###.###.
...#...#...#.
##.###.#####.
.....#.#...#.
.#########.#.
.#...#.......
.#.#.#.###.##
...#.....#...
"""

_PERFECT_MAZE_2 = """
.....#.#.....
.#.#.#.#.###.
.#.#.#.....#.
.#.#.#.#####.
.#.#.....#.#.
.#.#####.#.#.
.#.#.....#...
.#####.###.##
.#...#.#.#.#.
.###.###.#.#.
...#...#...#.
####.#.###.#.
.....#.......
"""

_PERFECT_MAZE_3 = """
...........#.
########.###.
.#.....#.....
.#.#.###.###.
.#.#.....#.#.
.#.#######.#.
.......#.....
######.#.####
.....#.#...#.
.###.#####.#.
.#.#.#.....#.
.#.#.#.#####.
...#.........
"""

MAZES: dict[str, str] = {
    "sixteen_rooms": _SIXTEEN_ROOMS,
    "sixteen_rooms_mirrored": _mirror(_SIXTEEN_ROOMS),
    "labyrinth": _LABYRINTH,
    "labyrinth_mirrored": _mirror(_LABYRINTH),
    "perfect_maze_1": _PERFECT_MAZE_1,
    "perfect_maze_2": _PERFECT_MAZE_2,
    "perfect_maze_3": _PERFECT_MAZE_3,
    "perfect_maze_3_mirrored": _mirror(_PERFECT_MAZE_3),
}
"""The held-out mazes by name."""
