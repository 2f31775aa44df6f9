"""Tests of sampling for learnability: what is counted, what is kept, and who is put on it."""

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.curricula.learnable_levels import (
    LearnableLevelsConfig,
    by_success_rate,
    learnable_levels,
    success_counts,
)
from rlsuite.envs.maze import Maze, every_view, policy_value
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.objective import Objective
from rlsuite.rollout import Policy

WORLD, WORKERS = Maze(3), 4
EMPTY = WORLD.default_params.replace(max_steps_in_episode=jnp.int32(6))


def level_of(goal, walls=()):
    marked = jnp.zeros(WORLD.cells, bool).at[jnp.array(walls, int)].set(True)
    return EMPTY.replace(goal=jnp.int32(goal), walls=marked)


def forward(memory, observation):
    logits = jnp.array([-jnp.inf, -jnp.inf, 0.0])
    batch = observation.direction.shape
    return distrax.Categorical(jnp.broadcast_to(logits, (*batch, 3))), memory


def test_episodes_that_end_are_counted_and_those_that_pay_are_successes():
    """Always forward from the corner: 2 steps to a goal ahead, and never to another one."""
    levels = [level_of(2), level_of(8), level_of(2, walls=[1])]
    levels = jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
    counts = jax.jit(lambda key: success_counts(key, WORLD, levels, Policy(forward), 13))
    successes, episodes = counts(jax.random.key(0))
    np.testing.assert_array_equal(successes, [6, 0, 0])
    np.testing.assert_array_equal(episodes, [6, 2, 2])


def life_of(act):
    objective = Objective(
        init_parameters=lambda key: (),
        init=lambda key: (),
        policy=lambda learner, memory, observation: act(memory, observation),
        update=lambda *_: ((), {}),
    )
    return Life(WORLD, objective, WORKERS, 8, level_axes=0)


def sample_task(key):
    """The goal lies next to the agent, in the far corner, or behind walls."""
    kind = jax.random.randint(key, (), 0, 3)
    levels = [level_of(1), level_of(8), level_of(8, walls=[5, 7])]
    level = jax.tree.map(lambda *leaves: jnp.stack(leaves)[kind], *levels)
    return Task(level, jnp.int32(5))


def uniformly(memory, observation):
    return distrax.Categorical(jnp.zeros((*observation.direction.shape, 3))), memory


def config(**options):
    sizes = {"period": 3, "num_batches": 2, "batch_size": 30, "search_length": 60, "size": 10}
    return LearnableLevelsConfig(**(sizes | options))


def test_levels_that_are_solved_sometimes_are_kept_until_the_next_search():
    designer = learnable_levels(life_of(uniformly), sample_task, config())
    propose = jax.jit(designer.propose)
    state = designer.init(jax.random.key(0))
    found = []
    for key in jax.random.split(jax.random.key(1), 4):
        state, lesson = propose(key, state, ())
        found.append(np.asarray(state.success))
        # The first half of the workers are on levels of the set: all can be solved.
        on_set = jax.tree.map(lambda leaf: leaf[: WORKERS // 2], lesson.task.level)
        assert not on_set.walls.any() and lesson.teaches
    for later in found[1:3]:
        np.testing.assert_array_equal(later, found[0])
    assert (found[3] != found[0]).any() and state.num_steps == 4
    assert (state.learnability > 0.1).all() and (state.success > 0).all()


def test_by_exact_success_rates_the_most_learnable_levels_of_all_are_kept():
    """Whatever chance would have made of a few episodes."""

    def success_rate(policy, level):
        actions, _ = policy.act((), every_view(WORLD, level))
        return policy_value(WORLD, level, actions.probs).solve_rate

    def found(size):
        exact = by_success_rate(success_rate)
        designer = learnable_levels(life_of(uniformly), sample_task, config(size=size), judge=exact)
        state = designer.init(jax.random.key(0))
        state, _ = jax.jit(designer.propose)(jax.random.key(1), state, ())
        return jax.tree.map(np.asarray, state)

    kept, pool = found(10), found(60)
    success = pool.success
    np.testing.assert_allclose(pool.learnability, success * (1 - success), rtol=1e-6)
    # Levels of one kind are as learnable as each other, and those behind walls not at all.
    walled, near = pool.task.level.walls.any(axis=1), pool.task.level.goal == 1
    rates = [np.unique(success[kind]) for kind in (walled, near, ~walled & ~near)]
    assert [len(rate) for rate in rates] == [1, 1, 1] and rates[0] == 0
    # The ten are the best of the pool, which has others too.
    best = sorted(pool.learnability, reverse=True)[:10]
    np.testing.assert_array_equal(kept.learnability, best)
    np.testing.assert_allclose(kept.success * (1 - kept.success), best, rtol=1e-6)
    assert best[-1] > pool.learnability.min()


def test_where_all_levels_are_kept_it_is_domain_randomisation():
    """Every level of the search is in the set once, whatever its learnability."""
    designer = learnable_levels(life_of(uniformly), sample_task, config(size=60))
    state, _ = jax.jit(designer.propose)(jax.random.key(1), designer.init(jax.random.key(0)), ())
    walled = np.asarray(state.task.level.walls.any(axis=1))
    corner = np.asarray(state.task.level.goal == 8) & ~walled
    # They are in no other proportion than they are drawn in: a third of each kind.
    for kind in (walled, corner, ~walled & ~corner):
        assert 10 <= kind.sum() <= 30
    np.testing.assert_array_equal(np.sort(state.learnability)[::-1], state.learnability)
    assert (np.asarray(state.learnability)[walled] == 0).all()


def test_with_no_share_of_the_set_all_levels_are_fresh():
    designer = learnable_levels(life_of(uniformly), sample_task, config(set_fraction=0.0))
    propose = jax.jit(designer.propose)
    state = designer.init(jax.random.key(0))
    seen = [propose(key, state, ())[1] for key in jax.random.split(jax.random.key(2), 12)]
    walled = np.concatenate([lesson.task.level.walls.any(axis=1) for lesson in seen])
    assert 0.1 < walled.mean() < 0.6


def test_more_levels_than_a_search_looks_at_are_refused():
    with pytest.raises(ValueError, match=r"levels.size: 61 is not allowed; it must be at most"):
        learnable_levels(life_of(uniformly), sample_task, config(size=61))
