"""What is searched: from genomes to what their episodes came to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from jaxtyping import Array, Float, Int, UInt8

from rlsuite.envs.sparse_point import NO_AREA
from rlsuite.ranges import Counts
from rlsuite.requirements import require
from rlsuite.rollout import Level

GENE_LIMIT = 5.0
"""Genes are within plus and minus this."""


class Outcomes(NamedTuple):
    """What came of some genomes.

    Attributes:
      reward: sum over the episode.
      position: where it ended, the behaviour that a repertoire should cover.
      area: that paid, `NO_AREA` for none.
      path: observations, from the first one on; an episode that ends early stays where it ended.
      image: of the world, at some moments.
    """

    reward: Float[Array, " solution"]
    position: Float[Array, "solution axis"]
    area: Int[Array, " solution"]
    path: Float[Array, "solution time channel"]
    image: UInt8[Array, "solution moment row column plane"]


class Domain(NamedTuple):
    """Genomes, and what they are worth.

    Attributes:
      num_genes: of a genome.
      evaluate: `genomes -> Outcomes`, and nothing drawn at random.
      low: the least of each axis of a position.
      high: the largest.
      num_areas: that may pay.
    """

    num_genes: int
    evaluate: Callable[[Float[Array, "solution gene"]], Outcomes]
    low: tuple[float, ...]
    high: tuple[float, ...]
    num_areas: int

    def cells(self, position: Float[Array, "solution axis"], bins: int) -> Int[Array, " solution"]:
        """The cell of a grid with `bins` along each axis that a position lies in.

        What is beyond the range counts as at its edge.
        """
        low, high = jnp.array(self.low), jnp.array(self.high)
        place = jnp.floor((position - low) / (high - low) * bins).astype(jnp.int32)
        place = jnp.clip(place, 0, bins - 1)
        return (place * bins ** jnp.arange(len(self.low))[::-1]).sum(axis=-1)

    def num_cells(self, bins: int) -> int:
        """How many cells such a grid has."""
        return bins ** len(self.low)


class SparseWorld(Protocol):
    """A gymnax world that says where it is, what has paid, and how it looks."""

    num_areas: int
    position_range: tuple[float, float]

    def position(self, state: Any) -> Float[Array, " axis"]:
        """The behaviour that a repertoire should cover."""

    def image(self, state: Any, params: Any, size: int) -> UInt8[Array, "size size plane"]:
        """What a camera sees."""

    def highest_rewards(self, params: Any) -> Float[np.ndarray, " area"]:
        """What no episode can be paid more than, by area."""


class Controller(NamedTuple):
    """A policy with all its numbers in one genome.

    Attributes:
      num_genes: how many there are.
      act: `(genomes, observations) -> actions`, all of them with solutions on the last axis, along
        which a processor works on many at once.
    """

    num_genes: int
    act: Callable[
        [Float[Array, "gene solution"], Float[Array, "input solution"]],
        Float[Array, "output solution"],
    ]


def small_network(
    num_inputs: int,
    hidden_widths: Sequence[int],
    num_outputs: int,
    *,
    bias_per_unit: bool = False,
) -> Controller:
    r"""A perceptron whose layers are :math:`y = 2 \, \mathrm{sigmoid}(x W + b) - 1`.

    A genome has the weights of each layer, row by row, and then its bias. The public code of
    SERENE and STAX has one bias for all units of a layer, and so has this by default.

    Args:
      num_inputs: numbers in an observation.
      hidden_widths: units of each hidden layer.
      num_outputs: numbers in an action.
      bias_per_unit: whether each unit has a bias of its own.
    """
    widths = (num_inputs, *hidden_widths, num_outputs)
    shapes = list(pairwise(widths))
    biases = [outputs if bias_per_unit else 1 for _, outputs in shapes]

    def act(genome, observation):
        hidden, start = observation, 0
        for (inputs, outputs), num_biases in zip(shapes, biases, strict=True):
            end = start + inputs * outputs
            weights = genome[start:end].reshape(inputs, outputs, -1)
            total = genome[end : end + num_biases]
            # Term by term: as a sum over an axis it takes twenty times as long.
            for term in range(inputs):
                total = total + hidden[term] * weights[term]
            hidden, start = jnp.tanh(total / 2), end + num_biases  # Which is 2 sigmoid(x) - 1.
        return hidden

    num_genes = sum(inputs * outputs for inputs, outputs in shapes) + sum(biases)
    return Controller(num_genes, act)


@dataclass(frozen=True)
class ControllerConfig:
    """The small network that a genome is the numbers of.

    Attributes:
      hidden_widths: units of each hidden layer.
      bias_per_unit: whether each unit has a bias of its own, or all of a layer share one.
    """

    hidden_widths: Counts = (5, 5)
    bias_per_unit: bool = False


def in_world(
    world: Any,
    level: Level,
    controller: ControllerConfig,
    *,
    num_moments: int = 1,
    image_size: int = 64,
) -> Domain:
    """The episodes of small networks in a world that draws nothing.

    Args:
      world: a gymnax world that is a `SparseWorld`, whose states have a `position` and an `area`,
        and whose actions and observations are arrays.
      level: its parameters.
      controller: the network that acts.
      num_moments: at how many moments there are images: evenly spread over the episode and ending
        with its end.
      image_size: rows and columns of an image.

    Raises:
      ValueError: if the world's actions and observations are not arrays of real numbers, or there
        are more moments than steps of an episode.
    """
    seen, done = world.observation_space(level), world.action_space(level)
    for name, space in (("observation", seen), ("action", done)):
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise ValueError(f"world: an {name} space {space} is not allowed; it must be a vector")
    network = small_network(
        seen.shape[0],
        controller.hidden_widths,
        done.shape[0],
        bias_per_unit=controller.bias_per_unit,
    )
    key = jax.random.key(0)  # Of which nothing is drawn.
    num_steps = int(level.max_steps_in_episode)
    require(num_moments <= num_steps, "num_moments", num_moments, f"at most {num_steps}, the steps")
    moments = np.round(num_steps * np.arange(1, num_moments + 1) / num_moments).astype(int) - 1

    # Episodes are on the last axis, so that what a CPU does for one it does for several at once.
    step_all = jax.vmap(world.step_env, in_axes=(None, -1, -1, None), out_axes=-1)

    def evaluate(genomes):
        number = len(genomes)
        first, start = world.reset_env(key, level)
        first, start = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf[..., None], (*jnp.shape(leaf), number)),
            (first, start),
        )

        def step(carry, _):
            state, observation, is_over, total, area = carry
            action = network.act(genomes.T, observation)
            after, stepped, reward, terminated, _ = step_all(key, state, action, level)
            state, observation = jax.tree.map(
                partial(jnp.where, is_over), (state, observation), (stepped, after)
            )
            reward = jnp.where(is_over, 0.0, reward)
            area = jnp.where(reward > 0, stepped.area, area)
            carry = state, observation, is_over | terminated, total + reward, area
            return carry, (state, observation)

        nothing = jnp.zeros(number)
        nowhere = jnp.full(number, NO_AREA, jnp.int32)
        (state, _, _, reward, area), (states, observations) = jax.lax.scan(
            step, (start, first, nothing.astype(bool), nothing, nowhere), length=num_steps
        )
        shown = jax.tree.map(lambda leaf: jnp.moveaxis(leaf[moments], -1, 0), states)
        draw = jax.vmap(jax.vmap(lambda state: world.image(state, level, image_size)))
        return Outcomes(
            reward=reward,
            position=jax.vmap(world.position, in_axes=-1)(state),
            area=area,
            path=jnp.moveaxis(jnp.concatenate([first[None], observations]), -1, 0),
            image=draw(shown),
        )

    num_axes = jax.eval_shape(world.position, jax.eval_shape(world.reset_env, key, level)[1]).size
    low, high = world.position_range
    return Domain(
        network.num_genes, evaluate, (low,) * num_axes, (high,) * num_axes, world.num_areas
    )
