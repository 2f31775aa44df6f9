"""Who plays last-switch-dependent bandits in tests, and what bounds all of them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import MinLen
from jaxtyping import Array, Float

from rlsuite.bandits.dynamic_programming import best_average
from rlsuite.bandits.interleaving import cycles, interleaved, plan, relaxation
from rlsuite.bandits.players import (
    always,
    epsilon_greedy,
    oracle_greedy,
    sequence,
    successive_elimination,
    ucb1,
    uniformly_random,
)
from rlsuite.bandits.playing import Bandit, Player
from rlsuite.compiling import jit
from rlsuite.envs.bandits.bandit import noiseless
from rlsuite.envs.bandits.last_switch import (
    LastSwitchInstance,
    Payoffs,
    SwitchStates,
    greedy_trap,
    last_switch_bandit,
    last_switch_graph,
    spike,
)
from rlsuite.experiments.methods.bandits.common import Seats
from rlsuite.methods.lsd_bandits import exploration, explore_then_commit
from rlsuite.ranges import Count, Counts, EachOnce, OneOf

PLANNER, BLIND = "planner who knows", "planner blind to plays in a row"
GREEDY, OPTIMUM = "oracle greedy", "optimum"

UNPLANNED: Mapping[str, Callable[[Bandit, int], Player]] = {
    GREEDY: lambda bandit, num_arms: oracle_greedy(bandit),
    "best single arm": lambda bandit, num_arms: always(lambda payoffs: payoffs[:, 0].argmax()),
    "round robin": lambda bandit, num_arms: sequence(lambda payoffs: jnp.arange(num_arms)),
    "random arms": lambda bandit, num_arms: uniformly_random(num_arms),
}
"""Who don't plan, by what is made of a bandit and its number of arms: greedy, or never changing."""

LEARNERS: Mapping[str, Callable[[int, int], Player]] = {
    "UCB1": lambda num_arms, horizon: ucb1(num_arms),
    "successive elimination": successive_elimination,
    "ε-greedy": lambda num_arms, horizon: epsilon_greedy(num_arms),
}
"""The field's usual learners, who take arms for what they pay on average, made for a horizon."""

BASELINES = (BLIND, *UNPLANNED, *LEARNERS)
"""Who may play beside the planner who knows."""


class Planned(NamedTuple):
    """What Laforgue et al. (arXiv 2110.11819) have their learners play.

    Attributes:
      instance: the bandit.
      horizon: rounds.
      length: d, of blocks; of one round more where first plays are ignored.
    """

    instance: LastSwitchInstance
    horizon: int
    length: int


PLANNED: Mapping[str, Planned] = {
    "trap": Planned(greedy_trap(), 3300, 10),
    "spike": Planned(spike(), 3600, 3),
}

NAMED_STATES = SwitchStates(3, 11)
"""Of the bandits with names, as learners take them."""

_MOST_STATES = 5000
"""Joint states of which the optimum is still worked out."""


@dataclass(frozen=True)
class LSDEvaluationConfig:
    """How learners and the planner are tested.

    Attributes:
      num_instances: bandits with random monotone payoffs that the planner's floor is measured on,
        and as many whose payoffs are shuffled.
      num_draws: schedules drawn at each bandit.
      num_rounds: that each schedule is played for; the second half of them counts, in which every
        cycle has begun.
      num_shown: of the run's bandits, how many all players are compared at.
      baselines: who plays there and at bandits with names, beside the planner who knows.
      horizons: rounds for which fresh learners learn, each horizon by itself.
      num_learners: fresh learners for each horizon.
      planned: instances of Laforgue et al. at which learners choose blocks of plays.
      num_block_learners: of each kind there.
    """

    num_instances: Count = 10_000
    num_draws: Count = 100
    num_rounds: Count = 420
    num_shown: Count = 512
    baselines: tuple[Annotated[str, OneOf(BASELINES)], ...] = BASELINES
    horizons: Annotated[Counts, MinLen(1), EachOnce()] = (1000, 10_000, 100_000, 1_000_000)
    num_learners: Count = 256
    planned: tuple[Annotated[str, OneOf(tuple(PLANNED))], ...] = tuple(PLANNED)
    num_block_learners: Count = 64


class Believed(NamedTuple):
    """A bandit's payoffs, and what a player takes them for."""

    payoffs: Payoffs
    believed: Payoffs


class Limits(NamedTuple):
    """What bounds all players: relaxations, and the best long-run averages where they are known."""

    bounds: Float[np.ndarray, " instance"]
    optima: Float[np.ndarray, " instance"] | None


@dataclass(frozen=True)
class Setting:
    """Bandits of one size.

    Attributes:
      name: what they are called.
      states: of each arm.
      payoffs: of each bandit.
    """

    name: str
    states: SwitchStates
    payoffs: Float[Array, "instance arm state"]

    @property
    def num_arms(self) -> int:
        """Of each bandit."""
        return self.payoffs.shape[1]

    @cached_property
    def limits(self) -> Limits:
        """Of each bandit; there are no optima where there are too many joint states."""
        is_small = self.states.size**self.num_arms <= _MOST_STATES

        def one(payoffs):
            bound = relaxation(cycles(self.states, payoffs)).value
            if not is_small:
                return bound, bound
            return bound, best_average(last_switch_graph(self.states, payoffs)).low

        bounds, optima = jit(lambda payoffs: jax.lax.map(one, payoffs))(self.payoffs)
        found = np.asarray(optima, np.float64) if is_small else None
        return Limits(np.asarray(bounds, np.float64), found)


def by_belief(num_arms: int, states: SwitchStates) -> tuple[Bandit, Player]:
    """Who plans on what it believes, at bandits whose instances are `Believed`."""
    bandit = last_switch_bandit(num_arms, states, noiseless)
    _, act, learn, _ = interleaved(states)
    believing = Bandit(
        bandit.num_actions,
        lambda one: bandit.init(one.payoffs),
        lambda key, one, state, action: bandit.pull(key, one.payoffs, state, action),
    )
    return believing, Player(lambda key, one: plan(states, key, one.believed), act, learn)


def unplanned(num_arms: int, states: SwitchStates, names: Collection[str]) -> Seats:
    """Those of `UNPLANNED` who are named."""
    bandit = last_switch_bandit(num_arms, states, noiseless)
    made = {name: make for name, make in UNPLANNED.items() if name in names}
    return {name: (bandit, make(bandit, num_arms)) for name, make in made.items()}


def learner(
    num_arms: int, states: SwitchStates, horizon: int, num_repeats: int | None
) -> tuple[Bandit, Player]:
    """The method itself, from its first round on."""
    explored = exploration(num_arms, states, horizon, num_repeats)
    bandit = last_switch_bandit(num_arms, states)
    return bandit, explore_then_commit(num_arms, states, explored)


def learners(num_arms: int, states: SwitchStates, horizon: int, names: Collection[str]) -> Seats:
    """Those of `LEARNERS` who are named."""
    bandit = last_switch_bandit(num_arms, states)
    made = {name: make for name, make in LEARNERS.items() if name in names}
    return {name: (bandit, make(num_arms, horizon)) for name, make in made.items()}
