r"""The planner of last-switch-dependent bandits: a relaxation, and its interleaved rounding.

After Foussoul et al., arXiv 2306.00338, of whose paper the abstract could be read and not the body.
The relaxation in two dimensions and the rounding by virtual states were derived anew from what the
abstract says of them, and checked numerically; the paper's own constants are unverified.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.bandits.players import without_learning
from rlsuite.bandits.playing import Player
from rlsuite.envs.bandits.last_switch import Payoffs, SwitchStates

_BISECTIONS = 40
"""More than a price between 0 and 1 has bits."""


class Cycles(NamedTuple):
    """Ways to play one arm over and over: idle for some rounds, then play for some.

    Attributes:
      num_idle: n, at least 1, and 0 for "play for ever".
      num_plays: k, at least 1.
      length: n + k.
      payoffs: of each arm, R in a whole cycle.
    """

    num_idle: Int[np.ndarray, " cycle"]
    num_plays: Int[np.ndarray, " cycle"]
    length: Int[np.ndarray, " cycle"]
    payoffs: Float[Array, "arm cycle"]


def cycles(states: SwitchStates, payoffs: Payoffs) -> Cycles:
    r"""All cycles of at most D idle rounds and K plays, and to play for ever.

    .. math:: R_i(n, k) = p_i(n) + \sum_{j = 1}^{k - 1} p_i(-j)

    To play for ever is of length 1 and pays :math:`p_i(-K)`. Longer cycles would add nothing: one
    of k > K plays is worth, and takes, what (n, K) and k − K times "for ever" do together, and one
    of n > D idle rounds pays as much as (D, k) and takes longer.
    """
    rests, plays = np.arange(1, states.num_rests + 1), np.arange(1, states.num_plays + 1)
    idle, times = (grid.ravel() for grid in np.meshgrid(rests, plays, indexing="ij"))
    in_a_row = payoffs[:, np.maximum(states.num_plays - plays[:-1], 0)]
    later = jnp.pad(jnp.cumsum(in_a_row, axis=1), ((0, 0), (1, 0)))
    found = payoffs[:, states.num_plays + idle - 1] + later[:, times - 1]
    return Cycles(
        num_idle=np.append(idle, 0),
        num_plays=np.append(times, 1),
        length=np.append(idle + times, 1),
        payoffs=jnp.concatenate([found, payoffs[:, :1]], axis=1),
    )


class Relaxation(NamedTuple):
    """The relaxed problem solved.

    Attributes:
      value: an upper bound of the best long-run average payoff.
      shares: (n + k) x, the share of time that an arm spends in a cycle; less than 1 in all where
        it rests for good the rest of the time.
    """

    value: Float[Array, ""]
    shares: Float[Array, "arm cycle"]


def relaxation(choices: Cycles) -> Relaxation:
    r"""The relaxation in two dimensions, by its dual of one.

    .. math:: \max_{x \ge 0} \sum x R \quad \text{with} \quad
       \sum_{n, k} (n + k) x_i(n, k) \le 1 \;\forall i, \quad
       \sum_i \sum_{n, k} k \, x_i(n, k) \le 1

    is, with a price :math:`\lambda \ge 0` on a play,

    .. math:: \min_\lambda \lambda + \sum_i \max\Big(0, \max_{n, k}
       \frac{R_i(n, k) - \lambda k}{n + k}\Big)

    which bisection solves: its slope is 1 less the plays per round that the maximisers make. What
    is best just below and just above the price is mixed so that all plays are used.
    """
    length, plays = jnp.asarray(choices.length), jnp.asarray(choices.num_plays)
    actions_per_round = plays / length

    def best(price):
        """Shares that are best at a price, the dual's value there, and the plays they make."""
        worth = (choices.payoffs - price * plays) / length
        chosen = (jnp.arange(length.size) == worth.argmax(axis=1)[:, None]) & (worth > 0)
        shares = chosen.astype(jnp.float32)
        value = price + jnp.sum(jnp.maximum(worth.max(axis=1), 0.0))
        return shares, value, jnp.sum(shares * actions_per_round)

    def bisect(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        is_too_cheap = best(middle)[2] > 1
        return jnp.where(is_too_cheap, middle, low), jnp.where(is_too_cheap, high, middle)

    start = (jnp.zeros(()), jnp.ones(()) + choices.payoffs.max())
    low, high = jax.lax.fori_loop(0, _BISECTIONS, bisect, start)
    below, value_below, plays_below = best(low)
    above, value_above, plays_above = best(high)
    difference = plays_below - plays_above
    missing = (1 - plays_above) / jnp.where(difference > 0, difference, 1.0)
    share = jnp.where(difference > 0, jnp.clip(missing, 0, 1), 0.0)
    return Relaxation(jnp.minimum(value_below, value_above), share * below + (1 - share) * above)


class Schedule(NamedTuple):
    """A fixed cycle for each arm: `length` is 0 for an arm that is never played.

    Attributes:
      num_idle: of the arm's cycle.
      length: of the arm's cycle.
      offset: where in it the arm is before the first round.
      virtual_payoffs: of each state, what the arm pays there; may be estimated.
    """

    num_idle: Int[Array, " arm"]
    length: Int[Array, " arm"]
    offset: Int[Array, " arm"]
    virtual_payoffs: Payoffs


def draw_schedule(
    key: PRNGKeyArray, choices: Cycles, shares: Float[Array, "arm cycle"], payoffs: Payoffs
) -> Schedule:
    """Draws for each arm one cycle by its share, or none, and a uniform offset in it."""
    cycle_key, offset_key = jax.random.split(key)
    num_arms = shares.shape[0]
    none = jnp.maximum(1 - shares.sum(axis=1, keepdims=True), 0)
    drawn = jax.random.categorical(cycle_key, jnp.log(jnp.concatenate([shares, none], axis=1)))
    idle, length = (
        jnp.asarray(np.append(column, 0), jnp.int32)[drawn]
        for column in (choices.num_idle, choices.length)
    )
    offset = jax.random.randint(offset_key, (num_arms,), 0, jnp.maximum(length, 1))
    return Schedule(idle, length, offset, payoffs)


def virtual_round(
    states: SwitchStates, schedule: Schedule, now: Int[Array, ""]
) -> Float[Array, " arm"]:
    """Virtual payoffs of the arms whose cycle says "play" in this round; −1 for all others.

    An arm's virtual state is the one it would have if it were always played when its cycle says so.
    """
    phase = (now + schedule.offset) % jnp.maximum(schedule.length, 1)
    streak = phase - schedule.num_idle
    # In a cycle without idle rounds an arm has been played for ever.
    rested = jnp.where(schedule.num_idle > 0, states.place(schedule.num_idle), 0)
    place = jnp.where(streak == 0, rested, states.place(-jnp.maximum(streak, 1)))
    is_candidate = (schedule.length > 0) & (streak >= 0)
    payoffs = schedule.virtual_payoffs[jnp.arange(place.size), place]
    return jnp.where(is_candidate, payoffs, -1.0)


def choose(states: SwitchStates, schedule: Schedule, now: Int[Array, ""]) -> Int[Array, ""]:
    """The candidate of the highest virtual payoff; to play no arm, if there is none.

    The real payoff plays no part: virtual states of arms are independent, real ones are not.
    """
    candidates = virtual_round(states, schedule, now)
    idle = candidates.size
    return jnp.where(candidates.max() < 0, idle, candidates.argmax()).astype(jnp.int32)


def plan(states: SwitchStates, key: PRNGKeyArray, payoffs: Payoffs) -> Schedule:
    """Solves the relaxation of some payoffs, and draws a schedule."""
    choices = cycles(states, payoffs)
    return draw_schedule(key, choices, relaxation(choices).shares, payoffs)


def interleaved(
    states: SwitchStates, believed: Callable[[Payoffs], Payoffs] = lambda payoffs: payoffs
) -> Player:
    """Interleaved rounding of the relaxation, by somebody who knows the payoffs.

    On monotone payoffs an arm that loses its turn only becomes fresher: what is played pays at
    least its virtual payoff, once every arm has been through its cycle. Its expectation over draws
    is then at least 1 − 1/e of the relaxation, by our own derivation: the paper's is unread.

    Args:
      states: of an arm.
      believed: what it takes the payoffs for, such as `recharging`.
    """
    return Player(
        init=lambda key, payoffs: plan(states, key, believed(payoffs)),
        act=lambda key, schedule, now: choose(states, schedule, now),
        learn=without_learning,
    )
