r"""How much contexts have in common: the spread over them of the best value of the same cell."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.envs.cells import Cells
from rlsuite.envs.contexts import ManyMaps, MapTables
from rlsuite.envs.step_tables import StepTable, optimal_values, reachable

MOST_CONTEXTS = 256
"""Maps of a level that are solved, where it has more."""


def least_values(
    values: Float[Array, " visit"],
    cells: Int[Array, " visit"],
    is_visited: Bool[Array, " visit"],
    num_cells: int,
) -> Float[Array, " cell"]:
    r"""The least best value of the states that share a cell, in one context.

    .. math::
        V^*_{\psi, c}(z) = \inf_{s : \psi(s) = z} V^*(s)

    Args:
      values: :math:`V^*` of states that one can come to.
      cells: :math:`\psi` of each.
      is_visited: which of these count.
      num_cells: how many cells there may be.

    Returns:
      For each cell, infinity where no state has it.
    """
    cells = jnp.where(is_visited, cells, num_cells)
    return jax.ops.segment_min(values, cells, num_cells + 1)[:num_cells]


def value_spread(
    values: Float[Array, "context cell"],
) -> tuple[Float[Array, ""], Float[Array, " cell"]]:
    r"""The spread over contexts, :math:`S(\psi) = E_z[\mathrm{Var}_c[V^*_{\psi, c}(z)]]`.

    Zero says that a cell is worth the same wherever one is. The number is the suite's own measure
    of what arXiv 2306.03236 argues with in words.

    Args:
      values: the least values of each context, infinity where it doesn't have a cell; such contexts
        are left out.

    Returns:
      S, the mean over the cells that some context has, and the variance of each cell; NaN where no
      context has it.
    """
    known = jnp.isfinite(values)
    variance = jnp.nanvar(jnp.where(known, values, jnp.nan), axis=0)
    return jnp.nanmean(variance), variance


def shared_structure(
    world: MapTables,
    level: ManyMaps,
    cells: Cells,
    discount: float = 0.99,
    number: int | Int[Array, ""] = MOST_CONTEXTS,
    most: int = MOST_CONTEXTS,
) -> tuple[Float[Array, ""], Float[Array, " cell"]]:
    """The spread over the maps of a level, by exact value iteration on each of them.

    States are those that a step leads to while the episode goes on, and the one it begins in.

    Args:
      world: that can be solved map by map.
      level: its maps.
      cells: by which states are told apart.
      discount: of the best values.
      number: how many maps count, the first; it may be traced.
      most: how many are solved, where the level has more, whether they count or not.

    Returns:
      As `value_spread`.
    """

    def least(context):
        table = world.map_table(level, context, cells)
        return least_values(*_visits(table, discount), cells.number)

    contexts = jnp.arange(min(level.num_maps, most))
    values = jax.lax.map(least, contexts, batch_size=32)
    return value_spread(jnp.where(contexts[:, None] < number, values, jnp.inf))


def _visits(
    table: StepTable, discount: float
) -> tuple[Float[Array, " visit"], Int[Array, " visit"], Bool[Array, " visit"]]:
    """Best values and cells of all that steps lead to, and whether one can be led there."""
    values, is_known = optimal_values(table, discount), reachable(table)
    arrived = values[table.following]
    goes_on = is_known[:, None] & ~table.terminated
    return (
        jnp.append(arrived, values[table.start]),
        jnp.append(table.cell, table.start_cell),
        jnp.append(goes_on, True),
    )
