"""Tests of small networks and of episodes, beside plain loops."""

from itertools import pairwise

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.redundant_arm import RedundantArm
from rlsuite.envs.sparse_point import SparsePoint
from rlsuite.quality_diversity.domain import ControllerConfig, in_world, small_network
from rlsuite.quality_diversity.solutions import random_genomes


def acted(genome, observation, widths, per_unit):
    """Layer by layer."""
    hidden, start = np.asarray(observation, np.float64), 0
    for inputs, outputs in pairwise(widths):
        end = start + inputs * outputs
        weights = genome[start:end].reshape(inputs, outputs)
        start = end + (outputs if per_unit else 1)
        total = hidden @ weights + genome[end:start]
        hidden = 2 / (1 + np.exp(-total)) - 1
    assert start == len(genome)
    return hidden


@pytest.mark.parametrize("per_unit", [False, True])
def test_a_network_is_its_layers(per_unit):
    network = small_network(2, (5, 4), 3, bias_per_unit=per_unit)
    genomes = np.asarray(jax.random.normal(jax.random.key(0), (6, network.num_genes)), np.float64)
    seen = np.asarray(jax.random.normal(jax.random.key(1), (6, 2)), np.float64)
    found = network.act(jnp.asarray(genomes.T), jnp.asarray(seen.T)).T
    expected = [acted(*pair, (2, 5, 4, 3), per_unit) for pair in zip(genomes, seen, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_genomes_are_as_long_as_published():
    assert small_network(2, (5, 5), 2).num_genes == 48
    assert small_network(20, (5, 5), 20).num_genes == 228
    assert small_network(6, (5, 5, 5), 2).num_genes == 94


@pytest.fixture(scope="module", params=[SparsePoint, RedundantArm], ids=["point", "arm"])
def played(request):
    """A world, genomes, and what they come to: in one program, and step by step."""
    world = request.param()
    level = world.default_params.replace(max_steps_in_episode=jnp.int32(12))
    domain = in_world(world, level, ControllerConfig(), num_moments=3, image_size=8)
    genomes = 3 * random_genomes(jax.random.key(0), 4, domain.num_genes)
    found = jax.jit(domain.evaluate)(genomes)
    step = jax.jit(world.step_env)
    size = world.action_space(level).shape[0]
    network = small_network(world.observation_space(level).shape[0], (5, 5), size)
    courses = []
    for genome in genomes:
        seen, state = world.reset_env(jax.random.key(0), level)
        total, area, path, states, is_over = 0.0, -1, [seen], [], False
        for _ in range(12):
            if not is_over:
                action = network.act(genome[:, None], seen[:, None])[:, 0]
                seen, state, reward, is_over, _ = step(jax.random.key(0), state, action, level)
                total += float(reward)
                area = int(state.area) if reward > 0 else area
            path.append(seen)
            states.append(state)
        courses.append((total, area, path, states))
    return world, level, found, courses


def test_episodes_are_played_as_step_by_step(played):
    world, level, found, courses = played
    for place, (total, area, path, states) in enumerate(courses):
        np.testing.assert_allclose(found.reward[place], total, atol=1e-5)
        assert int(found.area[place]) == area
        np.testing.assert_allclose(found.path[place], np.stack(path), atol=1e-5)
        np.testing.assert_allclose(found.position[place], world.position(states[-1]), atol=1e-5)
        for moment, step in enumerate((3, 7, 11)):
            image = np.asarray(world.image(states[step], level, 8)).astype(int)
            # A rounded pixel at an edge may be another.
            assert (image != np.asarray(found.image[place, moment])).mean() < 0.05


def test_positions_are_counted_off_by_cells():
    domain = in_world(SparsePoint(), SparsePoint().default_params, ControllerConfig())
    places = jnp.array([[-1.0, -1.0], [0.99, -1.0], [-1.0, 0.99], [1.0, 1.0], [-0.5, 0.1], [9, -9]])
    np.testing.assert_array_equal(domain.cells(places, 4), [0, 12, 3, 15, 6, 12])
    assert domain.num_cells(50) == 2500


def test_worlds_without_vectors_are_refused():
    world, level = gymnax.make("CartPole-v1")
    with pytest.raises(ValueError, match="an action space"):
        in_world(world, level, ControllerConfig())


def test_there_are_no_more_images_than_steps():
    with pytest.raises(ValueError, match="num_moments: 51 is not allowed; it must be at most 50"):
        in_world(SparsePoint(), SparsePoint().default_params, ControllerConfig(), num_moments=51)
