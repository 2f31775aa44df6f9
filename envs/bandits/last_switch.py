r"""Last-switch-dependent bandits: an arm pays by when it was last taken up or left.

Foussoul et al., *Last Switch Dependent Bandits with Monotone Payoff Functions*, arXiv 2306.00338;
the model is that of Laforgue et al., arXiv 2110.11819. Each arm has a state
:math:`\tau \in \mathbb Z \setminus \{0\}`: :math:`\tau = n \ge 1` says that it was left alone for
n rounds, :math:`\tau = -k` that it has just been played k rounds in a row,

.. math:: \tau' = \begin{cases} -1 & \tau > 0 \\ \tau - 1 & \tau < 0 \end{cases}
   \text{ if played, else } \begin{cases} 1 & \tau < 0 \\ \tau + 1 & \tau > 0 \end{cases}

and a play pays :math:`p_i(\tau)` in mean. (Public code of Laforgue et al. has a helper that steps
from −3 to −2 where an arm is not played; the papers' model is followed.)
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.bandits.bandit import Bandit, Graph, Noise, Payoff, bernoulli

Payoffs = Float[Array, "arm state"]
"""Mean payoffs of each arm in each of its states, as `SwitchStates` lists them."""


class SwitchStates(NamedTuple):
    """The states of an arm in order: −K, …, −1, 1, …, D. Payoffs don't change beyond the two ends.

    Attributes:
      num_plays: K, the most plays in a row that are told apart.
      num_rests: D, the most rounds left alone that are told apart.
    """

    num_plays: int
    num_rests: int

    @property
    def size(self) -> int:
        """How many there are."""
        return self.num_plays + self.num_rests

    def place(self, tau: Int[Array, "*batch"] | int) -> Int[Array, "*batch"]:
        """Where a state τ, which is not 0, stands in the order."""
        rested = self.num_plays + jnp.minimum(tau, self.num_rests) - 1
        played = self.num_plays - jnp.minimum(-jnp.asarray(tau), self.num_plays)
        return jnp.where(jnp.asarray(tau) > 0, rested, played)

    def after(
        self, places: Int[Array, "*batch arm"], is_played: Bool[Array, " arm"]
    ) -> Int[Array, "*batch arm"]:
        """Places after a round."""
        was_played = places < self.num_plays
        once_more = jnp.where(was_played, jnp.maximum(places - 1, 0), self.num_plays - 1)
        alone = jnp.where(was_played, self.num_plays, jnp.minimum(places + 1, self.size - 1))
        return jnp.where(is_played, once_more, alone)


def last_switch_bandit(num_arms: int, states: SwitchStates, noise: Noise = bernoulli) -> Bandit:
    """A last-switch-dependent bandit; the last of its `num_arms` + 1 actions is to play no arm.

    Its instances are tables of mean payoffs, `[arm, state]` with values between 0 and 1; its state
    is each arm's place in `states`. At the start all arms are as rested as they can be.

    Args:
      num_arms: N.
      states: of an arm.
      noise: of payoffs.
    """

    def init(payoffs):
        del payoffs
        return jnp.full(num_arms, states.size - 1, jnp.int32)

    def pull(key, payoffs, places, action):
        is_arm = action < num_arms
        arm = jnp.minimum(action, num_arms - 1)
        mean = jnp.where(is_arm, payoffs[arm, places[arm]], 0.0)
        paid = jnp.where(is_arm, noise(key, mean), 0.0)
        return states.after(places, jnp.arange(num_arms) == action), Payoff(paid, mean)

    return Bandit(num_arms + 1, init, pull)


def last_switch_graph(states: SwitchStates, payoffs: Payoffs) -> Graph:
    """All joint states of few arms, of which there are (K + D)^N.

    A joint state's number has the places of arms as its digits, the first arm's in front.
    """
    num_arms = payoffs.shape[0]
    places = np.array(list(product(range(states.size), repeat=num_arms)))
    powers = states.size ** np.arange(num_arms)[::-1]
    # Where plays lead doesn't depend on payoffs, which may be traced.
    with jax.ensure_compile_time_eval():
        following = [
            np.asarray(states.after(jnp.asarray(places), jnp.arange(num_arms) == action)) @ powers
            for action in range(num_arms + 1)
        ]
    paid = jnp.concatenate(
        [payoffs[jnp.arange(num_arms), jnp.asarray(places)], jnp.zeros((len(places), 1))], axis=1
    )
    return Graph(jnp.asarray(np.stack(following, 1), jnp.int32), paid)


def random_monotone(key: PRNGKeyArray, num_arms: int, states: SwitchStates) -> Payoffs:
    """For each arm, uniform payoffs in order: the more rested, the more it pays."""
    return jnp.sort(jax.random.uniform(key, (num_arms, states.size)), axis=1)


def recharging(states: SwitchStates, payoffs: Payoffs) -> Payoffs:
    """What the payoffs would be if plays in a row made no difference after the first."""
    fresh = payoffs[:, states.num_plays - 1 : states.num_plays]
    return jnp.concatenate(
        [jnp.repeat(fresh, states.num_plays, axis=1), payoffs[:, states.num_plays :]], axis=1
    )


class LastSwitchInstance(NamedTuple):
    """One bandit with the states that its payoffs tell apart."""

    states: SwitchStates
    payoffs: Float[np.ndarray, "arm state"]

    def widened(self, num_arms: int, states: SwitchStates) -> "LastSwitchInstance":
        """The same with arms that never pay, and with states that pay as those at the ends do.

        Raises:
          ValueError: if it would have to be cut.
        """
        more = (
            num_arms - len(self.payoffs),
            states.num_plays - self.states.num_plays,
            states.num_rests - self.states.num_rests,
        )
        if min(more) < 0:
            raise ValueError(
                f"states: {num_arms} arms with {tuple(states)} are not allowed; there are "
                f"{len(self.payoffs)} with {tuple(self.states)} already"
            )
        arms, plays, rests = more
        wide = np.pad(self.payoffs, ((0, 0), (plays, rests)), mode="edge")
        return LastSwitchInstance(states, np.pad(wide, ((0, arms), (0, 0))))


def by_delay(delays: Sequence[Callable[[int], float]], num_delays: int) -> LastSwitchInstance:
    """Arms that pay by the rounds since their last play alone: *recharging* bandits.

    Args:
      delays: for each arm, `delay -> payoff`; an arm that was played in the round before has
        delay 1, one that was left alone for n rounds n + 1.
      num_delays: the longest delay that is told apart.
    """
    table = [[pays(delay) for delay in range(1, num_delays + 1)] for pays in delays]
    return LastSwitchInstance(SwitchStates(1, num_delays - 1), np.array(table, np.float32))


def satiating_trio() -> LastSwitchInstance:
    """Three arms of the worth b = 1, 0.8, 0.6: b (1 − 0.6 · 0.5ⁿ) and 0.4 b · 0.5^{k − 1}."""
    states = SwitchStates(3, 4)
    played = [0.4 * 0.5 ** (k - 1) for k in (3, 2, 1)]
    rested = [1 - 0.6 * 0.5**n for n in (1, 2, 3, 4)]
    worth = np.array([[1.0], [0.8], [0.6]])
    return LastSwitchInstance(states, (worth * np.array(played + rested)).astype(np.float32))


def greedy_trap(steady: float = 0.05, spoiled: float = 0.06) -> LastSwitchInstance:
    """What pays `steady` always, and what pays 0.95, but only `spoiled` if played just before."""
    return by_delay([lambda d: steady, lambda d: spoiled if d == 1 else 0.95], 2)


def pinwheel(*periods: int) -> LastSwitchInstance:
    """Arms that pay 1 once a period of their own has passed since their last play, else 0."""
    arms = [lambda delay, period=period: float(delay >= period) for period in periods]
    return by_delay(arms, max(2, *periods))


def spike(num_steady: int = 3) -> LastSwitchInstance:
    """Arms by delay, one of which pays at delay 3 alone, so that it is not monotone.

    Args:
      num_steady: arms in front that always pay 0.15; more than one add nothing to the best average.
    """

    def slow(delay):
        return 0.96 if delay >= 9 else 0.16 if delay == 6 else 0.14

    steady = [lambda delay: 0.15] * num_steady
    return by_delay([*steady, lambda delay: 0.95 * (delay == 3), slow], 9)


NAMED: dict[str, Callable[[], LastSwitchInstance]] = {
    "satiating_trio": satiating_trio,
    "greedy_trap": greedy_trap,
    "pinwheel_2_4_4": lambda: pinwheel(2, 4, 4),
    "pinwheel_2_3_6": lambda: pinwheel(2, 3, 6),
    "pinwheel_2_3_12": lambda: pinwheel(2, 3, 12),
}
"""Monotone instances by name: more rest never pays less, more plays in a row never pay more.

The trap is the second instance of Laforgue et al.; `spike` is their first, and is not monotone.
"""
