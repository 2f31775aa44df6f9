"""Tests of shuffled mini-batches."""

import jax
import numpy as np
import pytest

from rlsuite.objectives.mini_batches import mini_batches, shuffled


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100, 1000])
def test_shuffled_numbers_are_all_there(size):
    np.testing.assert_array_equal(np.sort(shuffled(jax.random.key(0), size)), np.arange(size))


def test_every_number_gets_everywhere():
    size, draws = 12, 6000
    orders = jax.vmap(lambda key: shuffled(key, size))(jax.random.split(jax.random.key(1), draws))
    counts = np.array([np.bincount(column, minlength=size) for column in np.asarray(orders).T])
    # A binomial with mean 500 and deviation 21; the largest of 144 stays within 5 of these.
    np.testing.assert_allclose(counts, draws / size, atol=5 * np.sqrt(draws / size))


def test_an_epoch_takes_every_sample_once_and_epochs_differ():
    steps = np.asarray(mini_batches(jax.random.key(0), 60, num=5, num_epochs=3))
    assert steps.shape == (15, 12)
    epochs = steps.reshape(3, 60)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(60), (3, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_same_key_same_mini_batches():
    draws = [mini_batches(jax.random.key(seed), 60, num=5, num_epochs=3) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_one_mini_batch_is_everything_in_each_epoch():
    steps = np.asarray(mini_batches(jax.random.key(0), 60, num=1, num_epochs=3))
    np.testing.assert_array_equal(np.sort(steps, axis=1), np.tile(np.arange(60), (3, 1)))
    assert (steps[0] != steps[1]).any()


def test_mini_batches_of_unequal_size_are_refused():
    with pytest.raises(ValueError, match="num_mini_batches: 7 is not allowed"):
        mini_batches(jax.random.key(0), 60, num=7, num_epochs=3)
