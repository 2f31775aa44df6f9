"""What machines come to at a game, without playing: expectations, and best responses."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from rlsuite.envs.games.machines import Machine

_einsum = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def expected_totals(
    payoffs: Float[Array, "2 2 2"],
    first: Machine,
    second: Machine,
    num_rounds: int,
    stop: Float[ArrayLike, ""] = 0.0,
) -> Float[Array, "2"]:
    r"""What two machines get in so many rounds, in expectation, by the chain of their states.

    With the chances d of their states s and z before round t, and p and q of their actions there,

    .. math::
       j_t(s, z, a, b) = d_t(s, z) \, p(a|s) \, q(b|z), \qquad
       \text{total} = \sum_t \sum_{s, z, a, b} j_t(s, z, a, b) \, u(a, b), \\
       d_{t+1}(s', z') = (1 - h) \sum_{s, z, a, b} j_t(s, z, a, b) \,
          [s' = \sigma(s, a, b)] \, [z' = \tau(z, b, a)]

    It is differentiable in the machines' chances.

    Args:
      payoffs: of the game.
      first: of the first player.
      second: of the second player.
      num_rounds: of the match, at most.
      stop: h, the chance that it is over after a round, which nobody sees coming.
    """
    sizes = first.chances.size, second.chances.size
    acts, others = (jnp.stack([1 - one.chances, one.chances], axis=1) for one in (first, second))
    moves = jax.nn.one_hot(first.successors, sizes[0])
    # By the first player's action, and then the second's.
    answers = jax.nn.one_hot(second.successors.swapaxes(1, 2), sizes[1])

    def play_round(carry, _):
        chances, totals = carry
        joint = _einsum("sz,sa,zb->szab", chances, acts, others)
        totals = totals + _einsum("szab,pab->p", joint, payoffs)
        after = (1 - stop) * _einsum("szab,sabx,zaby->xy", joint, moves, answers)
        return (after, totals), None

    start = jnp.zeros(sizes).at[0, 0].set(1.0)
    (_, totals), _ = jax.lax.scan(play_round, (start, jnp.zeros(2)), length=num_rounds)
    return totals


class BestResponse(NamedTuple):
    """The best there is against a machine.

    Attributes:
      total: of all rounds, in expectation.
      actions: in each round, by the machine's state.
    """

    total: Float[Array, ""]
    actions: Int[Array, "round state"]


def best_response(
    own: Float[Array, "2 2"],
    opponent: Machine,
    num_rounds: int,
    stop: Float[ArrayLike, ""] = 0.0,
) -> BestResponse:
    r"""What nobody can do better against a machine, by dynamic programming over its states.

    .. math:: V_0 = 0, \qquad
       V_{t+1}(z) = \max_a \sum_b q(b|z) \left( u(a, b) + (1 - h) V_t(\tau(z, b, a)) \right)

    Args:
      own: payoffs of who responds, `[own action, other's action]`.
      opponent: the machine, whose state can be known from the rounds before.
      num_rounds: of the match, at most.
      stop: h, the chance that it is over after a round, which nobody sees coming.
    """
    chances = jnp.stack([1 - opponent.chances, opponent.chances], axis=1)
    following = opponent.successors.swapaxes(1, 2)

    def back(values, _):
        worth = _einsum("zb,zab->za", chances, own + (1 - stop) * values[following])
        return worth.max(axis=1), jnp.argmax(worth, axis=1).astype(jnp.int32)

    values, actions = jax.lax.scan(back, jnp.zeros(opponent.chances.size), length=num_rounds)
    return BestResponse(values[0], actions[::-1])
