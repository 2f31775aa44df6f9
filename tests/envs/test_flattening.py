"""Tests that observations become vectors of numbers as their spaces say, by NumPy's own one-hot."""

from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import spaces

from rlsuite.envs.flat_world import FlatWorld
from rlsuite.envs.flattening import can_flatten, flatten, flatten_space

COUNTS = (2, 3, 4)
DISCRETE = spaces.Discrete(5)
# As gymnasium and jaxmarl have them.
SEVERAL = SimpleNamespace(nvec=np.array([2, 3, 4]), shape=(3,))
AMONG_OTHERS = SimpleNamespace(num_categories=[2, 3, 4], shape=(3,))
IMAGE = spaces.Box(-1.0, 2.0, (2, 3))


def several(values):
    return np.concatenate(
        [np.eye(count)[value] for count, value in zip((2, 3, 4), values, strict=True)]
    )


def test_the_number_of_a_state_is_one_hot():
    states = np.arange(15).reshape(3, 5) % 5
    np.testing.assert_array_equal(flatten(DISCRETE, jnp.asarray(states)), np.eye(5)[states])
    np.testing.assert_array_equal(flatten(DISCRETE, jnp.array(2)), np.eye(5)[2])
    np.testing.assert_array_equal(flatten(DISCRETE, jnp.float32(2.0)), np.eye(5)[2])


@pytest.mark.parametrize("space", [SEVERAL, AMONG_OTHERS])
def test_several_numbers_are_one_hot_one_after_the_other(space):
    random = np.random.default_rng(0)
    states = random.integers([2, 3, 4], size=(4, 6, 3))
    expected = np.apply_along_axis(several, -1, states)
    np.testing.assert_array_equal(flatten(space, jnp.asarray(states)), expected)
    np.testing.assert_array_equal(flatten(space, jnp.asarray(states[0, 0])), expected[0, 0])


def test_numbers_may_lie_on_several_axes_and_start_anywhere():
    space = SimpleNamespace(nvec=np.array([[2, 3], [1, 2]]), start=np.array([[0, 5], [1, 0]]))
    states = jnp.array([[1, 6], [1, 0]])
    expected = [0, 1, 0, 1, 0, 1, 1, 0]
    np.testing.assert_array_equal(flatten(space, states), expected)
    np.testing.assert_array_equal(flatten(space, jnp.stack([states] * 3)), [expected] * 3)
    late = SimpleNamespace(n=3, start=-1, shape=())
    np.testing.assert_array_equal(flatten(late, jnp.array([-1, 1])), [[1, 0, 0], [0, 0, 1]])


def test_arrays_stay_as_they_are_on_one_axis():
    images = np.random.default_rng(0).normal(size=(4, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(flatten(IMAGE, jnp.asarray(images)), images.reshape(4, 6))
    scalar = spaces.Box(0, 1, ())
    np.testing.assert_array_equal(flatten(scalar, jnp.ones(4)), np.ones((4, 1)))
    # Bits, of which gymnasium says how many there are, are numbers already.
    bits = SimpleNamespace(n=3, shape=(3,))
    np.testing.assert_array_equal(flatten(bits, jnp.array([1, 0, 1], jnp.int8)), [1, 0, 1])


class Parts(NamedTuple):
    image: jax.Array
    where: tuple


@pytest.mark.parametrize("make", [Parts, lambda image, where: {"where": where, "image": image}])
def test_parts_follow_each_other_in_the_order_of_their_space(make):
    space = spaces.Dict({"image": IMAGE, "where": spaces.Tuple((DISCRETE, SEVERAL))})
    image = np.random.default_rng(0).normal(size=(7, 2, 3)).astype(np.float32)
    states = np.tile([[4]], (7, 1))[:, 0], np.tile([1, 0, 3], (7, 1))
    seen = flatten(space, make(image=jnp.asarray(image), where=jax.tree.map(jnp.asarray, states)))
    expected = np.concatenate([np.eye(5)[4], several([1, 0, 3])])
    np.testing.assert_array_equal(seen[:, :6], image.reshape(7, 6))
    np.testing.assert_array_equal(seen[:, 6:], np.tile(expected, (7, 1)))
    box = flatten_space(space)
    assert box.shape == seen.shape[1:]
    np.testing.assert_array_equal(box.low, np.r_[np.full(6, -1.0), np.zeros(14)])
    np.testing.assert_array_equal(box.high, np.r_[np.full(6, 2.0), np.ones(14)])


def test_a_flat_world_is_the_world_within_but_for_its_observations():
    world = gymnax.make("FrozenLake-misc")[0]
    flat, params = FlatWorld(world), world.default_params.replace(max_steps_in_episode=7)

    @partial(jax.jit, static_argnums=0)
    def trail(world, key):
        observation, state = world.reset(key, params)

        def step(state, key):
            action = world.action_space(params).sample(key)
            observation, state, *rest = world.step(key, state, action, params)
            return state, (observation, state, *rest)

        return observation, *jax.lax.scan(step, state, jax.random.split(key, 40))

    first, end, (seen, *rest, info) = trail(flat, jax.random.key(0))
    expected, end_within, (within, *rest_within, info_within) = trail(world, jax.random.key(0))
    np.testing.assert_array_equal(first, np.eye(16)[expected])
    np.testing.assert_array_equal(seen, np.eye(16)[within])
    final = info.pop("final_observation")
    np.testing.assert_array_equal(final, np.eye(16)[info_within.pop("final_observation")])
    same = ((end, rest, info), (end_within, rest_within, info_within))
    jax.tree.map(np.testing.assert_array_equal, *same)
    assert flat.observation_space().shape == (16,) and flat.name == "Flat(FrozenLake-misc)"
    np.testing.assert_array_equal(flat.get_obs(end, params), np.eye(16)[end.position])
    observation, _ = flat.reset_env(jax.random.key(0), params)
    np.testing.assert_array_equal(observation, first)


def test_what_is_no_space_of_numbers_is_refused():
    for space in (spaces.Space(), spaces.Dict({"a": DISCRETE, "b": spaces.Space()})):
        assert not can_flatten(space)
        with pytest.raises(ValueError, match=r"observations: .* is not allowed; it must be"):
            flatten_space(space)
    assert can_flatten(spaces.Tuple((IMAGE, SEVERAL)))
