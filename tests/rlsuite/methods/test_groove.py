"""Tests of GROOVE's parts; that it runs is shown where methods are trained (test_method.py)."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from rlsuite.curricula.buffer import BufferConfig
from rlsuite.curricula.chosen_set import LevelSetConfig
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.gradient_config import MetaGradientConfig
from rlsuite.methods.groove import GrooveConfig, groove
from rlsuite.methods.lpg import MetaGradientLPGConfig, meta_gradient_lpg
from rlsuite.methods.plr import PLRConfig
from rlsuite.objectives.learned_policy_gradient import LPGConfig
from rlsuite.scores import Evidence, no_score

KEY = jax.random.key(0)
OBJECTIVE = LPGConfig(recurrent_width=4, embedding_width=3)
LIFE = LifeConfig(num_workers=3, rollout_length=4)
META = MetaGradientConfig(num_agents=2, num_updates=2)


# Of one rollout of two workers: both end an episode, and only the first is paid.
EVIDENCE = Evidence(
    rewards=jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]),
    ended=jnp.array([[False, False], [True, True], [False, False]]),
    advantages=jnp.array([[3.0, -1.0], [-2.0, 1.0], [-1.0, 1.0]]),
    values=jnp.full((3, 2), 0.25),
)


@pytest.fixture
def sample_task(tiny_grid):
    return lambda key: Task(tiny_grid.default_params, jnp.array(3))


# What each score has to remember of an agent's life, by the shapes of it.
@pytest.mark.parametrize(
    ("score", "memory"),
    [
        ("positive_value_loss", [(2,)]),
        ("l1_value_loss", [(2,)]),
        ("max_monte_carlo", [(2, 3), (2, 3), (2,), (2,)]),
        ("learnability", [(2, 3), (2,), (2,)]),
        ("exact_regret", []),
    ],
)
def test_every_score_makes_a_method(tiny_grid, sample_task, score, memory):
    config = GrooveConfig(OBJECTIVE, life=LIFE, meta=META, buffer=BufferConfig(size=4), score=score)
    method = groove(tiny_grid, sample_task, config, optimal_return=lambda level: jnp.array(1.0))
    state = jax.eval_shape(method.init, jax.random.key(0))
    assert [leaf.shape for leaf in jax.tree.leaves(state.slots.score)] == memory
    after, metrics = jax.eval_shape(method.step, state)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), state
    )
    assert all(leaf.shape == () for leaf in jax.tree.leaves(metrics))


# GROOVE's for both workers, then PLR's for the first. Mean advantages above zero; by their size;
# the best return less the values; (s + 1) (f + 1) / (s + f + 2) (s + f + 3) of s successes and f
# failures; the optimum less the agent's return.
@pytest.mark.parametrize(
    ("name", "of_both", "of_one"),
    [
        ("positive_value_loss", 5 / 6, 1.0),
        ("l1_value_loss", 9 / 6, 2.0),
        ("max_monte_carlo", 0.75, 0.75),
        ("learnability", 4 / 20, 2 / 12),
        ("exact_regret", 0.6, 0.6),
    ],
)
def test_a_name_stands_for_the_score_that_is_called_so(tiny_grid, name, of_both, of_one):
    def scored(score, evidence):
        task = Task(tiny_grid.default_params, jnp.array(3))
        state = score.observe(score.init(KEY, task), task, evidence)
        return score.value(KEY, state, task, jnp.array(0.4))

    config = GrooveConfig(life=LifeConfig(num_workers=2, rollout_length=3), score=name)
    of_agents = config.task_score(tiny_grid, lambda level: jnp.array(1.0))
    assert scored(of_agents, EVIDENCE) == pytest.approx(of_both)
    of_students = PLRConfig(score=name).level_score(lambda level: jnp.array(1.0))
    first = jax.tree.map(lambda leaf: leaf[:, :1], EVIDENCE)
    assert scored(of_students, first) == pytest.approx(of_one)


def test_algorithmic_regret_keeps_an_antagonist_per_agent(tiny_grid, sample_task):
    config = GrooveConfig(OBJECTIVE, life=LIFE, meta=META, buffer=BufferConfig(size=4))
    method = groove(tiny_grid, sample_task, config)
    score = jax.eval_shape(method.init, jax.random.key(0)).slots.score
    assert score.num_updates.shape == (2,)
    # Its predictions are values.
    assert all(leaf.shape[-1] == 1 for leaf in jax.tree.leaves(score.learner.prediction))


def test_any_score_takes_the_place_of_the_named_one(tiny_grid, sample_task):
    """One that remembers nothing and scores by the lifetime, in place of the antagonist's."""
    score = no_score()._replace(value=lambda key, state, task, agent_return: 1.0 * task.lifetime)
    config = GrooveConfig(OBJECTIVE, life=LIFE, meta=META, buffer=BufferConfig(size=4))
    method = groove(tiny_grid, sample_task, config, score=score)
    state = jax.jit(method.init)(jax.random.key(0))
    assert jax.tree.leaves(state.slots.score) == []
    for _ in range(2):
        state, metrics = jax.jit(method.step)(state)
    # Lifetimes of 3 are rounded up to two meta-steps of two updates; staggered ones may be shorter.
    assert metrics["lifetimes_ended"] > 0
    assert 2 <= metrics["score"] <= 4


def test_exact_regret_needs_a_solver(tiny_grid, sample_task):
    with pytest.raises(ValueError, match="score: exact_regret needs worlds whose optimal return"):
        groove(tiny_grid, sample_task, GrooveConfig(score="exact_regret"))


def test_more_levels_than_the_pool_has_cannot_be_chosen(tiny_grid, sample_task):
    levels = LevelSetConfig(size=5, chosen="informative", pool_size=4)
    with pytest.raises(ValueError, match=r"levels.pool_size: 4 is not allowed.*levels.size, 5"):
        meta_gradient_lpg(tiny_grid, sample_task, MetaGradientLPGConfig(levels=levels))


@pytest.mark.parametrize(("lifetime", "rounded"), [(1, 2), (2, 2), (3, 4), (4, 4)])
@pytest.mark.parametrize("make", [meta_gradient_lpg, groove])
def test_lifetimes_are_rounded_up_to_whole_meta_steps(tiny_grid, make, lifetime, rounded):
    def sample_task(key):
        return tiny_grid.default_params, jnp.array(lifetime)

    life = LifeConfig(num_workers=1, rollout_length=1)
    meta = MetaGradientConfig(num_agents=2, num_updates=2, stagger=False)
    if make is meta_gradient_lpg:
        method = meta_gradient_lpg(
            tiny_grid, sample_task, MetaGradientLPGConfig(OBJECTIVE, life=life, meta=meta)
        )
    else:
        config = GrooveConfig(OBJECTIVE, life=life, meta=meta, buffer=BufferConfig(size=4))
        method = groove(tiny_grid, sample_task, config)
    # Without compiling all of it: constants fold as the function is traced.
    state = jax.jit(lambda key: method.init(key).slots.agent.task.lifetime)(jax.random.key(0))
    assert state.tolist() == [rounded] * 2


def test_levels_that_cannot_be_edited_are_not(tiny_grid, sample_task):
    config = GrooveConfig(OBJECTIVE, life=LIFE, meta=META, buffer=BufferConfig(size=4))
    with pytest.raises(ValueError, match=r"edited_fraction: 0.5 is not allowed; it must be 0"):
        groove(tiny_grid, sample_task, replace(config, edited_fraction=0.5))
    edited = replace(config, edited_fraction=0.5, num_edits=3)
    asked = []
    method = groove(
        tiny_grid,
        sample_task,
        edited,
        editor=lambda n: asked.append(n) or (lambda key, level: level),
    )
    jax.eval_shape(method.step, jax.eval_shape(method.init, jax.random.key(0)))
    assert asked == [3]
