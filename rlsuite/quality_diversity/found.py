"""What a search has found so far, whatever it keeps of it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.solutions import Solutions

NEVER = -1
"""Instead of a number of evaluations, for what was not found."""


class Found(NamedTuple):
    """Of all solutions that were evaluated.

    Attributes:
      evaluations: how many there were.
      first_visit: after how many of them an episode ended in each cell, `NEVER` for none.
      best: the highest reward of each area.
      found_at: after how many evaluations each area first paid, `NEVER` if it didn't.
      spent: evaluations of emitters whose founder was paid by each area.
    """

    evaluations: Int[Array, ""]
    first_visit: Int[Array, " cell"]
    best: Float[Array, " area"]
    found_at: Int[Array, " area"]
    spent: Int[Array, " area"]

    @property
    def coverage(self) -> Float[Array, ""]:
        """Share of the cells in which an episode has ended."""
        return (self.first_visit != NEVER).mean(dtype=jnp.float32)

    def bins(self, domain: Domain) -> int:
        """Cells of the grid along each axis of positions."""
        return round(len(self.first_visit) ** (1 / len(domain.low)))


def nothing_found(domain: Domain, bins: int) -> Found:
    """Before the first evaluation.

    Args:
      domain: that is searched.
      bins: cells of the grid along each axis of positions.
    """
    areas = jnp.full(domain.num_areas, NEVER, jnp.int32)
    return Found(
        evaluations=jnp.zeros((), jnp.int32),
        first_visit=jnp.full(domain.num_cells(bins), NEVER, jnp.int32),
        best=jnp.zeros(domain.num_areas),
        found_at=areas,
        spent=jnp.zeros_like(areas),
    )


def told(
    found: Found,
    domain: Domain,
    solutions: Solutions,
    *,
    counted: Bool[Array, " solution"] | None = None,
    spent_on: Int[Array, " solution"] | None = None,
) -> Found:
    """What is found with some more solutions.

    Args:
      found: before.
      domain: that is searched.
      solutions: that were evaluated.
      counted: which of them are there; by default all.
      spent_on: the area of the founder of the emitter that each comes from, below zero for none.
    """
    if counted is None:
        counted = jnp.ones(len(solutions.reward), bool)
    num_cells, num_areas = len(found.first_visit), domain.num_areas
    cell = jnp.where(counted, domain.cells(solutions.position, found.bins(domain)), num_cells)
    area = jnp.where(counted & (solutions.area >= 0), solutions.area, num_areas)
    spent = found.spent
    if spent_on is not None:
        spent = spent.at[jnp.where(counted & (spent_on >= 0), spent_on, num_areas)].add(
            1, mode="drop"
        )
    return Found(
        evaluations=found.evaluations + counted.sum(dtype=jnp.int32),
        first_visit=_earliest(found.first_visit, cell, solutions.born),
        best=found.best.at[area].max(solutions.reward, mode="drop"),
        found_at=_earliest(found.found_at, area, solutions.born),
        spent=spent,
    )


def kept_coverage(
    found: Found,
    domain: Domain,
    position: Float[Array, "solution axis"],
    is_there: Bool[Array, " solution"],
) -> Float[Array, ""]:
    """Share of the cells in which an episode of some solutions ended, of those that are there."""
    num_cells = len(found.first_visit)
    cell = jnp.where(is_there, domain.cells(position, found.bins(domain)), num_cells)
    return jnp.zeros(num_cells).at[cell].set(1.0, mode="drop").mean()


def _earliest(
    known: Int[Array, " place"], place: Int[Array, " solution"], born: Int[Array, " solution"]
) -> Int[Array, " place"]:
    never = jnp.iinfo(jnp.int32).max
    earliest = jnp.where(known == NEVER, never, known).at[place].min(born, mode="drop")
    return jnp.where(earliest == never, NEVER, earliest)


def metrics(found: Found) -> dict[str, Float[Array, ""]]:
    """Numbers that every search reports.

    They are `evaluations`, `coverage` (the share of cells in which an episode has ended), `areas`
    that have paid, `best_reward`, and of each area `best_reward_AREA` and `budget_share_AREA`, the
    share of all evaluations that emitters spent there.
    """
    each = {}
    for area in range(len(found.best)):
        each[f"best_reward_{area}"] = found.best[area]
        each[f"budget_share_{area}"] = found.spent[area] / found.evaluations
    return {
        "evaluations": found.evaluations.astype(jnp.float32),
        "coverage": found.coverage,
        "areas": (found.found_at != NEVER).sum().astype(jnp.float32),
        "best_reward": found.best.max(),
        **each,
    }
