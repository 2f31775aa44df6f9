r"""Signatures of paths up to order 2.

Of a path :math:`X` from time 0 to 1 with channels :math:`i`, joined by straight lines,

.. math::
    S_i = \int dX_i, \qquad S_{ij} = \iint_{s < t} dX_i(s) \, dX_j(t).

They don't depend on how fast the path is taken, only on its way (K.-T. Chen, 1957; Lyons).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def levels(
    path: Float[Array, "time channel"],
) -> tuple[Float[Array, " channel"], Float[Array, "channel channel"]]:
    """The integrals of order 1 and 2."""
    steps = jnp.diff(path, axis=0)
    before = path[:-1] - path[0]
    return path[-1] - path[0], (before + steps / 2).T @ steps


def signature(path: Float[Array, "time channel"]) -> Float[Array, " number"]:
    """The integrals of order 1 and then of order 2, row by row."""
    first, second = levels(path)
    return jnp.concatenate([first, second.reshape(-1)])


def log_signature(path: Float[Array, "time channel"]) -> Float[Array, " number"]:
    r"""The integrals of order 1, and the areas between pairs of channels (Lévy's).

    .. math::
        A_{ij} = \frac{1}{2} (S_{ij} - S_{ji}), \qquad i < j.

    The rest of order 2 follows from order 1: :math:`S_{ij} + S_{ji} = S_i S_j`.
    """
    first, second = levels(path)
    areas = (second - second.T) / 2
    return jnp.concatenate([first, areas[np.triu_indices(len(first), 1)]])


def with_time(path: Float[Array, "time channel"]) -> Float[Array, "time channel_and_time"]:
    """The path with one more channel, which rises evenly from 0 to 1."""
    return jnp.concatenate([path, jnp.linspace(0.0, 1.0, len(path))[:, None]], axis=1)
