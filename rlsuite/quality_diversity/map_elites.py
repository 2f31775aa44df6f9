"""Elites: the best solution of each cell, and searches that begin from these."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from rlsuite.archive import best_of_cells, choose
from rlsuite.method import Method, single_precision
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.found import Found, metrics, nothing_found, told
from rlsuite.quality_diversity.solutions import Solutions, evaluated, random_genomes
from rlsuite.selection import take, where_each


class Elites(NamedTuple):
    """The best solution of each cell.

    Attributes:
      solutions: one for each cell; where none was entered they mean nothing.
      entered: whether there is one.
    """

    solutions: Solutions
    entered: Bool[Array, " cell"]

    def drawn(self, key: PRNGKeyArray, number: int) -> Float[Array, "number gene"]:
        """Genomes of elites, all of them alike, drawn with replacement."""
        alike = jnp.ones(self.entered.shape)
        return self.solutions.genome[choose(key, self.entered, alike, number)]


def no_elites(like: Solutions, num_cells: int) -> Elites:
    """Cells that nobody has entered, for solutions like some."""
    room = jax.tree.map(lambda leaf: jnp.zeros((num_cells, *leaf.shape[1:]), leaf.dtype), like)
    return Elites(room, jnp.zeros(num_cells, bool))


class Standing(NamedTuple):
    """What solutions would be to the elites of their cells, each by itself.

    Attributes:
      is_new: nobody has entered the cell.
      gain: its reward, less what the elite was paid where there is one.
    """

    is_new: Bool[Array, "*solution"]
    gain: Float[Array, "*solution"]

    @property
    def is_better(self) -> Bool[Array, "*solution"]:
        """Whether it would become the elite."""
        return self.is_new | (self.gain > 0)


def standing(elites: Elites, children: Solutions, domain: Domain, bins: int) -> Standing:
    """What some children would be to elites."""
    cell = domain.cells(children.position, bins)
    is_new = ~elites.entered[cell]
    there = jnp.where(is_new, 0.0, elites.solutions.reward[cell])
    return Standing(is_new, children.reward - there)


def improved(elites: Elites, children: Solutions, domain: Domain, bins: int) -> Elites:
    """Elites after some children: each takes over its cell if it was paid more than who is there.

    Of equal ones the first stays.
    """
    cell = domain.cells(children.position, bins)
    winner = best_of_cells(cell, (children.reward,), domain.num_cells(bins))
    is_there = winner < len(cell)
    candidates = take(children, jnp.where(is_there, winner, 0))
    more = candidates.reward > elites.solutions.reward
    better = is_there & (~elites.entered | more)
    return Elites(where_each(better, candidates, elites.solutions), elites.entered | better)


class Variation(NamedTuple):
    """Where the genomes of a batch come from, as pure functions.

    Attributes:
      init: `(key, elites) -> state`.
      propose: `(key, state, elites) -> (state, genomes)`, a batch of them.
      learn: `(key, state, elites, children, standing) -> state`, from what the batch came to, told
        of the elites with it, and of what it was to those before.
    """

    init: Callable[[PRNGKeyArray, Elites], Any]
    propose: Callable[[PRNGKeyArray, Any, Elites], tuple[Any, Float[Array, "solution gene"]]]
    learn: Callable[[PRNGKeyArray, Any, Elites, Solutions, Standing], Any]


class EliteSearchState(NamedTuple):
    """Everything that changes."""

    key: PRNGKeyArray
    elites: Elites
    found: Found
    variation: Any

    @property
    def kept(self) -> tuple[Solutions, Bool[Array, " cell"]]:
        """All elites, and which of them are there."""
        return self.elites.solutions, self.elites.entered


def elite_search(domain: Domain, config: BatchConfig, variation: Variation) -> Method:
    """A search that keeps the best solution of each cell of a grid of positions.

    Args:
      domain: what is searched.
      config: sizes.
      variation: where new genomes come from, after the first ones, which are random.

    Returns:
      A method whose state is an `EliteSearchState`; a step is `evaluations_per_step` evaluations.
      Metrics are those of `rlsuite.quality_diversity.found.metrics`, `kept_coverage`, which is the
      coverage, and `kept`, how many elites there are.

    Raises:
      ValueError: if a step isn't whole batches.
    """
    descriptor, num_batches = true_position(), config.num_batches

    def init(key):
        key, first_key, variation_key = jax.random.split(key, 3)
        genome = random_genomes(first_key, config.num_first, domain.num_genes)
        none = nothing_found(domain, config.bins)
        first = evaluated(domain, descriptor, (), genome, after=none.evaluations)
        elites = improved(
            no_elites(first, domain.num_cells(config.bins)), first, domain, config.bins
        )
        return EliteSearchState(
            key, elites, told(none, domain, first), variation.init(variation_key, elites)
        )

    def batch(state, _):
        key, propose_key, learn_key = jax.random.split(state.key, 3)
        elites, found = state.elites, state.found
        varied, genome = variation.propose(propose_key, state.variation, elites)
        children = evaluated(domain, descriptor, (), genome, after=found.evaluations)
        stands = standing(elites, children, domain, config.bins)
        elites = improved(elites, children, domain, config.bins)
        varied = variation.learn(learn_key, varied, elites, children, stands)
        return EliteSearchState(key, elites, told(found, domain, children), varied), None

    def step(state):
        state, _ = jax.lax.scan(batch, state, length=num_batches)
        entered = state.elites.entered
        return state, metrics(state.found) | {
            "kept_coverage": entered.mean(dtype=jnp.float32),
            "kept": entered.sum().astype(jnp.float32),
        }

    return single_precision(Method(init, step))
