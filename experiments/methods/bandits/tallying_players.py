"""Who plays weighted tallying bandits in tests, and what they are measured by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import jax
import numpy as np
from annotated_types import MinLen
from jaxtyping import Float

from rlsuite.bandits.adversarial import discounted_ucb, exp3, in_blocks, sliding_window_ucb
from rlsuite.bandits.players import (
    always,
    epsilon_greedy,
    explore_then_stay,
    oracle_greedy,
    successive_elimination,
    ucb1,
)
from rlsuite.compiling import jit
from rlsuite.envs.bandits.bandit import noiseless
from rlsuite.envs.bandits.tallying import TallyingInstance, best_repeated, tallying_bandit
from rlsuite.experiments.methods.bandits.common import Seats
from rlsuite.methods.weighted_tallying_bandits import WeightedTallyingBanditsConfig
from rlsuite.ranges import Count, Counts, EachOnce

BEST, WITHOUT = "best action repeated", "elimination without burn-in"
BaselineName = Literal[
    "elimination without burn-in",
    "UCB1",
    "discounted UCB",
    "sliding-window UCB",
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
      num_gap_games: at each gap of each of these.
      burn_ins: M, varied at the run's memory.
      memories: m, varied at a burn-in as long as the longest of them.
      long_memories: m at which burn-in is none, a quarter, half and all of the memory.
    """

    num_games: Count = 256
    baselines: tuple[BaselineName, ...] = BASELINES
    horizon: Count = 20_000
    horizons: Annotated[Counts, MinLen(1), EachOnce()] = (1000, 10_000, 100_000, 1_000_000)
    num_gap_games: Count = 64
    burn_ins: Annotated[Counts, MinLen(1), EachOnce()] = (10, 20, 50, 100, 200)
    memories: Annotated[Counts, MinLen(1), EachOnce()] = (1, 5, 10, 25, 50)
    long_memories: Annotated[Counts, EachOnce()] = (50, 200)


def players(
    own: str, config: WeightedTallyingBanditsConfig, baselines: Sequence[BaselineName]
) -> Seats:
    """The method itself from its first round on, and some of the field's players and oracles."""
    number, horizon = config.actions, config.horizon
    bandit = tallying_bandit(number, config.memory)
    length = max(1, round(horizon ** (1 / 3)))
    # Their authors' choices for payoffs that change once.
    window = max(1, round(2 * math.sqrt(horizon * math.log(horizon))))
    samples = max(1, round(horizon ** (2 / 3) / number))
    found = {
        own: successive_elimination(number, horizon, config.burn_in),
        WITHOUT: successive_elimination(number, horizon),
        "UCB1": ucb1(number),
        "discounted UCB": discounted_ucb(number, 1 - 1 / (4 * math.sqrt(horizon))),
        "sliding-window UCB": sliding_window_ucb(number, window),
        "ε-greedy": epsilon_greedy(number),
        "EXP3": exp3(number, horizon),
        "EXP3 in blocks": in_blocks(exp3(number, max(1, horizon // length)), length),
        "explore and then stay": explore_then_stay(number, samples, config.burn_in),
        "oracle greedy": oracle_greedy(tallying_bandit(number, config.memory, noiseless)),
        BEST: always(lambda instance: best_repeated(instance.losses)),
    }
    chosen = (own, *baselines)
    return {name: (bandit, player) for name, player in found.items() if name in chosen}


def benchmarks(
    config: WeightedTallyingBanditsConfig, instances: TallyingInstance
) -> Float[np.ndarray, " instance"]:
    """The payoff per round of each that regret is counted against."""
    return np.asarray(jit(jax.vmap(config.benchmark), program="once")(instances), np.float64)
