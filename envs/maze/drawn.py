"""Mazes to test on, as text: the eight standard ones, drawn anew, and small ones.

The public levels of environment design are known here by their descriptions: how many walls they
have, how far it is to the goal, and of what kind they are. The standard mazes of this file are
drawn after these. They equal the published ones in the number of walls, the length of the shortest
path (turns counted) and so in the best return, not necessarily cell by cell; results on them
compare with published ones as those on mazes of the same kind do.
"""

_LABYRINTH = """
>#...........
.#.#########.
.#.........#.
.#########.#.
.#...#...#.#.
.#.#.#.#.#.#.
.#.#.#G#.#.#.
.#.#.###.#.#.
.#.#.....#.#.
.#.#######.#.
.#.........#.
.##########..
............#
"""


def _flipped(text: str) -> str:
    """Left and right exchanged, the agent's direction too."""
    exchanged = str.maketrans("<>", "><")
    return "\n".join(row[::-1].translate(exchanged) for row in text.split())


STANDARD_MAZES: dict[str, str] = {
    "SixteenRooms": """
.............
.>.#..#..#...
...#..#..#...
##.#.#####.##
...#..#..#...
.............
.####.#.##.##
.............
...#..#..#...
.###.###.###.
.........#...
...#..#....G.
...#..#..#...
""",
    "SixteenRooms2": """
...#..#..#...
.>.#..#......
...#..#..#...
#.##.##.####.
...#.....#...
...#..#..#...
#.###.#####.#
.........#...
...#..#......
.###########.
......#..#...
...#..#..#.G.
...#..#......
""",
    "Labyrinth": _LABYRINTH,
    "LabyrinthFlipped": _flipped(_LABYRINTH),
    "Labyrinth2": """
.............
.###########.
.#.........#.
.#.#######.#.
.#.#.....#.#.
.#.#.###.#.#.
.#.#.#G#.#.#.
.#.#.#.#.#.#.
.#.#...#...#.
.#..########.
.##........#.
.#########.#.
...........#<
""",
    "StandardMaze": """
>..##..#.....
##.###.#.#.#.
.#...#.#.#.#.
.###.#.#.#.#.
...#.#...#.#.
.#.#.#.###.#.
.#...#.#.#.#.
.#####.#.#.##
.....#...#...
####.#####.#.
...#.#...#.#.
.###.#.#.###.
.......#....G
""",
    "StandardMaze2": """
>#...........
.#.#####.####
.#.#...#.....
.###.#.#.###.
.#...#.#.#...
.#.###.#.#.##
.#.#...#.#...
.#.#.###.###.
.#.#...#...#.
.#.###.#.###.
.#...#.#.#...
.###.#.###.#.
.....#.....#G
""",
    "StandardMaze3": """
>..#.........
##.#.#.#####.
.#.#.#.#.....
.#.#.#.######
.#.#.#.......
.#.#.#######.
.#.#...#...#.
.#.#.###.#.#.
...#.....#...
.###.#######.
.....#...#...
######.#.#.##
.......#....G
""",
}
"""Mazes of 13 x 13 cells by name: rooms with doors, nested rings, and mazes of narrow ways."""


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
