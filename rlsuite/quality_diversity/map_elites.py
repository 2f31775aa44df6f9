"""Elites: the best solution of each cell."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from rlsuite.archive import best_of_cells
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.solutions import Solutions, taken
from rlsuite.selection import where_each


class Elites(NamedTuple):
    """The best solution of each cell.

    Attributes:
      solutions: one for each cell; where none was entered they mean nothing.
      entered: whether there is one.
    """

    solutions: Solutions
    entered: Bool[Array, " cell"]


def no_elites(like: Solutions, num_cells: int) -> Elites:
    """Cells that nobody has entered, for solutions like some."""
    room = jax.tree.map(lambda leaf: jnp.zeros((num_cells, *leaf.shape[1:]), leaf.dtype), like)
    return Elites(room, jnp.zeros(num_cells, bool))


def improved(elites: Elites, children: Solutions, domain: Domain, bins: int) -> Elites:
    """Elites after some children: each takes over its cell if it was paid more than who is there.

    Of equal ones the first stays.
    """
    cell = domain.cells(children.position, bins)
    winner = best_of_cells(cell, (children.reward,), domain.num_cells(bins))
    is_there = winner < len(cell)
    candidates = taken(children, jnp.where(is_there, winner, 0))
    more = candidates.reward > elites.solutions.reward
    better = is_there & (~elites.entered | more)
    return Elites(where_each(better, candidates, elites.solutions), elites.entered | better)
