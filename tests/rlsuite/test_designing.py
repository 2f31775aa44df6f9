"""Tests of students on levels that are designed: what is told, and what is learned."""

from dataclasses import replace
from functools import partial

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.curricula.designer import Designer, Lesson
from rlsuite.curricula.learnable_levels import LearnableLevelsConfig, success_counts
from rlsuite.curricula.level_replay import LevelReplayConfig, replayed_levels
from rlsuite.designing import design
from rlsuite.envs.maze import Maze, edit_cells, is_solvable, random_level
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.method import train
from rlsuite.methods.accel import accel
from rlsuite.methods.dr import PUBLISHED_PPO, StudentsConfig, dr
from rlsuite.methods.plr import PLRConfig, plr
from rlsuite.methods.sfl import SFLConfig, sfl
from rlsuite.objectives.objective import Objective
from rlsuite.scores import as_told
from rlsuite.students import StudentConfig

WORLD, LIMIT = Maze(3), 12
STUDENT = StudentConfig(num_filters=(), embedding_width=4, recurrent_width=12, head_widths=())
PPO = replace(
    PUBLISHED_PPO, learning_rate=2e-2, num_epochs=3, discount=0.9, anneal_learning_rate=False
)
PARTS = {"student": STUDENT, "ppo": PPO, "life": LifeConfig(num_workers=16, rollout_length=16)}
BUFFER = LevelReplayConfig(size=128)


def sample_task(key):
    return Task(random_level(key, WORLD, 1, max_steps=LIMIT), jnp.int32(1))


def assert_same(first, second):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), first, second)


def test_without_replay_a_student_that_learns_from_all_is_that_of_domain_randomisation():
    small = PARTS | {"life": LifeConfig(num_workers=4, rollout_length=4)}
    buffer = replace(BUFFER, replay_probability=0.0, learn_from_new=True)
    plain = dr(WORLD, sample_task, StudentsConfig(**small), lifetime=3)
    replayed = plr(WORLD, sample_task, PLRConfig(**small, buffer=buffer), lifetime=3)
    (first, metrics), (second, others) = (
        jax.jit(train(method, 3))(jax.random.key(0)) for method in (plain, replayed)
    )
    assert_same(first.learner, second.learner)
    for name in ("critic_loss", "solve_rate", "episode_return", "gradient_updates"):
        assert_same(metrics[name], others[name])
    # Only the one that keeps levels scores them.
    assert np.isnan(metrics["score"]).all() and np.isfinite(others["score"]).all()
    assert others["buffer_scored"].max() > 4


def test_sfl_searches_by_the_judge_that_it_is_given():
    asked = []

    def judge(key, policy, levels):
        asked.append(levels.goal.shape)
        return jnp.zeros(levels.goal.shape), jnp.zeros(levels.goal.shape)

    sizes = LearnableLevelsConfig(num_batches=2, batch_size=8, search_length=LIMIT + 1, size=4)
    config = SFLConfig(**PARTS, levels=sizes)
    method = sfl(WORLD, sample_task, config, lifetime=3, judge=judge)
    jax.eval_shape(lambda key: method.step(method.init(key)), jax.random.key(0))
    assert set(asked) == {(8,)}


def forward(learner, memory, observation):
    del learner
    logits = jnp.array([-jnp.inf, -jnp.inf, 0.0])
    batch = observation.direction.shape
    return distrax.Categorical(jnp.broadcast_to(logits, (*batch, 3))), memory


def test_designers_are_told_what_the_student_showed_and_it_learns_only_if_it_should():
    """Always forward: the goal is two steps ahead, aside, or behind a wall of its own."""
    start = WORLD.default_params.replace(max_steps_in_episode=jnp.int32(4))
    levels = jax.tree.map(
        lambda *leaves: jnp.stack(leaves),
        start.replace(goal=jnp.int32(2)),
        start.replace(goal=jnp.int32(8)),
        start.replace(goal=jnp.int32(2), walls=jnp.zeros(9, bool).at[1].set(True)),
    )
    # What tasks say of lifetimes is nobody's schedule here.
    task = Task(levels, jnp.full(3, 1))
    counting = Objective(
        init_parameters=lambda key: (),
        init=lambda key: jnp.zeros(()),
        policy=forward,
        update=lambda key, parameters, learner, experience, clock: (
            learner + 1.0,
            {"progress": clock.progress},
        ),
    )

    def report(key, state, lesson, evidence, returns):
        return (state[0] + 1, evidence, returns), returns

    every_other = Designer(
        init=lambda key: (jnp.int32(0), None, None),
        propose=lambda key, state, learner: (
            state,
            Lesson(task, jnp.full(3, -1, jnp.int32), state[0] % 2 == 1),
        ),
        report=report,
        metrics=lambda state: {},
    )
    life = Life(WORLD, counting, 3, 8)
    measures = {"walls": lambda level: level.walls.sum()}
    method = design(life, every_other, lifetime=10, discount=0.9, gae_lambda=0.9, measures=measures)
    step = jax.jit(method.step)
    state, first = step(method.init(jax.random.key(0)))
    assert state.learner == 0 and np.isnan(first["progress"])
    state, second = step(state)
    assert state.learner == 1 and second["progress"] == 0.0
    state, _ = step(state)
    state, fourth = step(state)
    assert state.learner == 2 and fourth["progress"] == pytest.approx(0.1)
    assert fourth["gradient_updates"] == 2

    paid = 1 - 0.9 * 2 / 4
    _, evidence, returns = state.designer
    np.testing.assert_allclose(returns, [paid, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(evidence.rewards[:, 0], [0, paid] * 4, rtol=1e-6)
    np.testing.assert_array_equal(evidence.ended.sum(axis=0), [4, 2, 2])
    # Two fail once for every two that solve it twice, but first episodes count alike.
    assert first["solve_rate"] == pytest.approx(1 / 3)
    assert first["episode_return"] == pytest.approx(paid * 4 / 8)
    assert first["score"] == pytest.approx(paid / 3) and first["walls"] == pytest.approx(1 / 3)


def test_accel_without_edits_learns_from_replays_alone_as_robust_level_replay_does():
    """Every other step judges again what was replayed: nothing is learned, and nothing is new."""
    counting = Objective(
        init_parameters=lambda key: (),
        init=lambda key: jnp.zeros(()),
        policy=forward,
        update=lambda key, parameters, learner, experience, clock: (learner + 1.0, {}),
    )
    life = Life(WORLD, counting, 4, 8)
    config = LevelReplayConfig(size=8, replay_probability=1.0)
    made = {}
    for name, edit in (("accel", edit_cells(WORLD, 0)), ("plr", None)):
        designer = replayed_levels(sample_task, as_told(), config, 4, edit=edit)
        method = design(life, designer, lifetime=9, discount=0.9, gae_lambda=0.9)
        made[name] = jax.jit(train(method, 9))(jax.random.key(0))
    (accel_state, accel_metrics), (plr_state, plr_metrics) = made["accel"], made["plr"]
    # The first lesson is of new levels, which neither learns from.
    np.testing.assert_array_equal(plr_metrics["gradient_updates"], np.arange(9))
    assert accel_metrics["gradient_updates"].tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert accel_state.learner == 4 and plr_state.learner == 8
    # Both hold what they drew first, with the same scores: the student does the same on a level.
    for leaf, other in zip(
        *map(
            jax.tree.leaves,
            (
                (accel_state.designer.buffer.task.level, accel_state.designer.buffer.score),
                (plr_state.designer.buffer.task.level, plr_state.designer.buffer.score),
            ),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(leaf, other)
    assert accel_state.designer.buffer.is_scored.sum() == 4


UPDATES = 240
METHODS = {
    "dr": lambda: dr(WORLD, sample_task, StudentsConfig(**PARTS), lifetime=UPDATES),
    "plr": lambda: plr(WORLD, sample_task, PLRConfig(**PARTS, buffer=BUFFER), lifetime=UPDATES),
    "accel": lambda: accel(
        WORLD,
        sample_task,
        edit_cells(WORLD, 2),
        PLRConfig(**PARTS, buffer=BUFFER),
        lifetime=UPDATES,
    ),
    "sfl": lambda: sfl(
        WORLD,
        sample_task,
        SFLConfig(**PARTS, levels=LearnableLevelsConfig(10, 1, 32, 2 * LIMIT, 8)),
        lifetime=UPDATES,
    ),
}


@jax.jit
def solve_rate(learner, key):
    """The share of levels, none of them designed, that are solved within the limit."""
    levels = jax.vmap(lambda key: sample_task(key).level)(jax.random.split(jax.random.key(9), 128))
    behaviour = StudentsConfig(**PARTS).life_in(WORLD).objective.behaviour(learner)
    successes, _ = success_counts(key, WORLD, levels, behaviour, LIMIT)
    return jnp.mean(successes > 0, where=jax.vmap(partial(is_solvable, WORLD))(levels))


@pytest.mark.parametrize("name", METHODS)
def test_students_learn_to_solve_mazes(name):
    """From a quarter of what can be solved to most of it, whoever designs the levels."""
    method = METHODS[name]()

    @jax.jit
    def run(key):
        fresh = method.init(key)
        return fresh.learner, *train(method, UPDATES)(key)

    key = jax.random.key(0)
    fresh, state, metrics = run(key)
    assert solve_rate(fresh, key) < 0.3 and solve_rate(state.learner, key) > 0.75
    assert np.isfinite(metrics["parameter_norm"]).all()
    assert state.num_updates == metrics["gradient_updates"][-1]
    assert (state.num_updates == UPDATES) == (name in ("dr", "sfl"))
