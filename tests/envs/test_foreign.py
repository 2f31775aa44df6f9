"""Tests of other packages' worlds; each is skipped where its package is not installed."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from rlsuite.envs import brax, craftax, navix, playground, xland
from rlsuite.envs.foreign import ForeignWorld, Rules, Step, as_planes

PACKAGES = {
    "inverted_pendulum-brax": (brax, brax.make_brax_world),
    "Craftax-Classic-Symbolic-v1": (craftax, craftax.make_craftax_world),
    "Navix-Dynamic-Obstacles-5x5-v0": (navix, navix.make_navix_world),
    "CartpoleBalance-playground": (playground, playground.make_playground_world),
    "MiniGrid-DoorKey-5x5": (xland, xland.make_xland_world),
}


def counting(end=3):
    """A world that ends once it has counted so far, and whose learners see the half of it."""

    def step(key, number, action):
        number = number + action
        return Step(number[None], number, number.astype(float), number >= end, number / 2)

    rules = Rules(lambda key: jnp.int32(0), step, lambda number: number[None])
    return ForeignWorld(
        "counting",
        rules,
        observations=spaces.Box(0, 10, (1,), jnp.int32),
        actions=spaces.Discrete(2),
        max_steps=5,
    )


def stepped(world, action, num_steps, params=None):
    """What each of some steps came to, as gymnax has it."""
    params = params or world.default_params
    _, state = world.reset(jax.random.key(0), params)
    found = []
    for key in jax.random.split(jax.random.key(1), num_steps):
        _, state, _, terminated, truncated, info = world.step(key, state, action, params)
        found.append((bool(terminated), bool(truncated), int(info["final_observation"][0])))
    return found


def test_ends_and_time_limits_are_told_apart():
    world = counting()
    assert world.num_actions == 2
    assert stepped(world, 1, 3) == [(False, False, 1), (False, False, 2), (True, False, 3)]
    assert stepped(world, 0, 5)[-1] == (False, True, 0)
    longer = world.default_params.replace(max_steps_in_episode=6)
    assert stepped(world, 0, 5, longer)[-1] == (False, False, 0)


def test_learners_may_see_more_than_policies():
    world = counting()
    _, state = world.reset_env(jax.random.key(0), world.default_params)
    observation, state, _, _, info = world.step_env(
        jax.random.key(1), state, jnp.int32(1), world.default_params
    )
    assert observation == 1 and info["extra"] == 0.5
    assert not world.is_terminated(state, world.default_params)


def test_numbers_of_kinds_are_planes():
    planes = as_planes(jnp.array([[2, 0], [0, 1]]), (3, 2))
    np.testing.assert_array_equal(planes, [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]])


@pytest.fixture(params=PACKAGES, scope="module")
def world(request):
    module, make = PACKAGES[request.param]
    pytest.importorskip(module.PACKAGE)
    return make(request.param)


def test_a_world_steps_side_by_side_and_within_its_spaces(world):
    params = world.default_params
    keys = jax.random.split(jax.random.key(0), 3)

    @jax.jit
    def begin_and_step(keys):
        def one(key):
            observation, state = world.reset_env(key, params)
            action = world.action_space(params).sample(key)
            return (observation, state), world.step_env(key, state, action, params)

        return jax.vmap(one)(keys)

    (first, before), (second, after, reward, terminated, info) = begin_and_step(keys)
    space = world.observation_space(params)
    for observation in (first, second):
        assert observation.shape == (3, *space.shape) and observation.dtype == jnp.float32
        assert all(space.contains(one) for one in observation)
    assert reward.dtype == jnp.float32 and np.isfinite(reward).all()
    assert terminated.dtype == bool and (after.time == before.time + 1).all()
    assert [leaf.shape for leaf in jax.tree.leaves(before)] == [
        leaf.shape for leaf in jax.tree.leaves(after)
    ], "a state that changes its shape can't be scanned"
    assert info["extra"] == ()


def test_time_alone_never_ends_a_world(world):
    params = world.default_params
    _, state = world.reset_env(jax.random.key(0), params)
    state = state.replace(time=jnp.int32(params.max_steps_in_episode - 1))
    action = jnp.zeros_like(world.action_space(params).sample(jax.random.key(0)))
    _, state, _, terminated, _ = jax.jit(world.step_env)(jax.random.key(1), state, action, params)
    assert not terminated and world.is_truncated(state, params)


@pytest.mark.parametrize("package", sorted({module.PACKAGE for module, _ in PACKAGES.values()}))
def test_what_is_named_is_there(package):
    found = pytest.importorskip(package)
    ours, theirs = {
        "brax": lambda: (brax.TASKS, importlib.import_module("brax.envs")._envs),
        "craftax": lambda: (craftax.CRAFTAX_WORLDS, craftax.CRAFTAX_WORLDS),
        "navix": lambda: (navix.NAVIX_WORLDS, found.registry()),
        "mujoco_playground": lambda: (playground.TASKS, found.dm_control_suite.ALL_ENVS),
        "xminigrid": lambda: (xland.XLAND_WORLDS, found.registered_environments()),
    }[package]()
    assert len(ours) > 0 and set(ours) <= set(theirs)
