"""Scores by family of games with their intervals, and what bounds them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from rlsuite.envs.games.ordinal import (
    FAMILIES,
    best_alike,
    best_equilibrium,
    family,
    ordinal_games,
    social_optimum,
)
from rlsuite.experiments.methods.games.matches import PD, Played
from rlsuite.experiments.statistics import NUM_RESAMPLES, Estimate

COLUMNS = (*FAMILIES, "all")
OPTIMUM = "social optimum"
BOUNDS: Mapping[str, Callable[[Float[np.ndarray, "2 2 2"]], float]] = {
    "best pure equilibrium": best_equilibrium,
    "best for both alike": best_alike,
    OPTIMUM: social_optimum,
}
"""What two players get in the mean, who play as is best for both by some rule."""

HIGHEST = 4
"""Payoff of a strict ordinal game."""


def kinds() -> np.ndarray:
    """The family of each strict ordinal game."""
    return np.array([family(game) for game in ordinal_games()])


def bounds() -> dict[str, dict[str, float | None]]:
    """By rule, the mean score by family and in all; over the games for which there is one.

    None for families of which no game has one.
    """
    games, families = ordinal_games(), kinds()
    found = {}
    for name, rule in BOUNDS.items():
        scores = np.array([rule(game) for game in games]) / HIGHEST
        known = ~np.isnan(scores)
        found[name] = {
            column: float(scores[known & _is_of(column, families)].mean())
            if (known & _is_of(column, families)).any()
            else None
            for column in COLUMNS
        }
    return found


def by_family(
    played: Played, name: str, opponents: Sequence[str]
) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    """Mean scores of a kind of players, and their share of the social optimum, by family.

    Intervals are over opponents and over the games of each family, both drawn with replacement.
    """
    scores = played.by_opponent(name, opponents)[:, :PD]
    optimum = np.array([social_optimum(game) for game in ordinal_games()]) / HIGHEST
    families, random = kinds(), np.random.default_rng(0)
    number = len(scores)
    who = random.multinomial(number, np.full(number, 1 / number), NUM_RESAMPLES) / number
    means = np.concatenate([scores.mean(axis=0)[None], who @ scores])
    found, shares = {}, {}
    for column in COLUMNS:
        weights = _resampled_games(families, column, random)
        values = (means * weights).sum(axis=1)
        found[column] = _estimate(values)
        shares[column] = _estimate(values / (optimum * weights).sum(axis=1))
    return found, shares


def _resampled_games(
    families: np.ndarray, column: str, random: np.random.Generator
) -> Float[np.ndarray, "resample game"]:
    """Weights of games: first as they are, then of resamples within each family."""
    chosen = _is_of(column, families)
    weights = np.zeros((1 + NUM_RESAMPLES, len(families)))
    for one in FAMILIES:
        members = np.flatnonzero(chosen & (families == one))
        if members.size:
            even = np.full(members.size, 1 / members.size)
            weights[0, members] = 1
            weights[1:, members] = random.multinomial(members.size, even, NUM_RESAMPLES)
    return weights / chosen.sum()


def _is_of(column: str, families: np.ndarray) -> np.ndarray:
    return np.full(len(families), True) if column == "all" else families == column


def _estimate(values: Float[np.ndarray, " resample"]) -> Estimate:
    """Of a value that stands before its resamples."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return Estimate(float(values[0]), float(low), float(high))
