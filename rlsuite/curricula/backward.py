"""The backward algorithm: starts that slide from a demonstration's end to its beginning."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.envs.restarts import Attempt


class Tries(NamedTuple):
    """Attempts that ended since the window last moved, by the place where they began."""

    begun: Int[Array, " place"]
    succeeded: Int[Array, " place"]

    @property
    def rate(self) -> Float[Array, " place"]:
        """The share that succeeded, 0 where there was none."""
        return self.succeeded / jnp.maximum(self.begun, 1)


def no_tries(num_places: int) -> Tries:
    """Before any attempt."""
    none = jnp.zeros(num_places, jnp.int32)
    return Tries(none, none)


def count_tries(tries: Tries, attempts: Attempt, ended: Bool[Array, "time worker"]) -> Tries:
    """Tries with those that ended in a rollout."""
    place = jnp.where(ended, attempts.place, tries.begun.size)
    return Tries(
        tries.begun.at[place].add(1, mode="drop"),
        tries.succeeded.at[place].add(attempts.succeeded.astype(jnp.int32), mode="drop"),
    )


def slide(
    latest: Int[Array, ""],
    tries: Tries,
    window: int,
    *,
    threshold: float,
    retreat: int,
    last: Int[Array, ""],
) -> Int[Array, ""]:
    r"""The latest start after some tries (Salimans and Chen, arXiv 1812.03381).

    .. math::
        \min \{ i : \tfrac{1}{W} \sum_{j \le i} \text{success}_j \ge \theta \}

    over the places :math:`j` of the window, of which those before the start are the start. It is at
    least one place earlier than before; if no place will do, it is `retreat` places later.

    Args:
      latest: start before.
      tries: since the window last moved.
      window: places :math:`W`, which end with the latest.
      threshold: :math:`\theta`.
      retreat: places.
      last: the latest start there may be.
    """
    places = jnp.maximum(latest - jnp.arange(window)[::-1], 0)
    reached = jnp.cumsum(tries.rate[places]) / window >= threshold
    earlier = jnp.minimum(places[jnp.argmax(reached)], latest - 1)
    moved = jnp.where(reached.any(), earlier, latest + retreat)
    return jnp.clip(moved, 0, last)
