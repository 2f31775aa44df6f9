"""Who plays weighted tallying bandits in tests, and what they are measured by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import jax
import numpy as np
from annotated_types import Ge
from jaxtyping import Float

from rlsuite.bandits.adversarial import discounted_ucb, exp3, in_blocks
from rlsuite.bandits.players import (
    always,
    epsilon_greedy,
    explore_then_stay,
    oracle_greedy,
    successive_elimination,
    ucb1,
)
from rlsuite.envs.bandits.bandit import noiseless
from rlsuite.envs.bandits.tallying import TallyingInstance, best_repeated, tallying_bandit
from rlsuite.experiments.methods.bandits.common import Seats
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    best_repeated_payoff,
)
from rlsuite.ranges import COUNTABLE, Count, Counts

BEST = "best action repeated"
BaselineName = Literal[
    "elimination without burn-in",
    "UCB1",
    "discounted UCB",
    "ε-greedy",
    "EXP3",
    "EXP3 in blocks",
    "explore and then stay",
    "oracle greedy",
    "best action repeated",
]
BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)
"""Who may play beside the method."""


@dataclass(frozen=True)
class TallyingEvaluationConfig:
    """How elimination is tested.

    Attributes:
      num_games: of each player, wherever it plays.
      baselines: who plays beside the run's method.
      horizon: rounds in which burn-in and memory are varied.
      horizons: rounds over which the gap shrinks, each by itself.
      burn_ins: M, varied at the run's memory.
      short_burn_ins: M where the memory is 50, so that burn-in is too short for it.
      memories: m, varied at a burn-in as long as the longest of them.
    """

    num_games: Count = 64
    baselines: tuple[BaselineName, ...] = BASELINES
    horizon: Count = 20_000
    horizons: Counts = (1000, 10_000, 100_000)
    burn_ins: Counts = (10, 20, 50, 100, 200)
    short_burn_ins: tuple[Annotated[int, Ge(0), COUNTABLE], ...] = (0, 10, 25, 50)
    memories: Counts = (1, 5, 10, 25, 50)


def players(
    own: str, config: WeightedTallyingBanditsConfig, baselines: Sequence[BaselineName]
) -> Seats:
    """The method itself from its first round on, and some of the field's players and oracles."""
    number, horizon = config.actions, config.horizon
    bandit = tallying_bandit(number, config.memory)
    length = max(1, round(horizon ** (1 / 3)))
    samples = max(1, round(horizon ** (2 / 3) / number))
    found = {
        own: successive_elimination(number, horizon, config.burn_in),
        "elimination without burn-in": successive_elimination(number, horizon),
        "UCB1": ucb1(number),
        "discounted UCB": discounted_ucb(number),
        "ε-greedy": epsilon_greedy(number),
        "EXP3": exp3(number, horizon),
        "EXP3 in blocks": in_blocks(exp3(number, max(1, horizon // length)), length),
        "explore and then stay": explore_then_stay(number, samples, config.burn_in),
        "oracle greedy": oracle_greedy(tallying_bandit(number, config.memory, noiseless)),
        BEST: always(lambda instance: best_repeated(instance.losses)),
    }
    chosen = (own, *baselines)
    return {name: (bandit, player) for name, player in found.items() if name in chosen}


def benchmarks(instances: TallyingInstance) -> Float[np.ndarray, " instance"]:
    """What the best action of each pays a round if it is repeated."""
    return np.asarray(jax.vmap(best_repeated_payoff)(instances), np.float64)
