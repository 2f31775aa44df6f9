"""What the benchmark of mazes measures, at a size that takes seconds."""

import jax
import pytest

from rlsuite.envs.maze import Maze
from rlsuite.experiments.bench.families.maze.students import maze, update_flop
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.dr import StudentsConfig
from rlsuite.students import StudentConfig, make_student

SMALL = StudentConfig(num_filters=(2,), embedding_width=2, recurrent_width=4, head_widths=(3,))


def test_figures_are_those_of_what_was_timed():
    figures = maze(8, 5, repeats=1, student=SMALL, life=LifeConfig(2, 4))
    assert all(figure > 0 for figure in figures.values())
    per_update = figures["thousand_learned_steps_per_second"] * 1e3
    assert per_update == pytest.approx(8 * figures["student_updates_per_second"])
    assert figures["fraction_of_matrix_product_rate"] < 1


def test_operations_are_those_of_the_layers():
    """Of each parameter in a product two for each place that it is used at."""
    parameters = jax.eval_shape(make_student(Maze(13), SMALL).init, jax.random.key(0))
    kernels = [leaf.size for leaf in jax.tree.leaves(parameters) if len(leaf.shape) == 2]
    convolution = 9 * (3 * 3 * 3 * 2)
    config = StudentsConfig(student=SMALL, life=LifeConfig(2, 4))
    passes = 1 + 3 * config.ppo.num_epochs
    assert update_flop(config) == 2 * (sum(kernels) + convolution) * passes * 8
