"""All 144 games in which each player ranks the four outcomes strictly, and their families.

Names of payoff patterns are those of Bruns (*Names for Games*, Games 6(4), 2015), the topology of
Robinson and Goforth (2005). The families are Akata et al.'s (arXiv 2305.16867). The games are
generated; fifteen rows of the public table are no strict rankings.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float

PATTERNS = {
    "Chicken": (3, 2, 4, 1),
    "Battle": (2, 3, 4, 1),
    "Hero": (1, 3, 4, 2),
    "Compromise": (1, 2, 4, 3),
    "Deadlock": (2, 1, 4, 3),
    "Prisoner's Dilemma": (3, 1, 4, 2),
    "Stag Hunt": (4, 1, 3, 2),
    "Assurance": (4, 1, 2, 3),
    "Coordination": (4, 2, 1, 3),
    "Peace": (4, 3, 1, 2),
    "Harmony": (4, 3, 2, 1),
    "Concord": (4, 2, 3, 1),
}
"""The first player's payoffs by name: upper left, upper right, lower left, lower right."""

NUM_PATTERNS = len(PATTERNS)

Family = Literal[
    "win-win", "biased", "second best", "unfair", "prisoner's dilemma", "tragic", "cyclic"
]
FAMILIES: tuple[Family, ...] = get_args(Family)


def ordinal_game(row: int, column: int) -> Float[np.ndarray, "2 2 2"]:
    """The game of the first player's pattern `row` and the second's, mirrored, 11 − `column`.

    Args:
      row: of the table of games, from 0: a pattern, in the order of `PATTERNS`.
      column: likewise; the game is symmetric where both add up to 11.

    Raises:
      ValueError: if there is no such pattern.
    """
    for name, place in (("row", row), ("column", column)):
        if not 0 <= place < NUM_PATTERNS:
            raise ValueError(f"{name}: {place} is not allowed; it must be from 0 to 11")
    patterns = [np.array(pattern, np.float32).reshape(2, 2) for pattern in PATTERNS.values()]
    return np.stack([patterns[row], patterns[NUM_PATTERNS - 1 - column].T])


def ordinal_games() -> Float[np.ndarray, "144 2 2 2"]:
    """All of them, row by row; 78 differ in more than in who is called the first player."""
    places = range(NUM_PATTERNS)
    return np.stack([ordinal_game(row, column) for row in places for column in places])


def pure_equilibria(payoffs: Float[np.ndarray, "2 2 2"]) -> Bool[np.ndarray, "2 2"]:
    """Of each outcome, whether neither player gains by another action alone."""
    first, second = payoffs
    return (first >= first[::-1]) & (second >= second[:, ::-1])


def family(payoffs: Float[np.ndarray, "2 2 2"]) -> Family:
    """The family of a strict ordinal game, by its pure Nash equilibria.

    With none it is cyclic. Else it is decided by what the players get in one of them: 4 and 4 is
    win-win; 4 and 3 biased; 3 and 3 second best; 4 and 2 unfair. In the games that are left there
    is one equilibrium; if another outcome is better for both it is of the Prisoner's Dilemma's
    family, and tragic if none is.
    """
    first, second = payoffs
    equilibria = payoffs[:, pure_equilibria(payoffs)].T
    if not len(equilibria):
        return "cyclic"
    pairs = [tuple(sorted(pair)) for pair in equilibria.tolist()]
    for pair, name in _BY_EQUILIBRIUM:
        if pair in pairs:
            return name
    is_better = (first > equilibria[0, 0]) & (second > equilibria[0, 1])
    return "prisoner's dilemma" if is_better.any() else "tragic"


def best_equilibrium(payoffs: Float[np.ndarray, "2 2 2"]) -> float:
    """What a player gets in the pure equilibrium that is best for both together, in the mean.

    It is not a number where there is none.
    """
    found = payoffs.mean(axis=0)[pure_equilibria(payoffs)]
    return float(found.max()) if found.size else float("nan")


def best_alike(payoffs: Float[np.ndarray, "2 2 2"]) -> float:
    r"""The most that both can get alike in the mean of rounds, such as by taking turns.

    With chances c of the four outcomes, :math:`\max_c \min_i \sum_o c_o u_i(o)`; two outcomes are
    enough for it.
    """
    outcomes = payoffs.reshape(2, 4).T
    one, other = outcomes[:, None], outcomes[None]
    lead, others_lead = (pair[..., 0] - pair[..., 1] for pair in (one, other))
    apart = lead - others_lead
    # Of the second outcome so much that both players get the same, if it leads the other way.
    weight = np.clip(np.divide(lead, apart, out=np.zeros_like(apart), where=apart != 0), 0, 1)
    mixed = one + weight[..., None] * (other - one)
    return float(mixed.min(axis=-1).max())


def social_optimum(payoffs: Float[np.ndarray, "2 2 2"]) -> float:
    """What a player gets in the outcome that is best for both together, in the mean."""
    return float(payoffs.mean(axis=0).max())


_BY_EQUILIBRIUM: tuple[tuple[tuple[int, int], Family], ...] = (
    ((4, 4), "win-win"),
    ((3, 4), "biased"),
    ((3, 3), "second best"),
    ((2, 4), "unfair"),
)
