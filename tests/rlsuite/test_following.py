"""Tests of following a student: what it shows is the student alone, and it changes nothing."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import Maze, is_solvable
from rlsuite.following import FollowConfig, follow
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.method import train
from rlsuite.methods.dr import PUBLISHED_PPO, StudentsConfig, dr
from rlsuite.students import StudentConfig

WORLD = Maze(2, default_params=Maze(2).default_params.replace(max_steps_in_episode=jnp.int32(40)))
CONFIG = StudentsConfig(
    student=StudentConfig(num_filters=(), embedding_width=2, recurrent_width=4, head_widths=()),
    ppo=replace(PUBLISHED_PPO, num_epochs=1),
    life=LifeConfig(num_workers=2, rollout_length=4),
)


def sample_task(key):
    """One step from the goal, or walled in."""
    level = WORLD.default_params.replace(goal=jnp.int32(1))
    closed = jax.random.bernoulli(key)
    walls = jnp.array([False, False, True, False])
    goal = jnp.where(closed, 3, 1)
    walls = jnp.where(closed, jnp.array([False, True, True, False]), walls)
    return Task(level.replace(walls=walls, goal=goal), jnp.int32(10))


@pytest.mark.parametrize(("solvable", "expected"), [(is_solvable, 1.0), (None, 0.5)])
def test_every_so_many_steps_the_student_is_tried_on_levels_that_can_be_solved(solvable, expected):
    """Forty random steps find a goal next door, and none finds one behind walls."""
    method = dr(WORLD, sample_task, CONFIG, lifetime=10)
    followed = follow(
        method,
        CONFIG.life_in(WORLD),
        sample_task,
        lambda state: state.learner,
        FollowConfig(period=3, num_levels=16, num_episodes=2),
        solvable and (lambda level: solvable(WORLD, level)),
    )
    state, metrics = jax.jit(train(followed, 6))(jax.random.key(0))
    rate = np.asarray(metrics.pop("held_out_solve_rate"))
    np.testing.assert_array_equal(np.isnan(rate), [True, True, False] * 2)
    assert rate[2] == rate[5] == pytest.approx(expected, abs=0.3 * (expected < 1))
    plain, alone = jax.jit(train(method, 6))(jax.random.key(0))

    def assert_close(one, other):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)

    jax.tree.map(assert_close, metrics, alone)
    jax.tree.map(assert_close, state.state.learner, plain.learner)


def test_what_is_not_to_be_followed_is_left_as_it_is():
    method = dr(WORLD, sample_task, CONFIG, lifetime=10)
    assert (
        follow(
            method, CONFIG.life_in(WORLD), sample_task, lambda state: state.learner, FollowConfig()
        )
        is method
    )
