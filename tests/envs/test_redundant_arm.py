"""Tests of the redundant arm, beside its rules in plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.redundant_arm import FIRST_ANGLES, RedundantArm, is_illegal, joints

WORLD = RedundantArm()
LEVEL = WORLD.default_params
KEY = jax.random.key(0)
STEP_ENV = jax.jit(WORLD.step_env)


def start():
    return WORLD.reset_env(KEY, LEVEL)[1]


def points_of(angles):
    """Joint by joint."""
    point, absolute, points = np.array([0.5, 0.5]), np.pi / 2, [np.array([0.5, 0.5])]
    for angle in angles:
        absolute += angle
        point = point + 0.05 * np.array([np.cos(absolute), np.sin(absolute)])
        points.append(point)
    return np.array(points)


def test_the_arm_begins_rolled_up_and_legal():
    np.testing.assert_allclose(start().tip, [0.306, 0.692], atol=1e-3)
    np.testing.assert_allclose(joints(start().angle), points_of(FIRST_ANGLES), atol=1e-6)
    assert not is_illegal(joints(start().angle), LEVEL)


def test_a_joint_that_is_driven_turns_by_what_the_rules_say():
    # Without ends: a joint of its own, in place of what collides.
    state = start()
    for _ in range(100):
        action = jnp.zeros(20).at[19].set(1.0)
        _, state, _, terminated, _ = STEP_ENV(KEY, state, action, LEVEL)
        if terminated:
            break
    steps = 2 * int(state.time)
    expected = 1e-4 / 2 * steps * (steps + 1) / 2
    turned = np.asarray(state.angle) - FIRST_ANGLES
    np.testing.assert_allclose(turned[19], expected, rtol=1e-3)
    np.testing.assert_allclose(turned[:19], 0.0, atol=1e-6)
    assert pytest.approx(1.005) == 1e-4 / 2 * 200 * 201 / 2


@pytest.mark.parametrize(
    ("place", "index", "expected"),
    [
        ((0.5, 0.5), 0, False),
        ((-0.01, 0.5), 3, True),
        ((0.3, 1.0), 3, True),
        ((0.1, 0.5), 3, True),
        ((0.1, 0.52), 3, False),
        ((0.5, 0.9), 20, True),
    ],
)
def test_places_that_are_not_allowed(place, index, expected):
    spread = np.stack([0.22 + 0.026 * np.arange(21), 0.3 + 0.026 * np.arange(21)], axis=-1)
    points = jnp.asarray(spread).at[index].set(jnp.array(place))
    assert bool(is_illegal(points, LEVEL)) == expected


def test_two_joints_may_not_touch():
    spread = np.stack([0.22 + 0.026 * np.arange(21), 0.3 + 0.026 * np.arange(21)], axis=-1)
    for close, expected in ((0.047, True), (0.048, False)):
        points = jnp.asarray(spread).at[20].set(spread[4] + np.array([0.0, -close]))
        assert bool(is_illegal(points, LEVEL)) == expected


def test_goals_pay_by_nearness_at_the_limit_and_at_collisions():
    goal = LEVEL.goals.at[0].set(start().tip + jnp.array([0.02, 0.0]))
    level = LEVEL.replace(goals=goal)
    _, early, reward, _, _ = STEP_ENV(KEY, start(), jnp.zeros(20), level)
    assert reward == 0 and early.area == -1
    late = start().replace(time=jnp.int32(99))
    _, state, reward, terminated, _ = STEP_ENV(KEY, late, jnp.zeros(20), level)
    assert not terminated and state.area == 0
    np.testing.assert_allclose(reward, 0.6, atol=1e-5)
    narrow = level.replace(nearest_joints=jnp.float32(1.1))
    _, state, reward, terminated, _ = STEP_ENV(KEY, start(), jnp.zeros(20), narrow)
    assert terminated and state.area == 0
    np.testing.assert_allclose(reward, 0.6, atol=1e-5)
    np.testing.assert_array_equal(WORLD.highest_rewards(level), 1.0)


def test_a_tip_that_is_too_fast_ends_it():
    state = start().replace(velocity=jnp.full(20, -1.0))
    *_, terminated, _ = STEP_ENV(KEY, state, jnp.zeros(20), LEVEL.replace(max_tip_step=1.0))
    slow = bool(terminated)
    *_, terminated, _ = STEP_ENV(KEY, state, jnp.zeros(20), LEVEL.replace(max_tip_step=1e-3))
    assert not slow and terminated


def test_the_picture_has_walls_goals_and_the_arm():
    image = np.asarray(WORLD.image(start(), LEVEL, 64))
    assert image.shape == (64, 64, 3)
    assert (image[32, 3] == 0).all() and (image[3, 32] == 0).all()
    assert (image[int(0.75 * 64), int(0.25 * 64)] == [255, 0, 0]).all()
    assert (image[int(0.5 * 64) - 1, int(0.5 * 64) - 1] == [0, 0, 255]).all()
    assert RedundantArm() == WORLD and hash(RedundantArm()) == hash(WORLD)
