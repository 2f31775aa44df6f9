"""Tests of what sees and learns to, and of searches by what it sees."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.convolution import DoublingConvolution, HalvingConvolution
from rlsuite.method import train
from rlsuite.methods.serene import serene
from rlsuite.methods.stax import stax
from rlsuite.methods.taxons import taxons
from rlsuite.quality_diversity.autoencoder import AutoencoderConfig, autoencoder
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.domain import Outcomes
from rlsuite.quality_diversity.emitters import EmitterConfig
from rlsuite.quality_diversity.exploration import (
    ExplorationConfig,
    by_coin,
    by_novelty,
    by_surprise,
)
from tests.rlsuite.quality_diversity.domains import hills

KEY = jax.random.key(0)
CONFIG = AutoencoderConfig(8, 2, (4,), 3, learning_rate=1e-2, batch_size=8, max_epochs=15)


def convolved(image, kernel):
    """By flax, of images on the last axis."""
    convolution = nn.Conv(kernel.shape[-1], (4, 4), strides=2, padding=1, use_bias=False)
    images_first = image.transpose(3, 1, 2, 0)
    return convolution.apply({"params": {"kernel": kernel}}, images_first).transpose(3, 1, 2, 0)


def halved(image, kernel):
    filters = kernel.shape[-1]
    parameters = {"params": {"kernel": kernel, "bias": jnp.zeros(filters)}}
    return HalvingConvolution(filters).apply(parameters, image)


def doubled(image, kernel):
    channels = kernel.shape[2]
    parameters = {"params": {"kernel": kernel, "bias": jnp.zeros(channels)}}
    return DoublingConvolution(channels).apply(parameters, image)


def test_halving_is_a_convolution_with_stride_two_and_doubling_its_transpose():
    image, code = jax.random.normal(KEY, (3, 6, 8, 2)), jax.random.normal(KEY, (5, 3, 4, 2))
    kernel = jax.random.normal(jax.random.key(1), (4, 4, 3, 5))

    @jax.jit
    def both():
        down, back = jax.vjp(convolved, image, kernel)
        found, found_back = jax.vjp(halved, image, kernel)
        (transposed, _), (of_image, of_kernel) = back(code), found_back(code)
        # The transpose's gradient, by that of the convolution's in its kernel and by itself.
        up, up_back = jax.vjp(doubled, code, kernel)
        return (
            (found, down),
            (up, transposed),
            ((of_image, of_kernel), back(code)),
            (up_back(image), (convolved(image, kernel), back_in_kernel(image, code))),
        )

    def back_in_kernel(image, code):
        return jax.grad(lambda kernel: (convolved(image, kernel) * code).sum())(kernel)

    for found, expected in both():
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), found, expected)


def test_layers_start_as_dense_ones_of_their_windows():
    image = jnp.zeros((3, 8, 8, 1))
    for layer, fan_in in ((HalvingConvolution(400), 48), (DoublingConvolution(400), 3)):
        parameters = layer.init(KEY, image)["params"]
        assert not parameters["bias"].any()
        np.testing.assert_allclose(parameters["kernel"].std(), fan_in**-0.5, rtol=0.02)


def dots(number, size=8):
    """Images with one bright square of two by two each, at two moments."""
    places = jax.random.randint(KEY, (number, 2, 2), 0, size - 1)
    rows = jnp.arange(size)
    inside = (rows >= places[..., None]) & (rows <= places[..., None] + 1)
    image = inside[..., 0, :, None] & inside[..., 1, None, :]
    return jnp.repeat(255 * image[..., None].astype(jnp.uint8), 3, axis=-1)


@pytest.fixture(scope="module")
def learned():
    """Images, of which those at the end are not there, before and after learning."""
    sees = autoencoder(CONFIG)
    images = dots(40)
    is_there = jnp.arange(40) < 32
    images = jnp.where(is_there[:, None, None, None, None], images, jnp.uint8(200))
    before = sees.init(KEY)
    learn = jax.jit(sees.learn)
    after, error = learn(KEY, before, images, is_there)
    return sees, images, is_there, before, after, error, learn


def test_it_learns_what_is_there_and_nothing_else(learned):
    sees, images, is_there, before, after, error, learn = learned
    describe = jax.jit(sees.describe)
    old, new = (np.asarray(describe(one, images)[1]) for one in (before, after))
    assert new[:32].mean() < 0.7 * old[:32].mean()
    # What isn't there surprises as much as ever.
    assert new[32:].mean() > 2 * new[:32].mean()
    assert np.isfinite(error) and 0 < error < old[:32].mean()
    others = images.at[32:].set(0)
    again, same_error = learn(KEY, before, others, is_there)
    jax.tree.map(np.testing.assert_array_equal, again.parameters, after.parameters)
    assert same_error == error


def test_codes_and_surprise_are_of_all_moments(learned):
    sees, images, _, _, after, *_ = learned
    describe = jax.jit(sees.describe)
    code, surprise = describe(after, images)
    assert code.shape == (40, 6) and surprise.shape == (40,)
    first, second = (describe(after, images[:, moment : moment + 1]) for moment in (0, 1))
    np.testing.assert_allclose(code, np.concatenate([first[0], second[0]], axis=1), atol=1e-5)
    np.testing.assert_allclose(surprise, first[1] + second[1], atol=1e-5)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="image_size: 12 is not allowed"):
        autoencoder(AutoencoderConfig(12, 1, (2, 2, 2)))


SEARCH = ExplorationConfig(10, 2, 5, 3, 0.4, 100, 60, 64, 10)
EMITTERS = EmitterConfig(num_emitters=6)


def test_stax_that_sees_the_true_behaviour_is_serene():
    domain = hills()
    knows = true_position()._replace(
        learn=lambda key, parameters, memory, there: ((), jnp.zeros(()))
    )
    by_sight = stax(domain, knows, SEARCH, EMITTERS, criterion=by_novelty)
    by_name = serene(domain, true_position(), SEARCH, EMITTERS)
    first, second = (jax.jit(train(method, 6))(KEY) for method in (by_sight, by_name))
    for name, values in second[1].items():
        np.testing.assert_allclose(first[1][name], values, atol=1e-5, err_msg=name)
    assert float(second[1]["rewarded"][-1]) > 0


def test_emitters_are_described_anew_with_everybody():
    """By positions in a unit that doubles whenever it is learned."""
    doubles = true_position()._replace(
        init=lambda key: jnp.ones(()),
        describe=lambda unit, position: (unit * position, jnp.zeros(len(position))),
        learn=lambda key, unit, memory, there: (2 * unit, jnp.zeros(())),
    )
    search = stax(hills(), doubles, SEARCH, EMITTERS, criterion=by_novelty)
    by_name = serene(hills(), true_position(), SEARCH, EMITTERS)
    state, metrics = jax.jit(train(search, 8))(KEY)
    same, same_metrics = jax.jit(train(by_name, 8))(KEY)
    alive = np.asarray(state.emitters.alive)
    assert state.descriptor == 8.0 and alive.any()
    population = state.emitters.population
    np.testing.assert_array_equal(population.code[alive], 8 * population.memory[alive])
    # Nothing else depends on the unit.
    for name, values in same_metrics.items():
        np.testing.assert_allclose(metrics[name], values, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(state.emitters.most_novel, 8 * same.emitters.most_novel, rtol=1e-5)


def test_taxons_learns_and_describes_all_anew():
    domain = hills()

    def drawn(genomes):
        outcomes = domain.evaluate(genomes)
        rows = (jnp.arange(8) + 0.5) / 4 - 1
        near = jnp.abs(outcomes.position[:, :, None] - rows) < 0.3
        image = near[:, 0, :, None] & near[:, 1, None, :]
        image = jnp.repeat(255 * image[..., None].astype(jnp.uint8), 3, axis=-1)
        return outcomes._replace(image=image[:, None])

    sees = autoencoder(AutoencoderConfig(8, 1, (4,), 3, 1e-2, 16, max_epochs=12))
    method = taxons(domain._replace(evaluate=drawn), sees, SEARCH)
    state, metrics = jax.jit(train(method, 3))(KEY)
    errors = np.asarray(metrics["description_error"])
    # It learns after steps 1 and 3.
    assert errors[0] == errors[1] and errors[2] < errors[0]
    explored = state.explored
    archive = explored.archive.items
    code, surprise = jax.jit(sees.describe)(state.descriptor, archive.memory)
    np.testing.assert_allclose(archive.code, code, atol=1e-5)
    np.testing.assert_allclose(archive.surprise, surprise, atol=1e-5)
    assert isinstance(domain.evaluate(archive.genome), Outcomes)


def test_a_coin_decides_who_survives():
    new, strange = jnp.array([1.0, 2.0]), jnp.array([5.0, 4.0])
    chosen = np.array([by_coin(jax.random.key(seed), new, strange) for seed in range(40)])
    is_new = (chosen == np.asarray(new)).all(axis=1)
    assert 8 < is_new.sum() < 32 and (chosen[~is_new] == np.asarray(strange)).all()
    np.testing.assert_array_equal(by_surprise(KEY, new, strange), strange)
    np.testing.assert_array_equal(by_novelty(KEY, new, strange), new)
