"""Tests of sets of tasks that are drawn or chosen once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.curricula.chosen_set import chosen_set
from rlsuite.lifetime import Task

KEY = jax.random.key(0)
POOL = 100


def sample_task(key):
    return Task(level=jax.random.uniform(key), lifetime=jnp.array(3))


def level(key, task):
    return task.level


def levels(**how):
    return np.sort(chosen_set(sample_task, 10, **how).init(KEY).level)


def test_the_set_is_the_best_or_the_worst_of_the_pool():
    highest = levels(pool_size=POOL, score=level)
    lowest = levels(pool_size=POOL, score=level, highest=False)
    # Of a hundred uniform draws.
    assert len(np.unique(highest)) == len(np.unique(lowest)) == 10
    assert highest.min() > 0.8 and lowest.max() < 0.2
    np.testing.assert_array_equal(lowest, levels(pool_size=POOL, score=lambda *a: -level(*a)))


def test_what_is_no_number_is_taken_last():
    def score(key, task):
        return jnp.where(task.level > 0.5, jnp.nan, task.level)

    for highest in (True, False):
        chosen = levels(pool_size=POOL, score=score, highest=highest)
        assert (chosen <= 0.5).all()


def test_tasks_come_from_the_set_alone_and_runs_have_sets_of_their_own():
    curriculum = chosen_set(sample_task, 4)
    tasks = curriculum.init(KEY)
    after, proposal = curriculum.propose(jax.random.key(1), tasks, jnp.ones(400, bool))
    assert after is tasks
    np.testing.assert_array_equal(proposal.task.level, tasks.level[proposal.ticket])
    assert set(np.unique(proposal.ticket)) == {0, 1, 2, 3}
    assert curriculum.report(tasks, proposal.ticket, jnp.zeros(400), jnp.ones(400, bool)) is tasks
    assert curriculum.metrics(tasks) == {}
    other = curriculum.init(jax.random.key(1))
    assert not np.isin(other.level, tasks.level).any()


@pytest.mark.parametrize(
    ("size", "pool_size", "message"),
    [
        (0, 5, "^size: 0 is not allowed; it must be at least 1"),
        (6, 5, "^pool_size: 5 is not allowed; it must be at least size, 6"),
    ],
)
def test_sets_that_no_pool_holds_are_refused(size, pool_size, message):
    with pytest.raises(ValueError, match=message):
        chosen_set(sample_task, size, pool_size=pool_size)
