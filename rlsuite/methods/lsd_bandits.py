r"""Last-switch-dependent bandits with monotone payoffs (Foussoul et al., arXiv 2306.00338).

Somebody who knows the payoffs plays by `rlsuite.bandits.interleaving`. Who doesn't explores first,
and then plays as if the payoffs were what they were found to be. Of the paper, the abstract could
be read and not the body: this way to learn was derived anew, and the paper's exponent is
unverified.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from rlsuite.bandits.interleaving import Schedule, choose, cycles, plan, relaxation
from rlsuite.bandits.playing import Player, play
from rlsuite.envs.bandits.last_switch import (
    NAMED,
    LastSwitchInstance,
    Payoffs,
    SwitchStates,
    last_switch_bandit,
    random_monotone,
    spike,
)
from rlsuite.method import Method
from rlsuite.ranges import Count
from rlsuite.requirements import require_counts, require_known


class Exploration(NamedTuple):
    """Plays that visit every state of every arm, to be repeated.

    Attributes:
      actions: of one round of them.
      num_repeats: m, how often all of it is done.
    """

    actions: Int[np.ndarray, " round"]
    num_repeats: int

    @property
    def num_rounds(self) -> int:
        """In all."""
        return self.actions.size * self.num_repeats


def exploration(
    num_arms: int, states: SwitchStates, horizon: int, num_repeats: int | None = None
) -> Exploration:
    r"""For each arm a play, and then for n = 1, …, D: idle for n rounds, play K + 1 times.

    Args:
      num_arms: of the bandit.
      states: of an arm.
      horizon: T, rounds in all.
      num_repeats: m; none takes :math:`(T / B)^{2/3}` with the rounds B of one repeat, of which the
        loss against the planner who knows the payoffs grows like :math:`T^{2/3}`.

    Raises:
      ValueError: if the horizon is too short for it, or nothing is to be explored.
    """
    require_counts(num_arms=num_arms, horizon=horizon)
    idle, plays = num_arms, states.num_plays + 1
    actions = [
        action
        for arm in range(num_arms)
        for n in range(states.num_rests + 1)
        for action in ([idle] * n + [arm] * plays if n else [arm])
    ]
    if num_repeats is None:
        num_repeats = max(1, round((horizon / len(actions)) ** (2 / 3)))
    require_counts(num_repeats=num_repeats)
    found = Exploration(np.array(actions, np.int32), num_repeats)
    if found.num_rounds > horizon:
        raise ValueError(
            f"horizon: {horizon} is not allowed; it must be at least {found.num_rounds}, "
            "the rounds of exploration"
        )
    return found


class Visits(NamedTuple):
    """What was seen of each state of each arm."""

    plays: Int[Array, "arm state"]
    mean: Payoffs


class LearnerState(NamedTuple):
    """Of explore-then-commit.

    Attributes:
      key: of the schedule that is still to be drawn.
      places: of the arms, as they follow from its own plays.
      visits: while it explored.
      schedule: which it has committed itself to; never to play, before it has.
    """

    key: PRNGKeyArray
    places: Int[Array, " arm"]
    visits: Visits
    schedule: Schedule


def monotone(visits: Visits) -> Payoffs:
    r"""Isotonic regression of the means, weighted by how often a state was seen.

    .. math:: \max_{j \le i} \min_{k \ge i} \frac{\sum_{l = j}^k c_l \mu_l}{\sum_{l = j}^k c_l}
    """

    def one(plays, mean):
        weight = plays.astype(jnp.float32)
        size = weight.size
        first, last = jnp.arange(size)[:, None], jnp.arange(size)
        sums = [jnp.pad(jnp.cumsum(part), (1, 0)) for part in (weight, weight * mean)]
        weights, totals = (part[1:][None, :] - part[:-1][:, None] for part in sums)
        averages = jnp.where(first <= last, totals / jnp.maximum(weights, 1e-6), jnp.inf)
        # Of each j and i, the least over k ≥ i.
        least = jax.lax.cummin(averages, axis=1, reverse=True)
        return jnp.max(jnp.where(first <= last, least, -jnp.inf), axis=0)

    return jax.vmap(one)(visits.plays, visits.mean)


def explore_then_commit(num_arms: int, states: SwitchStates, explored: Exploration) -> Player:
    """Visits every state, and then plays as `interleaved` would by the monotone averages."""
    actions, last = jnp.asarray(explored.actions), explored.num_rounds - 1

    def init(key, payoffs):
        zeros = jnp.zeros(num_arms, jnp.int32)
        nothing = Visits(jnp.zeros(payoffs.shape, jnp.int32), jnp.zeros(payoffs.shape))
        never = Schedule(zeros, zeros, zeros, jnp.zeros(payoffs.shape))
        return LearnerState(key, jnp.full(num_arms, states.size - 1, jnp.int32), nothing, never)

    def act(key, state, now):
        del key
        committed = choose(states, state.schedule, now)
        return jnp.where(now <= last, actions[now % actions.size], committed)

    def observe(state, action, payoff):
        is_played = jnp.arange(num_arms) == action
        seen = is_played[:, None] & (jnp.arange(states.size) == state.places[:, None])
        plays = state.visits.plays + seen
        change = (payoff - state.visits.mean) / jnp.maximum(plays, 1).astype(jnp.float32)
        visits = Visits(plays, state.visits.mean + jnp.where(seen, change, 0.0))
        return state._replace(places=states.after(state.places, is_played), visits=visits)

    def commit(state):
        return state._replace(schedule=plan(states, state.key, monotone(state.visits)))

    def learn(state, now, action, payoff):
        # Both conditions are the same for all games, so that each is paid for when it holds.
        state = jax.lax.cond(now <= last, observe, lambda s, *_: s, state, action, payoff)
        return jax.lax.cond(now == last, commit, lambda s: s, state)

    return Player(init, act, learn)


InstancesName = Literal[
    "random_monotone",
    "satiating_trio",
    "greedy_trap",
    "pinwheel_2_4_4",
    "pinwheel_2_3_6",
    "pinwheel_2_3_12",
    "spike",
]
_MADE = {**NAMED, "spike": spike}


@dataclass(frozen=True)
class LSDBanditsConfig:
    """What is learned, by whom, and for how long.

    Attributes:
      instances: bandits to be learned: drawn with payoffs that only rest improves, or one of those
        with a name, of which `spike` alone is not monotone.
      num_arms: of bandits that are drawn.
      num_plays: plays in a row that payoffs of such bandits tell apart, K.
      num_rests: rounds of rest that payoffs of such bandits tell apart, D.
      horizon: rounds that the learner takes the game to have, T.
      num_repeats: how often it visits every state before it commits itself; none goes by the
        horizon.
      num_agents: learners side by side, each at a bandit of its own.
      rounds_per_step: of each learner.
    """

    instances: InstancesName = "random_monotone"
    num_arms: Count = 3
    num_plays: Count = 3
    num_rests: Count = 4
    horizon: Count = 20_000
    num_repeats: Count | None = None
    num_agents: Count = 1024
    rounds_per_step: Count = 200

    @property
    def states(self) -> SwitchStates:
        """Of an arm.

        Raises:
          ValueError: if the instances are unknown.
        """
        made = self._made
        return SwitchStates(self.num_plays, self.num_rests) if made is None else made.states

    def sample(self, key: PRNGKeyArray) -> Payoffs:
        """Draws a bandit.

        Raises:
          ValueError: as `states`.
        """
        made = self._made
        if made is None:
            return random_monotone(key, self.num_arms, self.states)
        return jnp.asarray(made.payoffs)

    @property
    def _made(self) -> LastSwitchInstance | None:
        """The one bandit with that name; none where they are drawn."""
        require_known("instances", self.instances, get_args(InstancesName))
        return None if self.instances == "random_monotone" else _MADE[self.instances]()

    @property
    def player(self) -> Player:
        """The learner.

        Raises:
          ValueError: if the horizon is too short, and as `states`.
        """
        num_arms = jax.eval_shape(self.sample, jax.random.key(0)).shape[0]
        explored = exploration(num_arms, self.states, self.horizon, self.num_repeats)
        return explore_then_commit(num_arms, self.states, explored)


def lsd_bandits(config: LSDBanditsConfig) -> Method:
    """Learners at last-switch-dependent bandits with 0/1 payoffs (arXiv 2306.00338).

    Regret is counted against the relaxation, which no player can beat in the long run.

    Returns:
      A method whose state is a `PlayState`; a step is `rounds_per_step` rounds of every learner.
    """
    states = config.states
    num_arms = jax.eval_shape(config.sample, jax.random.key(0)).shape[0]
    return play(
        last_switch_bandit(num_arms, states),
        config.player,
        config.sample,
        num_agents=config.num_agents,
        rounds_per_step=config.rounds_per_step,
        benchmark=lambda payoffs: relaxation(cycles(states, payoffs)).value,
    )
