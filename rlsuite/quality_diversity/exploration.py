"""Exploration: generations of a population that lives by what is new."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from rlsuite.quality_diversity.batches import whole_batches
from rlsuite.quality_diversity.descriptors import Descriptor
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.found import Found, told
from rlsuite.quality_diversity.novelty import novelty
from rlsuite.quality_diversity.solutions import (
    Archive,
    Solutions,
    add,
    empty_archive,
    evaluated,
    joined,
    mutated,
    random_genomes,
)
from rlsuite.ranges import Count, Positive
from rlsuite.selection import take

Criterion = Callable[
    [PRNGKeyArray, Float[Array, " solution"], Float[Array, " solution"]], Float[Array, " solution"]
]
"""`(key, novelty, surprise) -> score`: those of a generation who score highest survive."""


def by_novelty(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], surprise: Float[Array, " solution"]
) -> Float[Array, " solution"]:
    """Who is new survives."""
    del key, surprise
    return novelty


def by_surprise(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], surprise: Float[Array, " solution"]
) -> Float[Array, " solution"]:
    """Who is badly known survives."""
    del key, novelty
    return surprise


def by_coin(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], surprise: Float[Array, " solution"]
) -> Float[Array, " solution"]:
    """A fair coin says which of the two counts in this generation (TAXONS, arXiv 1909.05508)."""
    return jnp.where(jax.random.bernoulli(key), novelty, surprise)


@dataclass(frozen=True)
class ExplorationConfig:
    """How a population explores.

    Attributes:
      population_size: who survives a generation.
      num_children: of each in a generation.
      num_archived: random children of a generation that go to the archive.
      num_neighbours: to which the mean distance is novelty.
      deviation: of the noise on each gene of a child. The public code has 0.05; whether the paper
        has 0.5 is unverified.
      evaluations_per_step: of one step of the method, whole generations.
      archive_capacity: places of the archive; what comes when it is full is lost, and counted.
      rewarded_capacity: likewise, of the archive of rewarded solutions.
      bins: cells of the grid, along each axis of positions, of which coverage is the share.
    """

    population_size: Count = 100
    num_children: Count = 2
    num_archived: Count = 5
    num_neighbours: Count = 15
    deviation: Positive = 0.05
    evaluations_per_step: Count = 1000
    archive_capacity: Count = 1280
    rewarded_capacity: Count = 1024
    bins: Count = 50

    @property
    def generation_size(self) -> int:
        """Evaluations in a generation."""
        return self.population_size * self.num_children

    @property
    def num_generations(self) -> int:
        """In a step.

        Raises:
          ValueError: if they are not whole.
        """
        return whole_batches(
            self.evaluations_per_step, self.generation_size, "population_size times num_children"
        )


class Rewarded(NamedTuple):
    """Items of the archive of rewarded solutions.

    Attributes:
      solution: that was paid.
      waiting: whether it may found an emitter and hasn't been tried yet.
      spread: deviation of the genomes with which its emitter would begin.
    """

    solution: Solutions
    waiting: Bool[Array, " solution"]
    spread: Float[Array, " solution"]


class Explored(NamedTuple):
    """A population, and what it leaves behind.

    Attributes:
      population: who has survived.
      archive: of `Solutions`, random children of all generations.
      rewarded: the archive of `Rewarded`.
      found: of all that was evaluated.
    """

    population: Solutions
    archive: Archive
    rewarded: Archive
    found: Found


class Explorer(NamedTuple):
    """What is searched, what counts as behaviour there, and how.

    Attributes:
      domain: what is searched.
      descriptor: what counts as behaviour.
      config: sizes.
      criterion: who survives.
      knows_rewarded: whether what is in the archive of rewarded solutions isn't new any more.
    """

    domain: Domain
    descriptor: Descriptor
    config: ExplorationConfig
    criterion: Criterion = by_novelty
    knows_rewarded: bool = False


def first_population(
    key: PRNGKeyArray, explorer: Explorer, parameters: PyTree, found: Found
) -> Explored:
    """A population of random genomes, evaluated, and archives in which is what was paid of them."""
    domain, config = explorer.domain, explorer.config
    genome = random_genomes(key, config.population_size, domain.num_genes)
    population = evaluated(domain, explorer.descriptor, parameters, genome, after=found.evaluations)
    founders = Rewarded(population, *_founding(population, population, config.deviation))
    rewarded = empty_archive(founders, config.rewarded_capacity)
    return Explored(
        population=population,
        archive=empty_archive(population, config.archive_capacity),
        rewarded=add(rewarded, founders, population.reward > 0),
        found=told(found, domain, population),
    )


def generation(
    key: PRNGKeyArray, explorer: Explorer, parameters: PyTree, before: Explored
) -> Explored:
    """One generation of novelty search (Lehman and Stanley, 2011).

    Everybody has children, with noise on every gene. Of parents and children those survive who
    score highest, and random children go to the archive; the most novel there would change what is
    searched. Children that were paid go to the archive of rewarded solutions.
    """
    domain, config = explorer.domain, explorer.config
    vary_key, choose_key, criterion_key = jax.random.split(key, 3)
    parents = before.population
    genome = jnp.repeat(parents.genome, config.num_children, axis=0)
    children = evaluated(
        domain,
        explorer.descriptor,
        parameters,
        mutated(vary_key, genome, config.deviation),
        after=before.found.evaluations,
    )
    everybody = joined(parents, children)
    code, is_there = references(explorer, before, everybody)
    own = jnp.arange(len(everybody.reward))
    new = novelty(everybody.code, code, is_there, config.num_neighbours, own=own)
    score = explorer.criterion(criterion_key, new, everybody.surprise)
    survivors = jax.lax.top_k(score, config.population_size)[1]
    founders = Rewarded(children, *_founding(children, everybody, config.deviation))
    return Explored(
        population=take(everybody, survivors),
        archive=add(
            before.archive, children, _random_ones(choose_key, len(genome), config.num_archived)
        ),
        rewarded=add(before.rewarded, founders, children.reward > 0),
        found=told(before.found, domain, children),
    )


def explored(
    key: PRNGKeyArray, explorer: Explorer, parameters: PyTree, before: Explored
) -> Explored:
    """All generations of one step."""

    def next_generation(state, key):
        return generation(key, explorer, parameters, state), None

    keys = jax.random.split(key, explorer.config.num_generations)
    return jax.lax.scan(next_generation, before, keys)[0]


def references(
    explorer: Explorer, state: Explored, everybody: Solutions
) -> tuple[Float[Array, "reference number"], Bool[Array, " reference"]]:
    """Behaviours that are known, everybody's first, and which of them are there."""
    codes = [everybody.code, state.archive.items.code]
    there = [jnp.ones(len(everybody.reward), bool), state.archive.filled]
    if explorer.knows_rewarded:
        codes.append(state.rewarded.items.solution.code)
        there.append(state.rewarded.filled)
    return jnp.concatenate(codes), jnp.concatenate(there)


def _random_ones(key: PRNGKeyArray, number: int, num_chosen: int) -> Bool[Array, " number"]:
    chosen = jax.random.choice(key, number, (min(num_chosen, number),), replace=False)
    return jnp.zeros(number, bool).at[chosen].set(True)


def _founding(
    own: Solutions, everybody: Solutions, deviation: float
) -> tuple[Bool[Array, " solution"], Float[Array, " solution"]]:
    """Whether they may found emitters, and with which spread.

    It is a third of the distance from a genome to the nearest other one, and the usual deviation
    where there is one just like it, or no other.
    """
    # By products, which are less exact than differences and many times as fast.
    norms, others = (jnp.square(one.genome).sum(axis=1) for one in (own, everybody))
    products = jnp.matmul(own.genome, everybody.genome.T, precision=jax.lax.Precision.HIGHEST)
    squared = norms[:, None] + others - 2 * products
    is_same = own.born[:, None] == everybody.born
    nearest = jnp.where(is_same, jnp.inf, squared).min(axis=1)
    spread = jnp.sqrt(jnp.maximum(nearest, 0.0)) / 3
    is_usual = (nearest <= 1e-6 * norms) | jnp.isinf(nearest)
    return own.reward > 0, jnp.where(is_usual, deviation, spread)


def redescribed(descriptor: Descriptor, parameters: PyTree, solutions: Solutions) -> Solutions:
    """Solutions as a descriptor sees them now."""
    code, surprise = descriptor.describe(parameters, solutions.memory)
    return solutions._replace(code=code, surprise=surprise)


def all_redescribed(descriptor: Descriptor, parameters: Any, state: Explored) -> Explored:
    """A population and its archives as a descriptor sees them now."""

    def anew(solutions):
        return redescribed(descriptor, parameters, solutions)

    rewarded = state.rewarded.items
    return state._replace(
        population=anew(state.population),
        archive=state.archive._replace(items=anew(state.archive.items)),
        rewarded=state.rewarded._replace(items=rewarded._replace(solution=anew(rewarded.solution))),
    )
