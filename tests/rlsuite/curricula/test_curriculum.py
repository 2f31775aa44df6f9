"""Tests of the curricula without memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.curricula.curriculum import frozen_set, log_uniform_lifetimes, random_tasks
from rlsuite.lifetime import Task

WANTED = jnp.ones(200, bool)


def sample_task(key):
    return Task(level=jax.random.uniform(key), lifetime=jnp.array(3))


def test_random_tasks_are_all_different_and_leave_no_trace():
    curriculum = random_tasks(sample_task)
    state = curriculum.init(jax.random.key(0))
    assert jax.tree.leaves(state) == []
    after, proposal = curriculum.propose(jax.random.key(1), state, WANTED)
    _, again = curriculum.propose(jax.random.key(1), state, WANTED)
    _, other = curriculum.propose(jax.random.key(2), state, WANTED)
    assert after == state
    assert len(np.unique(proposal.task.level)) == len(WANTED)
    assert abs(np.mean(proposal.task.level) - 0.5) < 0.1
    np.testing.assert_array_equal(proposal.task.lifetime, np.full(200, 3))
    np.testing.assert_array_equal(proposal.ticket, np.zeros(200))
    np.testing.assert_array_equal(proposal.task.level, again.task.level)
    assert (proposal.task.level != other.task.level).all()
    assert curriculum.report(state, proposal.ticket, jnp.zeros(200), WANTED) == state
    assert curriculum.metrics(state) == {}


def test_a_frozen_set_is_replayed_uniformly():
    tasks = Task(level=jnp.array([5.0, 6.0, 7.0, 8.0]), lifetime=jnp.array([1, 2, 3, 4]))
    curriculum = frozen_set(tasks)
    state = curriculum.init(jax.random.key(0))
    _, proposal = curriculum.propose(jax.random.key(1), state, jnp.ones(4000, bool))
    np.testing.assert_array_equal(proposal.task.level, tasks.level[proposal.ticket])
    np.testing.assert_array_equal(proposal.task.lifetime, tasks.lifetime[proposal.ticket])
    counts = np.bincount(proposal.ticket, minlength=4)
    # Five standard deviations of a binomial count.
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)


def test_a_frozen_set_of_one_is_that_one_and_an_empty_one_is_refused():
    tasks = Task(level=jnp.array([5.0]), lifetime=jnp.array([4]))
    _, proposal = frozen_set(tasks).propose(jax.random.key(0), (), jnp.ones(9, bool))
    np.testing.assert_array_equal(proposal.task.level, np.full(9, 5.0))
    with pytest.raises(ValueError, match="tasks: an empty set is not allowed"):
        frozen_set(Task(level=jnp.zeros(0), lifetime=jnp.zeros(0, jnp.int32)))


class TestLogUniformLifetimes:
    def draw(self, minimum, maximum):
        sample = log_uniform_lifetimes(sample_task, minimum, maximum)
        return jax.vmap(sample)(jax.random.split(jax.random.key(0), 4000))

    def test_lifetimes_are_spread_evenly_over_their_logarithm(self):
        tasks = self.draw(10, 999)
        assert tasks.lifetime.min() >= 10
        assert tasks.lifetime.max() <= 999
        share_below_100 = np.mean(tasks.lifetime < 100)
        assert abs(share_below_100 - 0.5) < 5 * np.sqrt(0.25 / 4000)
        assert len(np.unique(tasks.level)) > 3900

    def test_bounds_are_reached(self):
        assert set(np.unique(self.draw(2, 4).lifetime)) == {2, 3, 4}
        assert set(np.unique(self.draw(7, 7).lifetime)) == {7}
        assert set(np.unique(self.draw(1, 1).lifetime)) == {1}

    @pytest.mark.parametrize(("minimum", "maximum"), [(0, 5), (6, 5)])
    def test_bounds_that_make_no_sense(self, minimum, maximum):
        with pytest.raises(ValueError, match="min_lifetime"):
            log_uniform_lifetimes(sample_task, minimum, maximum)
