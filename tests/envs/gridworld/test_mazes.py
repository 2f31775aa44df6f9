import numpy as np
import pytest

from rlsuite.envs.gridworld.mazes import MAZES, parse_layout


def free_cells_from(walls, start):
    """Breadth-first search in plain Python."""
    reached, frontier = {start}, [start]
    while frontier:
        row, column = frontier.pop()
        for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = all(0 <= index < len(walls) for index in cell)
            if inside and not walls[cell] and cell not in reached:
                reached.add(cell)
                frontier.append(cell)
    return reached


@pytest.mark.parametrize("name", MAZES)
def test_free_cells_are_connected(name):
    walls = parse_layout(MAZES[name])
    assert walls.shape == (13, 13)
    free = {tuple(cell) for cell in np.argwhere(~walls).tolist()}
    assert free_cells_from(walls, min(free)) == free


@pytest.mark.parametrize("name", [name for name in MAZES if name.startswith("perfect")])
def test_perfect_mazes_have_no_loops(name):
    free = ~parse_layout(MAZES[name])
    passages = (free[1:] & free[:-1]).sum() + (free[:, 1:] & free[:, :-1]).sum()
    assert passages == free.sum() - 1


def test_mazes_differ():
    assert len({"".join(layout.split()) for layout in MAZES.values()}) == len(MAZES)


@pytest.mark.parametrize("name", [name for name in MAZES if name.endswith("_mirrored")])
def test_mirrors(name):
    original = parse_layout(MAZES[name.removesuffix("_mirrored")])
    np.testing.assert_array_equal(parse_layout(MAZES[name]), original[:, ::-1])


def test_layouts_are_read_row_by_row():
    np.testing.assert_array_equal(parse_layout("\n.#\n..\n"), [[False, True], [False, False]])


@pytest.mark.parametrize(
    ("text", "message"),
    [("..\n.", "must be square"), ("", "must be square"), (".x\n..", "may hold only '#' and '.'")],
)
def test_bad_layouts(text, message):
    with pytest.raises(ValueError, match=message):
        parse_layout(text)
