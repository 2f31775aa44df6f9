r"""How much contexts have in common: the spread over them of the best value of the same cell."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


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
