"""How students are tested: what is refused before training, on which levels, in which groups."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.design.methods import KIND
from rlsuite.experiments.methods.design.names import names_of
from rlsuite.experiments.methods.design.random_levels import random_levels, shortfall
from rlsuite.experiments.methods.design.risk import rates_of_groups
from rlsuite.experiments.registry import find_world
from tests.experiments.running import METHODS, plan_of

STUDENTS = [name for name in METHODS.names if METHODS.find(name).kind == KIND]


@pytest.mark.parametrize("method", STUDENTS)
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kinds", ("PerfectMze",), "unknown kind 'PerfectMze' (did you mean 'PerfectMaze'?)"),
        ("mazes", "missing.toml", "'missing.toml' can't be read: No such file or directory"),
        ("mazes", ".", "'.' can't be read: Is a directory"),
        ("mazes", __file__, "is no TOML file"),
    ],
)
def test_what_cannot_be_tested_is_refused_before_training(method, field, value, message):
    planned = plan_of(method)
    evaluation = replace(planned.run.evaluation, **{field: value})
    with pytest.raises(ConfigError) as raised:
        planned.spec.check(replace(planned.run, evaluation=evaluation), planned.named_world)
    said = str(raised.value)
    assert said.startswith(f"evaluation.{field}: ") and message in said and "\n" not in said


def test_a_drawing_that_is_no_maze_is_refused_before_training(tmp_path):
    file = tmp_path / "mazes.toml"
    file.write_text('Odd = ">.G .."')
    evaluation = replace(plan_of("dr").run.evaluation, mazes=str(file))
    with pytest.raises(ConfigError, match=r"evaluation.mazes: Odd: "):
        plan_of("dr", evaluation=evaluation).check()


@pytest.mark.parametrize(
    ("number", "most", "groups"), [(19, 10, 1), (20, 10, 10), (15, 10, 5), (4, 10, 4), (20, 1, 1)]
)
def test_every_attempt_is_in_one_of_equal_groups(number, most, groups):
    solved = np.random.default_rng(number).random((3, number)) < 0.5
    rates = rates_of_groups(solved, most)
    assert rates.shape == (3, groups)
    np.testing.assert_allclose(rates.mean(axis=1), solved.mean(axis=1))


def solved_where(is_solvable):
    world = find_world("tiny_maze")
    return world._replace(design=replace(world.design, is_solvable=is_solvable))


def test_where_few_levels_can_be_solved_these_are_tested_on_and_counted():
    levels = random_levels(solved_where(lambda level: level.goal == 0), 8)
    # Of 32 levels, each with a goal on one of sixteen cells.
    found = len(levels.goal)
    assert 1 <= found < 8 and (levels.goal == 0).all()
    (line,) = shortfall("random mazes", 8, found)
    assert line.startswith(f"Random mazes are {found} and not 8: of 32 that were drawn")
    assert shortfall("random mazes", 8, 8) == []


@pytest.mark.parametrize("method", ["dr", "sfl", "paired"])
def test_where_no_level_can_be_solved_training_is_refused(method):
    planned, world = plan_of(method), solved_where(lambda level: jnp.array(False))
    refused = r"evaluation.num_levels: 8 is not allowed; it must be so many that of 4 times as"
    with pytest.raises(ConfigError, match=refused):
        random_levels(world, 8)
    with pytest.raises(ConfigError, match=refused):
        planned.spec.check(planned.run, world)
    planned.spec.check(planned.run, solved_where(lambda level: level.goal == 0))


def test_sets_are_called_by_what_levels_of_the_world_are():
    assert names_of(find_world("maze").design).random == "random mazes"
    assert names_of(find_world("dense").design).of_a_kind == "levels of a kind"
    assert names_of(find_world("CartPole-v1").design).drawn == "drawn levels"
