"""Tests of the network of students: it is itself step by step, forgets, and says what it can't."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import Maze
from rlsuite.envs.maze.world import View
from rlsuite.lstm import LSTMState
from rlsuite.students import StudentConfig, make_student

LENGTH, WORKERS, WIDTH = 6, 4, 5
SMALL = StudentConfig(num_filters=(3,), embedding_width=2, recurrent_width=WIDTH, head_widths=(4,))


def spread(parameters, seed=0):
    """Random parameters in place of initial ones, many of which are zero."""
    leaves, structure = jax.tree.flatten(parameters)
    random = np.random.default_rng(seed)
    values = [jnp.asarray(random.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, values)


@pytest.fixture(scope="module")
def student():
    network = make_student(Maze(5), SMALL)
    return network, spread(network.init(jax.random.key(0)))


@pytest.fixture(scope="module")
def sequence():
    """Views, ends and what was remembered before, all at random."""
    random = np.random.default_rng(2)
    shape = (LENGTH, WORKERS)
    views = View(
        image=jnp.asarray(random.random((*shape, 5, 5, 3)), jnp.float32),
        direction=jnp.asarray(random.integers(4, size=shape)),
    )
    ended = jnp.asarray(random.random(shape) < 0.3)
    memory = LSTMState(*jnp.asarray(random.normal(size=(2, WORKERS, WIDTH)), jnp.float32))
    return views, ended, memory


def test_unrolled_in_one_scan_a_student_is_itself_step_by_step(student, sequence):
    network, parameters = student
    views, ended, memory = sequence
    outputs, memories = jax.jit(network.unroll)(parameters, memory, views, ended)
    apply = jax.jit(network.apply)
    assert ended[:-1].any()
    for t in range(LENGTH):
        view = jax.tree.map(lambda leaf, t=t: leaf[t], views)
        expected, memory = apply(parameters, memory, view)
        close = {"rtol": 1e-4, "atol": 1e-5}
        np.testing.assert_allclose(outputs.policy.logits[t], expected.policy.logits, **close)
        np.testing.assert_allclose(outputs.prediction[t], expected.prediction, **close)
        for after, one in zip(memories, memory, strict=True):
            np.testing.assert_allclose(after[t], one, **close)
        fresh = network.init_memory(WORKERS)
        memory = jax.tree.map(
            lambda new, old, t=t: jnp.where(ended[t][:, None], new, old), fresh, memory
        )


def test_nothing_is_remembered_beyond_the_end_of_an_episode(student, sequence):
    """The memory that an episode starts with is zero, whatever was there before."""
    network, parameters = student
    views, _, memory = sequence
    for leaf in network.init_memory(WORKERS):
        np.testing.assert_array_equal(leaf, np.zeros((WORKERS, WIDTH)))
    ended = jnp.zeros((LENGTH, WORKERS), bool).at[2].set(True)
    unroll = jax.jit(network.unroll)
    outputs, _ = unroll(parameters, memory, views, ended)
    later, _ = unroll(
        parameters,
        network.init_memory(WORKERS),
        *(jax.tree.map(lambda leaf: leaf[3:], part) for part in (views, ended)),
    )
    np.testing.assert_allclose(outputs.prediction[3:], later.prediction, rtol=1e-4, atol=1e-5)
    other, _ = unroll(parameters, jax.tree.map(jnp.negative, memory), views, ended)
    np.testing.assert_array_equal(outputs.prediction[3:], other.prediction[3:])
    assert not np.allclose(outputs.prediction[:3], other.prediction[:3])


def test_the_published_student_has_as_many_parameters_as_its_layers():
    network = make_student(Maze(13), StudentConfig())
    parameters = jax.eval_shape(network.init, jax.random.key(0))
    number = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    convolution, embedding = 3 * 3 * 3 * 16 + 16, 4 * 5 + 5
    memory = (3 * 3 * 16 + 5) * 4 * 256 + 256 * 4 * 256 + 4 * 256
    heads = 2 * (256 * 32 + 32) + 32 * 3 + 3 + 32 + 1
    assert number == convolution + embedding + memory + heads


def test_layers_start_with_the_published_gains():
    """Orthogonal ones: their shorter side has unit vectors times the gain."""
    network = make_student(Maze(13), StudentConfig())
    parameters = jax.jit(network.init)(jax.random.key(0))["params"]
    found = {
        name: float(np.linalg.svd(layer["kernel"], compute_uv=False).min())
        for name, layer in parameters.items()
        if name.startswith("Dense")
    }
    expected = [2**0.5, 2.0, 0.01, 2.0, 1.0]  # Embedding, then hidden and output of each head.
    names = [f"Dense_{number}" for number in range(5)]
    np.testing.assert_allclose([found[name] for name in names], expected, rtol=1e-3)


@pytest.mark.parametrize(
    ("world", "config", "message"),
    [
        ("CartPole-v1", StudentConfig(), "observations: .* of CartPole-v1 are not allowed"),
        ("Maze-v0", StudentConfig(num_filters=(4, 4, 4)), "num_filters: .* at most 2"),
    ],
)
def test_what_a_student_cannot_see_is_named(world, config, message):
    world = Maze(5) if world == "Maze-v0" else gymnax.make(world)[0]
    with pytest.raises(ValueError, match=message):
        make_student(world, config)
