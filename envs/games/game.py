"""What a game of two players with two actions each is, and how it looks from either seat."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Payoffs = Float[Array, "seat=2 first=2 second=2"]
"""Of a game: what each of the two players gets, by the first player's action and the second's."""


class View(NamedTuple):
    """A game as one of its players sees it before the first round. All of it is known to both.

    Attributes:
      payoffs: `[whose, own action, other's action]`: one's own first, and then the other's.
      seat: 0 for the first player, 1 for the second.
      num_rounds: that will be played.
    """

    payoffs: Float[Array, "*batch 2 2 2"]
    seat: Int[Array, "*batch"]
    num_rounds: Int[Array, "*batch"]

    @property
    def own(self) -> Float[Array, "*batch 2 2"]:
        """One's own payoffs, `[own action, other's action]`."""
        return self.payoffs[..., 0, :, :]

    @property
    def others(self) -> Float[Array, "*batch 2 2"]:
        """The other's payoffs, likewise."""
        return self.payoffs[..., 1, :, :]


def swap_roles(payoffs: Float[Array | np.ndarray, "*batch 2 2 2"]) -> Float[Array, "*batch 2 2 2"]:
    """The same game with the second player as the first."""
    return jnp.flip(jnp.asarray(payoffs), -3).swapaxes(-1, -2)


def view_from(
    payoffs: Float[Array, "*batch 2 2 2"], seat: Int[Array, ""], num_rounds: Int[Array, ""]
) -> View:
    """A game as the player in a seat sees it; over leading axes of the payoffs, of many games."""
    seen = jnp.where(seat == 0, payoffs, swap_roles(payoffs))
    batch = payoffs.shape[:-3]
    return View(
        seen.astype(jnp.float32),
        jnp.broadcast_to(jnp.asarray(seat, jnp.int32), batch),
        jnp.broadcast_to(jnp.asarray(num_rounds, jnp.int32), batch),
    )


def mirrored(payoffs: Float[Array, "2 2"]) -> Payoffs:
    """The symmetric game in which the first player has these payoffs, `[own, other's]` action."""
    payoffs = jnp.asarray(payoffs, jnp.float32)
    return jnp.stack([payoffs, payoffs.T])


COOPERATE, DEFECT = 0, 1
"""Actions of the Prisoner's Dilemma."""


def prisoners_dilemma() -> Payoffs:
    """The case study's: 8 each for cooperating, 5 each for defecting, else 0 and 10."""
    return mirrored(jnp.array([[8.0, 0.0], [10.0, 5.0]]))


def battle_of_the_sexes(first: float = 10.0, second: float = 7.0) -> Payoffs:
    """The case study's: nothing unless both do the same.

    Args:
      first: what the first player gets where both play action 0, and the second where both play
        action 1.
      second: what the second player gets where both play action 0, and the first where both play
        action 1.
    """
    return jnp.array([[[first, 0.0], [0.0, second]], [[second, 0.0], [0.0, first]]])
