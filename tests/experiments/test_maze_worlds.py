"""The worlds of random mazes as the shell has them."""

import jax
import numpy as np
import pytest

from rlsuite.envs.maze import check_level
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import BAD_INPUT
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.worlds.mazes import MAZES


@pytest.mark.parametrize("name", MAZES)
def test_levels_are_levels_and_are_measured(name):
    world, config = find_world(name), MAZES[name]
    level = world.sample_task(jax.random.key(0)).level
    check_level(world.world, level)
    for drawn in world.design.drawn.values():
        check_level(world.world, drawn)
        assert world.design.is_solvable(drawn)
    measured = {name: float(measure(level)) for name, measure in world.design.measures.items()}
    assert 0 < measured["walls"] <= config.max_walls
    assert np.isnan(measured["path_length"]) or measured["path_length"] > 0
    assert level.max_steps_in_episode == config.max_steps_in_episode


@pytest.mark.parametrize("name", ["all_shortlife", "maze", "CartPole-v1"])
def test_worlds_can_be_keys_of_caches(name):
    assert {find_world(name): 1}[find_world(name)] == 1


def test_the_path_of_what_cannot_be_solved_has_no_length():
    world = find_world("tiny_maze")
    level = world.world.default_params
    walls = level.walls.at[4:8].set(True)
    assert np.isnan(world.design.measures["path_length"](level.replace(walls=walls)))
    assert world.design.measures["path_length"](level) == 7  # 6 cells and a turn


def test_drawn_mazes_are_of_the_largest_size_that_fits():
    assert set(find_world("maze").design.drawn) == {
        *("SixteenRooms", "SixteenRooms2", "Labyrinth", "LabyrinthFlipped", "Labyrinth2"),
        *("StandardMaze", "StandardMaze2", "StandardMaze3"),
    }
    small = find_world("small_maze")
    assert "SmallSpiral" in small.design.drawn and small.world.side == 9
    assert set(find_world("tiny_maze").design.drawn) == {"TinyHook", "TinyDoor"}
    assert find_world("tiny_maze", {"side": "3"}).design.drawn == {}


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("max_walls", "168", "tasks.max_walls: 168 is not allowed; it must be from 0 to 167"),
        ("min_walls", "61", "tasks.min_walls: 61 is not allowed; it must be from 0 to max_walls"),
        ("side", "1", "tasks.side: 1 is not allowed"),
        ("max_steps_in_episode", "0", "tasks.max_steps_in_episode: 0 is not allowed"),
        ("walls", "3", "tasks: unknown parameter 'walls'"),
    ],
)
def test_what_no_maze_can_have_is_said_in_one_line(parameter, value, message, capsys, tmp_path):
    command = ["train", "ppo", "smoke", "--world", "maze", f"--tasks.{parameter}", value]
    assert main([*command, "--out", str(tmp_path / "run")]) == BAD_INPUT
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_ppo_trains_in_a_maze(tmp_path):
    parts = ["--steps", "1", "--ppo.num_epochs", "1", "--life.rollout_length", "4"]
    command = ["train", "ppo", "smoke", "--world", "tiny_maze", *parts, "--checkpoint_every", "1"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
