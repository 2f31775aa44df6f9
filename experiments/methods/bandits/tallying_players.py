"""Who plays weighted tallying bandits in tests, and what they are measured by."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

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
from rlsuite.bandits.playing import Player
from rlsuite.compiling import jit
from rlsuite.envs.bandits.bandit import noiseless
from rlsuite.envs.bandits.tallying import TallyingInstance, best_repeated, tallying_bandit
from rlsuite.experiments.methods.bandits.common import Seats
from rlsuite.methods.weighted_tallying_bandits import WeightedTallyingBanditsConfig
from rlsuite.ranges import Count, Counts, EachOnce, OneOf

WITHOUT = "elimination without burn-in"


def _in_blocks(config: WeightedTallyingBanditsConfig) -> Player:
    length = max(1, round(config.horizon ** (1 / 3)))
    return in_blocks(exp3(config.actions, max(1, config.horizon // length)), length)


def _explore_then_stay(config: WeightedTallyingBanditsConfig) -> Player:
    samples = max(1, round(config.horizon ** (2 / 3) / config.actions))
    return explore_then_stay(config.actions, samples, config.burn_in)


# The discount and the window are their authors' choices for payoffs that change once.
def _discounted_ucb(config: WeightedTallyingBanditsConfig) -> Player:
    return discounted_ucb(config.actions, 1 - 1 / (4 * math.sqrt(config.horizon)))


def _sliding_window_ucb(config: WeightedTallyingBanditsConfig) -> Player:
    window = max(1, round(2 * math.sqrt(config.horizon * math.log(config.horizon))))
    return sliding_window_ucb(config.actions, window)


BASELINES: Mapping[str, Callable[[WeightedTallyingBanditsConfig], Player]] = {
    WITHOUT: lambda config: successive_elimination(config.actions, config.horizon),
    "UCB1": lambda config: ucb1(config.actions),
    "discounted UCB": _discounted_ucb,
    "sliding-window UCB": _sliding_window_ucb,
    "ε-greedy": lambda config: epsilon_greedy(config.actions),
    "EXP3": lambda config: exp3(config.actions, config.horizon),
    "EXP3 in blocks": _in_blocks,
    "explore and then stay": _explore_then_stay,
    "oracle greedy": lambda config: oracle_greedy(
        tallying_bandit(config.actions, config.memory, noiseless)
    ),
    "best action repeated": lambda config: always(lambda instance: best_repeated(instance.losses)),
}
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
    baselines: tuple[Annotated[str, OneOf(tuple(BASELINES))], ...] = tuple(BASELINES)
    horizon: Count = 20_000
    horizons: Annotated[Counts, MinLen(1), EachOnce()] = (1000, 10_000, 100_000, 1_000_000)
    num_gap_games: Count = 64
    burn_ins: Annotated[Counts, MinLen(1), EachOnce()] = (10, 20, 50, 100, 200)
    memories: Annotated[Counts, MinLen(1), EachOnce()] = (1, 5, 10, 25, 50)
    long_memories: Annotated[Counts, EachOnce()] = (50, 200)


def players(own: str, config: WeightedTallyingBanditsConfig, baselines: Sequence[str]) -> Seats:
    """The method itself from its first round on, and some of the field's players and oracles."""
    bandit = tallying_bandit(config.actions, config.memory)
    method = successive_elimination(config.actions, config.horizon, config.burn_in)
    others = {name: BASELINES[name](config) for name in BASELINES if name in baselines}
    return {name: (bandit, player) for name, player in ({own: method} | others).items()}


def benchmarks(
    config: WeightedTallyingBanditsConfig, instances: TallyingInstance
) -> Float[np.ndarray, " instance"]:
    """The payoff per round of each that regret is counted against."""
    return np.asarray(jit(jax.vmap(config.benchmark), program="once")(instances), np.float64)
