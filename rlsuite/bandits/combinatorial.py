"""Learners of last-switch-dependent bandits who choose blocks of plays by upper confidence bounds.

After Laforgue et al., arXiv 2110.11819, who solve a linear programme where all sequences are listed
here: blocks are short.
"""

import math
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.bandits.playing import Player
from rlsuite.envs.bandits.last_switch import SwitchStates
from rlsuite.requirements import require_counts

_MOST_SEQUENCES = 2**14


class Blocks(NamedTuple):
    """Where such a learner is.

    Attributes:
      places: of the arms, as they follow from its own plays.
      plays: of each arm in each state, those that count.
      mean: what they paid.
      sequence: arms of this block.
      is_known: of each arm, whether it was played in this block, or else its state is another
        block's affair.
    """

    places: Int[Array, " arm"]
    plays: Int[Array, "arm state"]
    mean: Float[Array, "arm state"]
    sequence: Int[Array, " round"]
    is_known: Bool[Array, " arm"]


def combinatorial_ucb(
    num_arms: int, states: SwitchStates, length: int, *, ignores_first: bool
) -> Player:
    r"""CombUCB1, and ISI-CombUCB1 where first plays are ignored.

    In blocks of some rounds it plays the arms :math:`a_1, a_2, \dots` of the highest sum of

    .. math:: \hat\mu_{a_j}(\tau_j) + \sqrt{\frac{1.5 \ln t}{n_{a_j}(\tau_j)}}

    over the states :math:`\tau_j` that they will be played in, after t rounds. A state that was
    never seen has :math:`d \sqrt{1.5 \ln(K d)}` in place of this, with K arms and d rounds. Where
    first plays are ignored, the first play of each arm in a block has no part in the sum and in the
    averages: its state depends on the block before, and the others' states do not.

    Args:
      num_arms: K.
      states: that it tells apart, which may be fewer than the bandit does.
      length: d, of a block.
      ignores_first: whether first plays are ignored.

    Raises:
      ValueError: if there are no arms or rounds, or too many sequences to be listed.
    """
    require_counts(num_arms=num_arms, length=length)
    if num_arms**length > _MOST_SEQUENCES:
        raise ValueError(
            f"length: {length} is not allowed; {num_arms} arms may have at most "
            f"{_MOST_SEQUENCES} sequences"
        )
    sequences = jnp.asarray(list(product(range(num_arms), repeat=length)), jnp.int32)
    unseen = length * math.sqrt(1.5 * math.log(num_arms * length))
    arms = jnp.arange(num_arms)

    def chosen(plays, mean, places, now):
        rounds = jnp.maximum(now, 1).astype(jnp.float32)
        bonus = jnp.sqrt(1.5 * jnp.log(rounds) / jnp.maximum(plays, 1))
        return best_block(jnp.where(plays == 0, unseen, mean + bonus), places)

    def best_block(index, places):
        def one(carry, played):
            places, is_known, total = carry
            counts = is_known[jnp.arange(len(played)), played] | (not ignores_first)
            worth = index[played, places[jnp.arange(len(played)), played]]
            is_played = arms == played[:, None]
            places = jax.vmap(states.after)(places, is_played)
            return (places, is_known | is_played, total + jnp.where(counts, worth, 0.0)), None

        number = len(sequences)
        start = (
            jnp.broadcast_to(places, (number, num_arms)),
            jnp.zeros((number, num_arms), bool),
            jnp.zeros(number),
        )
        (_, _, total), _ = jax.lax.scan(one, start, sequences.T)
        return sequences[jnp.argmax(total)]

    def init(key, payoffs):
        del key, payoffs
        places = jnp.full(num_arms, states.size - 1, jnp.int32)
        plays = jnp.zeros((num_arms, states.size), jnp.int32)
        mean = jnp.zeros(plays.shape)
        first = chosen(plays, mean, places, jnp.int32(0))
        return Blocks(places, plays, mean, first, jnp.zeros(num_arms, bool))

    def learn(state, now, action, payoff):
        is_played = arms == action
        counts = state.is_known[action] | (not ignores_first)
        seen = is_played[:, None] & (jnp.arange(states.size) == state.places[:, None]) & counts
        plays = state.plays + seen
        change = (payoff - state.mean) / jnp.maximum(plays, 1).astype(jnp.float32)
        mean = state.mean + jnp.where(seen, change, 0.0)
        places = states.after(state.places, is_played)
        is_over = now % length == length - 1
        # The same for all games, so that sequences are compared only where a block ends.
        sequence = jax.lax.cond(
            is_over, chosen, lambda *_: state.sequence, plays, mean, places, now + 1
        )
        return Blocks(places, plays, mean, sequence, (state.is_known | is_played) & ~is_over)

    return Player(init, lambda key, state, now: state.sequence[now % length], learn)
