"""Tests of teachers: what they are paid, what they and their students learn."""

from dataclasses import replace

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.curricula.level_replay import LevelReplayConfig, replayed_levels
from rlsuite.designing import act_on, episodes_of
from rlsuite.envs.maze import Maze
from rlsuite.envs.maze.construction import MazeConstruction
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.method import train
from rlsuite.methods.dr import PUBLISHED_PPO
from rlsuite.methods.paired import TeachingConfig, paired
from rlsuite.methods.repaired import REPAIREDConfig, repaired
from rlsuite.objectives.objective import Objective
from rlsuite.scores import as_told
from rlsuite.students import StudentConfig
from rlsuite.teaching import failure, regret, teach

WORLD = Maze(3, default_params=Maze(3).default_params.replace(max_steps_in_episode=jnp.int32(12)))
BUILDING = MazeConstruction(WORLD, num_walls=2, num_noise=2)
SMALL = StudentConfig(num_filters=(), embedding_width=4, recurrent_width=12, head_widths=())
FAST = replace(PUBLISHED_PPO, learning_rate=2e-2, num_epochs=3, anneal_learning_rate=False)
CONFIG = TeachingConfig(
    student=SMALL,
    ppo=replace(FAST, discount=0.9),
    life=LifeConfig(num_workers=16, rollout_length=16),
    teacher=SMALL,
    teacher_ppo=replace(FAST, learning_rate=1e-2, discount=1.0),
)


def test_regret_is_the_best_of_one_less_the_mean_of_the_other():
    best, mean = jnp.array([[0.9, 0.0], [0.8, 0.7]]), jnp.array([[0.3, 0.0], [0.5, 0.4]])
    np.testing.assert_allclose(regret(best, mean), [0.5, 0.7], rtol=1e-6)
    np.testing.assert_allclose(failure(best, mean), [-0.3, 0.0])


def test_there_is_no_regret_of_one_student_alone():
    returns = jnp.zeros((1, 3))
    with pytest.raises(ValueError, match="num_students: 1 is not allowed; it must be at least 2"):
        regret(returns, returns)


def forward(learner, memory, observation):
    logits = jnp.where(jnp.arange(3) == 2, 0.0, -jnp.inf)
    return distrax.Categorical(jnp.broadcast_to(logits, (*observation.direction.shape, 3))), memory


def uniformly(learner, memory, observation):
    return distrax.Categorical(jnp.zeros((*observation.direction.shape, 3))), memory


def unteachable(policy):
    return Objective(
        init_parameters=lambda key: (),
        init=lambda key: jnp.zeros(()),
        policy=policy,
        update=lambda key, parameters, learner, experience, clock: (
            learner,
            {"paid": experience.transitions.reward.sum(axis=0).mean()},
        ),
    )


def anywhere(learner, memory, observation):
    return distrax.Categorical(jnp.zeros((*observation.direction.shape, 9))), memory


def teaching(pay, num_students):
    student = Life(WORLD, unteachable(forward), 8, 16, level_axes=0)
    teacher = Life(BUILDING, unteachable(anywhere), 8, BUILDING.num_steps)
    return teach(student, teacher, pay, num_students=num_students, lifetime=10)


def test_equal_players_without_chance_pay_the_teacher_nothing():
    """Though some levels are solved and others are not."""
    _, metrics = jax.jit(train(teaching(regret, 2), 12))(jax.random.key(0))
    np.testing.assert_allclose(metrics["teacher_reward"], 0.0, atol=1e-7)
    assert 0 < metrics["solve_rate"].mean() < 1


def test_what_a_level_brought_is_paid_with_the_last_step_of_building():
    _, metrics = jax.jit(train(teaching(failure, 1), 6))(jax.random.key(0))
    np.testing.assert_allclose(metrics["teacher_paid"], metrics["teacher_reward"], rtol=1e-6)
    assert (metrics["teacher_reward"] < 0).any()
    np.testing.assert_allclose(metrics["gradient_updates"], np.arange(6) + 1)


def test_a_buffer_keeps_what_the_teacher_built_with_what_it_was_paid_for_it():
    """Nobody learns here from new levels, and the teacher is not paid for replayed ones."""
    student = Life(WORLD, unteachable(forward), 8, 16, level_axes=0)
    teacher = Life(BUILDING, unteachable(anywhere), 8, BUILDING.num_steps)

    config = LevelReplayConfig(size=16, replay_probability=0.5)
    buffer = replayed_levels(elsewhere, as_told(), config, 8)
    method = teach(student, teacher, failure, num_students=1, lifetime=10, designer=buffer)
    state, metrics = jax.jit(train(method, 12))(jax.random.key(0))
    replayed = np.isnan(metrics["teacher_paid"])
    assert 0 < replayed.sum() < 12 and metrics["gradient_updates"][-1] == replayed.sum()
    held = state.designer.buffer
    assert held.is_scored.all() and (held.task.level.walls.sum(axis=1) <= 2).all()
    shown = jax.jit(lambda level: episodes_of(act_on(jax.random.key(1), student, (), level)))
    for part in (slice(8), slice(8, None)):
        level = jax.tree.map(lambda leaf, part=part: leaf[part], held.task.level)
        np.testing.assert_allclose(held.score[part], -shown(level).worker_return, atol=1e-6)


def test_a_teacher_has_as_many_workers_as_its_students():
    student = Life(WORLD, unteachable(forward), 8, 16, level_axes=0)
    teacher = Life(BUILDING, unteachable(anywhere), 4, BUILDING.num_steps)
    with pytest.raises(ValueError, match="teacher: 4 workers are not allowed"):
        teach(student, teacher, failure, num_students=1, lifetime=10)
    longer = Life(BUILDING, unteachable(anywhere), 8, BUILDING.num_steps + 1)
    with pytest.raises(ValueError, match=r"teacher: .* steps of a rollout are not allowed"):
        teach(student, longer, failure, num_students=1, lifetime=10)


def test_a_minimax_teacher_learns_to_build_what_cannot_be_solved():
    """Of a student that turns and steps at random, which it can't teach anything."""
    student = Life(WORLD, unteachable(uniformly), 16, 16, level_axes=0)
    teacher = CONFIG.teacher_in(BUILDING)
    method = teach(student, teacher, failure, num_students=1, lifetime=100)
    keys = jax.random.split(jax.random.key(0), 3)
    _, metrics = jax.jit(jax.vmap(train(method, 400)))(keys)
    solved = np.asarray(metrics["solve_rate"])
    # One teacher of four has come to nothing by then, and rounding decides which.
    first, last = (
        np.median(solved[:, part].mean(axis=1)) for part in (slice(25), slice(-25, None))
    )
    assert first > 0.15
    assert last < first / 2


def elsewhere(key):
    """The goal of none that is built, as walls have covered all."""
    return Task(WORLD.default_params.replace(walls=jnp.ones(9, bool)), jnp.int32(10))


@pytest.mark.parametrize("name", ["paired", "repaired"])
def test_students_of_a_teacher_learn(name):
    """Whatever the key; of REPAIRED, those that the buffer replays."""
    if name == "paired":
        method = paired(WORLD, BUILDING, CONFIG, lifetime=100)
    else:
        buffer = LevelReplayConfig(size=64, replay_probability=0.8)
        config = REPAIREDConfig(**vars(CONFIG), buffer=buffer)
        method = repaired(WORLD, BUILDING, config, sample_task=elsewhere, lifetime=100)
    keys = jax.random.split(jax.random.key(0), 3)
    state, metrics = jax.jit(jax.vmap(train(method, 100)))(keys)
    solved = metrics["solve_rate"]
    assert (solved[:, -20:].mean(axis=1) > solved[:, :5].mean(axis=1) + 0.2).all()
    taught = np.isfinite(metrics["teacher_critic_loss"])
    learned = np.isfinite(metrics["critic_loss"])
    # With a buffer the teacher learns from what it builds, and students from what is replayed.
    assert (taught & learned).all() if name == "paired" else (taught ^ learned).all()
    # Protagonist and antagonist are two.
    first = jax.tree.leaves(state.students.networks)[0]
    assert first.shape[:2] == (3, 2) and not np.allclose(first[:, 0], first[:, 1])
