"""Solutions, what is remembered of them, and archives of them in fixed arrays."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import GENE_LIMIT, Domain
from rlsuite.selection import put

FOUND_BY_SEARCH = -1
"""Instead of an emitter's founder, for solutions that no emitter has found."""


class Solutions(NamedTuple):
    """Genomes, and what is known of them.

    Attributes:
      genome: numbers within plus and minus `GENE_LIMIT`.
      reward: sum over the episode.
      position: where it ended.
      area: that paid.
      memory: what the descriptor reads, to describe them anew.
      code: their behaviour, as the descriptor last had it.
      surprise: how badly the descriptor knows them.
      born: evaluations up to and with their own.
      founder: of the emitter that has found it, by when the founder was `born`.
    """

    genome: Float[Array, "solution gene"]
    reward: Float[Array, " solution"]
    position: Float[Array, "solution axis"]
    area: Int[Array, " solution"]
    memory: PyTree[Shaped[Array, "solution ..."]]
    code: Float[Array, "solution number"]
    surprise: Float[Array, " solution"]
    born: Int[Array, " solution"]
    founder: Int[Array, " solution"]


def evaluated(
    domain: Domain,
    descriptor: Descriptor,
    parameters: PyTree,
    genome: Float[Array, "solution gene"],
    *,
    after: Int[Array, ""],
    founder: Int[Array, ""] | int = FOUND_BY_SEARCH,
) -> Solutions:
    """Solutions of some genomes, evaluated after so many others."""
    outcomes = domain.evaluate(genome)
    memory = descriptor.remember(genome, outcomes)
    code, surprise = descriptor.describe(parameters, memory)
    return Solutions(
        genome=genome,
        reward=outcomes.reward,
        position=outcomes.position,
        area=outcomes.area,
        memory=memory,
        code=code,
        surprise=surprise,
        born=after + 1 + jnp.arange(len(genome)),
        founder=jnp.full(len(genome), founder, jnp.int32),
    )


def random_genomes(key: PRNGKeyArray, number: int, num_genes: int) -> Float[Array, "number gene"]:
    """Genes drawn from a standard normal distribution, clipped to their range."""
    return jnp.clip(jax.random.normal(key, (number, num_genes)), -GENE_LIMIT, GENE_LIMIT)


def mutated(
    key: PRNGKeyArray,
    genome: Float[Array, "solution gene"],
    deviation: Float[Array, ""] | float,
) -> Float[Array, "solution gene"]:
    """Genomes with normal noise on every gene, clipped to their range."""
    noise = jax.random.normal(key, genome.shape)
    return jnp.clip(genome + deviation * noise, -GENE_LIMIT, GENE_LIMIT)


class Archive(NamedTuple):
    """Items in the order in which they came, in arrays of a fixed size.

    Attributes:
      items: any pytree with a leading axis of places; those beyond `size` mean nothing.
      size: how many are there.
      lost: how many came when there was no place left.
    """

    items: PyTree[Shaped[Array, "place ..."]]
    size: Int[Array, ""]
    lost: Int[Array, ""]

    @property
    def filled(self) -> Bool[Array, " place"]:
        """Which places have an item."""
        return jnp.arange(len(jax.tree.leaves(self.items)[0])) < self.size


def empty_archive(like: PyTree, capacity: int) -> Archive:
    """An archive of items like some (arrays or their shapes) with a leading axis."""

    def room(leaf):
        return jnp.zeros((capacity, *leaf.shape[1:]), leaf.dtype)

    nothing = jnp.zeros((), jnp.int32)
    return Archive(jax.tree.map(room, like), nothing, nothing)


def add(archive: Archive, items: PyTree, chosen: Bool[Array, " item"]) -> Archive:
    """The archive with the chosen ones of some items, as far as there is room."""
    capacity = archive.filled.size
    place = archive.size + jnp.cumsum(chosen) - 1
    target = jnp.where(chosen & (place < capacity), place, capacity)
    size = archive.size + chosen.sum(dtype=jnp.int32)
    return Archive(
        items=put(archive.items, target, items),
        size=jnp.minimum(size, capacity),
        lost=archive.lost + jnp.maximum(size - capacity, 0),
    )


def joined(*solutions: PyTree) -> PyTree:
    """Several pytrees of items one after the other."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *solutions)


def comes_again(born: Int[Array, " item"], is_there: Bool[Array, " item"]) -> Bool[Array, " item"]:
    """Whether each item that is there is one that comes before it as well, by when it was born."""
    order = jnp.lexsort((~is_there, born))
    ordered = born[order]
    again = jnp.concatenate([jnp.zeros(1, bool), ordered[1:] == ordered[:-1]])
    return jnp.zeros_like(is_there).at[order].set(again) & is_there
