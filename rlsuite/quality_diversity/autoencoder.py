"""Behaviour as the code of an image, by an autoencoder that learns what there is to see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from annotated_types import Interval
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, UInt8

from rlsuite.agents import TrainState
from rlsuite.convolution import DoublingConvolution, HalvingConvolution
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.ranges import Count, Counts, Fraction, Positive

_AT_ONCE = 32


@dataclass(frozen=True)
class AutoencoderConfig:
    """How an autoencoder sees, and learns to.

    Attributes:
      image_size: rows and columns of an image.
      num_moments: of an episode at which there are images: evenly spread, the end among them.
      num_filters: of each 4 × 4 convolution, each of which halves rows and columns.
      code_size: numbers that an image becomes.
      learning_rate: of Adam.
      batch_size: images that are learned from at once.
      max_epochs: passes over all images, at most; none leaves the autoencoder as it began.
      held_out: share of images that are not learned from.
      patience: epochs in a row in which the error on these rises, after which it has learned.
    """

    image_size: Count = 32
    num_moments: Count = 1
    num_filters: Counts = (8, 16)
    code_size: Count = 10
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    max_epochs: Annotated[int, Interval(ge=0, le=100_000)] = 20
    held_out: Fraction = 0.2
    patience: Count = 4


class Autoencoder(nn.Module):
    """Convolutions down to a code, and their transposes back to an image.

    Images are on the last axis.
    """

    image_size: int
    num_filters: Sequence[int]
    code_size: int
    num_planes: int = 3

    def setup(self):
        """Makes all layers, so that either half can be called alone."""
        self.down = [HalvingConvolution(number) for number in self.num_filters]
        self.to_code = nn.Dense(self.code_size)
        self.side = self.image_size >> len(self.num_filters)
        self.from_code = nn.Dense(self.side**2 * self.num_filters[-1])
        planes = (self.num_planes, *self.num_filters[:-1])
        self.up = [DoublingConvolution(number) for number in reversed(planes)]

    def encode(self, image: Float[Array, "plane size size image"]) -> Float[Array, "image number"]:
        """Codes of images."""
        for layer in self.down:
            image = nn.selu(layer(image))
        return self.to_code(image.reshape(-1, image.shape[-1]).T)

    def decode(self, code: Float[Array, "image number"]) -> Float[Array, "plane size size image"]:
        """Images of codes."""
        hidden = nn.selu(self.from_code(code)).T
        image = hidden.reshape(-1, self.side, self.side, len(code))
        for layer in self.up[:-1]:
            image = nn.selu(layer(image))
        return nn.relu(self.up[-1](image))

    def __call__(
        self, image: Float[Array, "plane size size image"]
    ) -> tuple[Float[Array, "image number"], Float[Array, " image"]]:
        """Codes, and the mean squared error of what comes back."""
        code = self.encode(image)
        error = jnp.square(self.decode(code) - image).mean(axis=(0, 1, 2))
        return code, error


class _Lesson(NamedTuple):
    """Where learning is: how often the error has risen in a row, and whether that is enough."""

    learner: TrainState
    key: PRNGKeyArray
    epoch: Int[Array, ""]
    error: Float[Array, ""]
    rises: Int[Array, ""]


def autoencoder(config: AutoencoderConfig) -> Descriptor:
    """TAXONS' descriptor (Paolo et al., arXiv 1909.05508): codes of images, and surprise.

    The behaviour of an episode are the codes of its images, one after the other; its surprise is
    the sum of their reconstruction errors. What is kept of a solution are its images, as codes of
    an autoencoder that has learned on are worth nothing. It goes on from where it was when it
    learns again, on all but the images that are held out, until their error has risen several
    epochs in a row.

    Args:
      config: sizes.

    Raises:
      ValueError: if convolutions don't halve the image's size into whole numbers.
    """
    halvings = len(config.num_filters)
    if not halvings or config.image_size % 2**halvings:
        raise ValueError(
            f"image_size: {config.image_size} is not allowed; it must be a multiple of "
            f"{2 ** max(halvings, 1)} with {halvings} convolutions, and of these there must be one"
        )
    network = Autoencoder(config.image_size, config.num_filters, config.code_size)
    optimiser = optax.adam(config.learning_rate)

    def init(key):
        blank = jnp.zeros((3, config.image_size, config.image_size, 1))
        parameters = network.init(key, blank)
        return TrainState(parameters, optimiser.init(parameters))

    def seen(parameters: PyTree, images: Array) -> tuple[Array, Array]:
        result: Any = network.apply(parameters, images)
        return result

    def describe(learner, images):
        number, moments = images.shape[:2]
        flat = images.reshape(-1, *images.shape[2:])
        # All at once, what lies between an image and its code would take gigabytes.
        size = min(_AT_ONCE, len(flat))
        batches = jnp.pad(flat, ((0, -len(flat) % size), *((0, 0),) * 3))
        found = jax.lax.map(
            lambda batch: seen(learner.parameters, _as_numbers(batch)),
            batches.reshape(-1, size, *flat.shape[1:]),
        )
        code, error = (leaf.reshape(-1, *leaf.shape[2:])[: len(flat)] for leaf in found)
        return code.reshape(number, -1), error.reshape(number, moments).sum(axis=1)

    def loss(parameters, images, weights):
        _, error = seen(parameters, _as_numbers(images))
        return (error * weights).sum() / jnp.maximum(weights.sum(), 1.0)

    def in_batches(images, order, number, work, carry):
        """Work on so many images of an order, batch by batch."""
        size = min(config.batch_size, len(order))

        def unfinished(state):
            return state[0] < number

        def batch(state):
            start, carry = state
            place = start + jnp.arange(size)
            chosen = images[order[jnp.minimum(place, len(order) - 1)]]
            return start + size, work(carry, chosen, (place < number).astype(jnp.float32))

        return jax.lax.while_loop(unfinished, batch, (jnp.zeros((), jnp.int32), carry))[1]

    def step(learner, images, weights):
        gradient = jax.grad(loss)(learner.parameters, images, weights)
        updates, state = optimiser.update(gradient, learner.optimiser_state, learner.parameters)
        return TrainState(optax.apply_updates(learner.parameters, updates), state)

    def learn(key, learner, images, is_there):
        moments = images.shape[1]
        images = images.reshape(-1, *images.shape[2:])
        draw_key, order_key, learn_key = jax.random.split(key, 3)
        # All images of an episode are on one side.
        drawn, number = _shuffled(draw_key, is_there)
        episodes = jnp.floor(config.held_out * number).astype(jnp.int32)
        is_held_out = jnp.zeros_like(is_there).at[drawn].set(jnp.arange(len(drawn)) < episodes)
        is_learned = jnp.repeat(is_there & ~is_held_out, moments)
        order, num_held_out = _shuffled(order_key, jnp.repeat(is_held_out, moments))

        def held_out_error(learner):
            def add(total, images, weights):
                _, error = seen(learner.parameters, _as_numbers(images))
                return total + (error * weights).sum()

            total = in_batches(images, order, num_held_out, add, jnp.zeros(()))
            return total / jnp.maximum(num_held_out, 1)

        def unfinished(lesson):
            return (lesson.epoch < config.max_epochs) & (lesson.rises < config.patience)

        def epoch(lesson):
            key, order_key = jax.random.split(lesson.key)
            order, number = _shuffled(order_key, is_learned)
            learner = in_batches(images, order, number, step, lesson.learner)
            error = held_out_error(learner)
            rises = jnp.where(error > lesson.error, lesson.rises + 1, 0)
            return _Lesson(learner, key, lesson.epoch + 1, error, rises)

        nothing = jnp.zeros((), jnp.int32)
        lesson = _Lesson(learner, learn_key, nothing, held_out_error(learner), nothing)
        lesson = jax.lax.while_loop(unfinished, epoch, lesson)
        return lesson.learner, lesson.error

    return Descriptor(init, lambda genome, outcomes: outcomes.image, describe, learn)


def _shuffled(
    key: PRNGKeyArray, is_there: Bool[Array, " item"]
) -> tuple[Int[Array, " item"], Int[Array, ""]]:
    """The places of those that are there in a random order, and behind them all others."""
    drawn = jnp.where(is_there, jax.random.uniform(key, is_there.shape), math.inf)
    return jnp.argsort(drawn), is_there.sum(dtype=jnp.int32)


def _as_numbers(
    images: UInt8[Array, "image size size plane"],
) -> Float[Array, "plane size size image"]:
    return images.transpose(3, 1, 2, 0).astype(jnp.float32) / 255
