"""Steps of gymnax's worlds beside the published rules, written down again in NumPy.

The rules are gymnasium's (classic control, FrozenLake) and bsuite's (the chains, Catch, DeepSea).
States are drawn at random, bounds and corners among them.
"""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.envs.control import MountainCarContinuous
from rlsuite.experiments.worlds.gymnax_worlds import gymnax_world

NUM = 400


def stepped(world, actions, **fields):
    """The states, rewards and terminations after one step from states with these fields."""
    params = world.default_params
    _, state = world.reset(jax.random.key(0), params)
    states = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (NUM, *jnp.shape(leaf))), state)
    states = states.replace(**{name: jnp.asarray(value) for name, value in fields.items()})
    keys = jax.random.split(jax.random.key(1), NUM)
    step = jax.jit(jax.vmap(world.step_env, (0, 0, 0, None)))
    observation, after, reward, terminated, _ = step(keys, states, jnp.asarray(actions), params)
    return observation, after, np.asarray(reward), np.asarray(terminated)


def drawn(seed, *bounds):
    """Float32 numbers between bounds, a tenth of them at one of the two."""
    random = np.random.default_rng(seed)
    values = []
    for low, high in bounds:
        value = random.uniform(low, high, NUM)
        ends = random.random(NUM) < 0.1
        values.append(np.where(ends, random.choice([low, high], NUM), value).astype(np.float32))
    return values, random


def close(actual, expected, **tolerance):
    np.testing.assert_allclose(actual, expected, **{"rtol": 1e-4, "atol": 1e-5} | tolerance)


def test_cart_pole():
    (x, x_dot, theta, theta_dot), random = drawn(0, (-2.4, 2.4), (-3, 3), (-0.2, 0.2), (-3, 3))
    actions = random.integers(2, size=NUM)
    _, after, reward, terminated = stepped(
        gymnax_world("CartPole-v1").world,
        actions,
        x=x,
        x_dot=x_dot,
        theta=theta,
        theta_dot=theta_dot,
    )
    force = np.where(actions == 1, 10.0, -10.0)
    temp = (force + 0.05 * theta_dot**2 * np.sin(theta)) / 1.1
    angular = (9.8 * np.sin(theta) - np.cos(theta) * temp) / (
        0.5 * (4 / 3 - 0.1 * np.cos(theta) ** 2 / 1.1)
    )
    linear = temp - 0.05 * angular * np.cos(theta) / 1.1
    close(after.x, x + 0.02 * x_dot)
    close(after.x_dot, x_dot + 0.02 * linear)
    close(after.theta, theta + 0.02 * theta_dot)
    close(after.theta_dot, theta_dot + 0.02 * angular)
    limit = 12 * 2 * np.pi / 360
    over = (np.abs(np.asarray(after.x)) > 2.4) | (np.abs(np.asarray(after.theta)) > limit)
    np.testing.assert_array_equal(terminated, over)
    assert 0.05 < over.mean() < 0.95
    begun = (np.abs(x) <= 2.4) & (np.abs(theta) <= limit)
    np.testing.assert_array_equal(reward, begun * 1.0)


def test_mountain_car():
    (position, velocity), random = drawn(1, (-1.2, 0.6), (-0.07, 0.07))
    actions = random.integers(3, size=NUM)
    _, after, reward, terminated = stepped(
        gymnax_world("MountainCar-v0").world, actions, position=position, velocity=velocity
    )
    speed = np.clip(velocity + (actions - 1) * 0.001 - 0.0025 * np.cos(3 * position), -0.07, 0.07)
    place = np.clip(position + speed, -1.2, 0.6)
    speed = np.where((place == -1.2) & (speed < 0), 0, speed)
    close(after.position, place)
    close(after.velocity, speed)
    np.testing.assert_array_equal(reward, np.full(NUM, -1))
    np.testing.assert_array_equal(terminated, (place >= 0.5) & (speed >= 0))


def test_mountain_car_with_a_continuous_force():
    (position, velocity), random = drawn(2, (-1.2, 0.6), (-0.07, 0.07))
    actions = random.uniform(-2, 2, NUM).astype(np.float32)
    world = gymnax_world("MountainCarContinuous-v0").world
    assert isinstance(world, MountainCarContinuous)
    assert world.name == "MountainCarContinuous-v0"
    observation, after, reward, terminated = stepped(
        world, actions[:, None], position=position, velocity=velocity
    )
    speed = velocity + 0.0015 * np.clip(actions, -1, 1) - 0.0025 * np.cos(3 * position)
    speed = np.clip(speed, -0.07, 0.07)
    place = np.clip(position + speed, -1.2, 0.6)
    at_wall = (place == -1.2) & (speed < 0)
    assert at_wall.sum() > 5
    speed = np.where(at_wall, 0, speed)
    close(after.position, place)
    close(after.velocity, speed, atol=1e-7)
    np.testing.assert_array_equal(observation, np.stack([after.position, after.velocity], -1))
    over = (place >= 0.45) & (speed >= 0)
    np.testing.assert_array_equal(terminated, over)
    close(reward, 100.0 * over - 0.1 * actions**2)


def test_the_mountain_car_stops_at_the_left_wall():
    world = MountainCarContinuous()
    _, state = world.reset(jax.random.key(0))
    state = state.replace(position=jnp.float32(-1.19), velocity=jnp.float32(-0.07))
    observation, *_ = world.step(jax.random.key(0), state, jnp.zeros(1))
    np.testing.assert_array_equal(observation, np.float32([-1.2, 0]))
    # As long as gymnax's own does not, ours has a reason to be.
    theirs, *_ = gymnax.make(world.name)[0].step(jax.random.key(0), state, jnp.zeros(1))
    assert theirs[1] < 0


def test_pendulum():
    (theta, theta_dot), random = drawn(3, (-7, 7), (-8, 8))
    actions = random.uniform(-4, 4, NUM).astype(np.float32)
    _, after, reward, terminated = stepped(
        gymnax_world("Pendulum-v1").world, actions[:, None], theta=theta, theta_dot=theta_dot
    )
    torque = np.clip(actions, -2, 2)
    angle = (theta + np.pi) % (2 * np.pi) - np.pi
    close(reward, -(angle**2 + 0.1 * theta_dot**2 + 0.001 * torque**2), rtol=1e-3, atol=1e-4)
    speed = np.clip(theta_dot + (15 * np.sin(theta) + 3 * torque) * 0.05, -8, 8)
    close(after.theta_dot, speed, atol=1e-4)
    close(after.theta, theta + speed * 0.05, atol=1e-4)
    assert not terminated.any()


def acrobot_derivative(state, torque):
    """The equations of the book by Sutton and Barto, with all lengths, masses and inertias 1."""
    one, two, d_one, d_two = state
    d1 = 0.25 + 1.25 + np.cos(two) + 2
    d2 = 0.25 + 0.5 * np.cos(two) + 1
    phi2 = 0.5 * 9.8 * np.cos(one + two - np.pi / 2)
    phi1 = (
        -0.5 * d_two**2 * np.sin(two)
        - d_two * d_one * np.sin(two)
        + 1.5 * 9.8 * np.cos(one - np.pi / 2)
        + phi2
    )
    dd_two = (torque + d2 / d1 * phi1 - 0.5 * d_one**2 * np.sin(two) - phi2) / (
        0.25 + 1 - d2**2 / d1
    )
    return np.stack([d_one, d_two, -(d2 * dd_two + phi1) / d1, dd_two])


def test_acrobot():
    fields, random = drawn(4, *2 * [(-3.14, 3.14)], (-6, 6), (-9, 9))
    actions = random.integers(3, size=NUM)
    names = ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2")
    _, after, reward, terminated = stepped(
        gymnax_world("Acrobot-v1").world, actions, **dict(zip(names, fields, strict=True))
    )
    state, step = np.stack(fields).astype(np.float64), 0.2
    slopes = [acrobot_derivative(state, actions - 1)]
    for share in (0.5, 0.5, 1):
        slopes.append(acrobot_derivative(state + share * step * slopes[-1], actions - 1))
    moved = state + step / 6 * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3])
    angles = (moved[:2] + np.pi) % (2 * np.pi) - np.pi
    found = np.stack([getattr(after, name) for name in names])
    turned = (found[:2] - angles + np.pi) % (2 * np.pi) - np.pi
    close(turned, 0 * turned, atol=2e-3)
    assert (np.abs(found[:2]) <= np.float32(np.pi)).all()
    limits = np.array([[4 * np.pi], [9 * np.pi]])
    close(found[2:], np.clip(moved[2:], -limits, limits), rtol=2e-3, atol=5e-3)
    over = -np.cos(found[0]) - np.cos(found[0] + found[1]) > 1
    np.testing.assert_array_equal(terminated, over)
    np.testing.assert_array_equal(reward, np.where(over, 0, -1))


def test_frozen_lake():
    """All states and actions, and where ice leads: the three ways that are not back, alike."""
    rows = ("SFFF", "FHFH", "FFFH", "HFFG")
    moves = [(0, -1), (1, 0), (0, 1), (-1, 0)]
    random = np.random.default_rng(5)
    position, actions = random.integers(16, size=NUM), random.integers(4, size=NUM)
    _, after, reward, terminated = stepped(
        gymnax_world("FrozenLake-misc").world, actions, position=position
    )

    def arrive(place, action):
        row, column = (np.clip(np.divmod(place, 4)[i] + moves[action % 4][i], 0, 3) for i in (0, 1))
        return 4 * row + column

    for i in range(NUM):
        ways = [arrive(position[i], actions[i] + turn) for turn in (-1, 0, 1)]
        assert after.position[i] in ways
        tile = "".join(rows)[after.position[i]]
        assert (reward[i], terminated[i]) == (tile == "G", tile in "GH")
    # In the middle of the lake every way leads elsewhere: a third of the steps each.
    world = gymnax_world("FrozenLake-misc").world
    _, after, *_ = stepped(world, np.full(NUM, 1), position=np.full(NUM, 9))
    shares = [(np.asarray(after.position) == arrive(9, 1 + turn)).mean() for turn in (-1, 0, 1)]
    close(shares, [1 / 3] * 3, atol=0.08)


def test_catch():
    random = np.random.default_rng(6)
    ball_x, paddle_x = random.integers(5, size=(2, NUM))
    ball_y, actions = random.integers(9, size=NUM), random.integers(3, size=NUM)
    _, after, reward, terminated = stepped(
        gymnax_world("Catch-bsuite").world,
        actions,
        ball_x=ball_x,
        ball_y=ball_y,
        paddle_x=paddle_x,
    )
    paddle = np.clip(paddle_x + actions - 1, 0, 4)
    np.testing.assert_array_equal(after.paddle_x, paddle)
    np.testing.assert_array_equal(after.ball_x, ball_x)
    np.testing.assert_array_equal(after.ball_y, ball_y + 1)
    over = ball_y + 1 == 9
    np.testing.assert_array_equal(terminated, over)
    np.testing.assert_array_equal(reward, over * np.where(paddle == ball_x, 1, -1))


def test_deep_sea():
    random = np.random.default_rng(7)
    row, column, actions = (random.integers(n, size=NUM) for n in (8, 8, 2))
    world = gymnax_world("DeepSea-bsuite").world
    _, after, reward, terminated = stepped(world, actions, row=row, column=column)
    right = actions == np.asarray(world.action_mapping)[row, column]
    np.testing.assert_array_equal(after.column, np.clip(column + np.where(right, 1, -1), 0, 7))
    np.testing.assert_array_equal(after.row, row + 1)
    np.testing.assert_array_equal(terminated, row + 1 == 8)
    close(reward, 1.0 * (right & (column == 7)) - 0.01 / 8 * right)


def test_memory_chain():
    random = np.random.default_rng(8)
    time, context, actions = (random.integers(n, size=NUM) for n in (6, 2, 2))
    world = gymnax_world("MemoryChain-bsuite").world
    length = int(world.default_params.memory_length)
    time = np.where(time > 3, length, time)
    observation, _, reward, terminated = stepped(
        world, actions, time=time, context=context[:, None]
    )
    last = time == length
    np.testing.assert_array_equal(terminated, last)
    np.testing.assert_array_equal(reward, last * np.where(actions == context, 1, -1))
    # bsuite shows what was there before the step, so that the context is seen twice.
    close(observation[:, 0], 1 - time / length)
    np.testing.assert_array_equal(observation[:, 2], (time == 0) * (2 * context - 1))


def test_umbrella_chain():
    random = np.random.default_rng(9)
    need, has, actions = random.integers(2, size=(3, NUM))
    world = gymnax_world("UmbrellaChain-bsuite").world
    length = int(world.default_params.chain_length)
    time = random.choice([0, 1, length - 2, length - 1], NUM)
    fields = {"time": time, "need_umbrella": need, "has_umbrella": has}
    _, after, reward, terminated = stepped(world, actions, **fields)
    holds = np.where(time == 0, actions, has)
    np.testing.assert_array_equal(after.has_umbrella, holds)
    last = time + 1 == length
    np.testing.assert_array_equal(terminated, last)
    np.testing.assert_array_equal(reward[last], np.where(holds == need, 1, -1)[last])
    assert set(reward[~last]) == {-1, 1}
    close(reward[~last].mean(), 0, atol=0.25)


def test_discounting_chain():
    random = np.random.default_rng(10)
    context, actions = random.integers(5, size=(2, NUM))
    time = random.choice([0, 1, 2, 9, 29, 50, 99], NUM)
    world = gymnax_world("DiscountingChain-bsuite").world
    _, after, reward, _ = stepped(world, actions, time=time, context=context)
    chosen = np.where(time == 0, actions, context)
    np.testing.assert_array_equal(after.context, chosen)
    paid = time + 1 == np.array([1, 3, 10, 30, 100])[chosen]
    close(reward, paid * np.where(chosen == 0, 1.1, 1.0))
