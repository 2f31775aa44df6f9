"""Tests of the point that is paid in four small areas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.sparse_point import AREAS, MAX_STEPS, NO_AREA, STEP, SparsePoint

WORLD = SparsePoint()
LEVEL = WORLD.default_params
KEY = jax.random.key(0)
STEP_ENV = jax.jit(WORLD.step_env)


def towards(target):
    """The rewards and areas of an episode that goes to a place and stays there."""
    _, state = WORLD.reset_env(KEY, LEVEL)
    rewards, areas = [], []
    for _ in range(MAX_STEPS):
        action = np.clip((np.array(target) - np.asarray(state.position)) / STEP, -1, 1)
        _, state, reward, terminated, _ = STEP_ENV(KEY, state, jnp.asarray(action), LEVEL)
        assert not terminated
        rewards.append(float(reward))
        areas.append(int(state.area))
    return np.array(rewards), areas


@pytest.mark.parametrize("area", range(len(AREAS)))
def test_the_quickest_way_is_paid_as_much_as_the_bound_says(area):
    rewards, areas = towards(np.mean(AREAS[area], axis=0))
    assert set(rewards) == {0.0, 1.0} and areas[-1] == area and areas[0] == NO_AREA
    # Going to its middle is up to a step further than going to its edge.
    assert 0 <= WORLD.highest_rewards(LEVEL)[area] - rewards.sum() <= 1


def test_bounds_are_those_of_the_nearest_points():
    distances = [0.75, 0.93, 0.70, 0.70]
    expected = [50 - np.ceil(round(one / 0.05, 6)) + 1 for one in distances]
    np.testing.assert_array_equal(WORLD.highest_rewards(LEVEL), expected)


def test_only_the_first_area_pays():
    _, state = WORLD.reset_env(KEY, LEVEL)
    state = state.replace(position=jnp.array([0.76, 0.77]))
    _, state, reward, _, _ = STEP_ENV(KEY, state, jnp.zeros(2), LEVEL)
    assert reward == 1 and state.area == 0
    state = state.replace(position=jnp.array([0.02, -0.72]))
    _, state, reward, _, _ = STEP_ENV(KEY, state, jnp.zeros(2), LEVEL)
    assert reward == 0 and state.area == 0


def test_walls_stop_it_and_actions_are_clipped():
    _, state = WORLD.reset_env(KEY, LEVEL)
    for _ in range(MAX_STEPS):
        _, state, *_ = STEP_ENV(KEY, state, jnp.array([9.0, -0.5]), LEVEL)
    np.testing.assert_allclose(state.position, [1.0, -1.0], atol=1e-6)


def test_the_picture_has_areas_and_the_point():
    _, state = WORLD.reset_env(KEY, LEVEL)
    image = np.asarray(WORLD.image(state.replace(position=jnp.array([0.5, 0.5])), LEVEL, 64))
    assert image.shape == (64, 64, 3) and image.dtype == np.uint8
    is_red = (image == [255, 0, 0]).all(axis=-1)
    is_blue = (image == [0, 0, 255]).all(axis=-1)
    rows, columns = np.nonzero(is_blue)
    # Up is towards the first row.
    np.testing.assert_allclose([columns.mean(), rows.mean()], [47.5, 15.5], atol=0.5)
    assert 8 <= is_blue.sum() <= 16
    for low, high in AREAS:
        middle = (np.array(low) + high) / 2
        assert is_red[int((1 - middle[1]) * 32), int((1 + middle[0]) * 32)]


def test_the_limit_truncates():
    _, state = WORLD.reset_env(KEY, LEVEL)
    state = state.replace(time=jnp.int32(MAX_STEPS - 1))
    *_, terminated, truncated, _ = WORLD.step(KEY, state, jnp.zeros(2), LEVEL)
    assert truncated and not terminated
    assert SparsePoint() == WORLD and hash(SparsePoint()) == hash(WORLD)
