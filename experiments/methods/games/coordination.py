"""Whether two learners of one kind coordinate."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from rlsuite.compiling import jit
from rlsuite.envs.games.game import battle_of_the_sexes
from rlsuite.envs.games.machines import memory_one
from rlsuite.envs.games.ordinal import family, ordinal_games
from rlsuite.experiments.level_sets import HELD_OUT_SEED
from rlsuite.experiments.methods.games.matches import BOS, Played
from rlsuite.experiments.methods.games.players import RATE, GamesEvaluationConfig
from rlsuite.games.exact import expected_totals
from rlsuite.games.gradients import policy_gradient, worth_against_each_other
from rlsuite.method import train

VARIANTS = ((10, 7), (9, 8), (8, 8), (8, 9), (7, 10))
"""Payoffs of both players where both play action 0, mirrored where both play action 1."""

_TOGETHER, _EACH = 0.9, 0.3
"""Shares of rounds: in which both play alike, and that each of the two outcomes has, of turns."""


class Coordination(NamedTuple):
    """Shares of pairs that take turns, that settle on one outcome, and that do neither."""

    turns: float
    one_sided: float
    neither: float

    def __str__(self) -> str:
        """In words."""
        return (
            f"{self.turns:.0%} take turns, {self.one_sided:.0%} settle on one outcome, "
            f"{self.neither:.0%} do neither"
        )


def coordination(alike: Float[np.ndarray, "pair 2"]) -> Coordination:
    """By the shares of rounds in which both play action 0, and in which both play action 1."""
    is_together = alike.sum(axis=1) >= _TOGETHER
    is_turns = is_together & (alike.min(axis=1) >= _EACH)
    one_sided = is_together & ~is_turns
    return Coordination(is_turns.mean(), one_sided.mean(), 1 - is_together.mean())


def naive_pairs(
    games: Float[np.ndarray, "game 2 2 2"], settings: GamesEvaluationConfig, num_rounds: int
) -> tuple[Float[np.ndarray, "game pair 2"], Float[np.ndarray, "game pair 2"]]:
    """Pairs of memory-one plans that have learned with each other by policy gradient.

    Returns:
      What each player gets in a round, and the shares of rounds in which both play action 0, and
      action 1.
    """
    # As payoffs of two players, who get 1 where both play 0 and where both play 1.
    alike = jnp.stack([jnp.diag(jnp.array([1.0, 0.0])), jnp.diag(jnp.array([0.0, 1.0]))])

    def learned(key: Array, payoffs: Array) -> tuple[Array, Array]:
        method = policy_gradient(
            worth_against_each_other(num_rounds),
            lambda key: payoffs,
            optax.adam(RATE),
            num_agents=1,
            num_seats=2,
        )
        chances = jax.nn.sigmoid(train(method, settings.num_gradient_steps)(key)[0].logits[0])
        first, second = map(memory_one, chances)
        paid, together = (
            expected_totals(what, first, second, num_rounds) / num_rounds
            for what in (payoffs, alike)
        )
        return paid, together

    def of_game(key, payoffs):
        keys = jax.random.split(key, settings.num_pairs)
        return jax.vmap(learned, in_axes=(0, None))(keys, payoffs)

    keys = jax.random.split(jax.random.key(HELD_OUT_SEED), len(games))
    paid, together = jit(jax.vmap(of_game))(keys, jnp.asarray(games))
    return np.asarray(paid, np.float64), np.asarray(together, np.float64)


def notes_on_pairs(settings: GamesEvaluationConfig, num_rounds: int) -> list[str]:
    """What pairs of naive learners come to in the Battle of the Sexes and in cyclic games."""
    variants = np.stack([np.asarray(battle_of_the_sexes(*one)) for one in VARIANTS])
    cyclic = np.stack([game for game in ordinal_games() if family(game) == "cyclic"])
    paid, together = naive_pairs(np.concatenate([variants, cyclic]), settings, num_rounds)
    shares = [
        f"{first}/{second}: {coordination(alike)}"
        for (first, second), alike in zip(VARIANTS, together, strict=False)
    ]
    scores = paid[len(VARIANTS) :].mean(axis=(1, 2)) / 4
    return [
        f"Of {settings.num_pairs} pairs of memory-one learners in the Battle of the Sexes, by the "
        f"payoffs of both where both play action 0: {'; '.join(shares)}.",
        f"In cyclic games such pairs score {scores.mean():.3f} (by game {scores.min():.3f} to "
        f"{scores.max():.3f}).",
    ]


def note_on_agents(played: Played, name: str) -> str:
    """What agents of one run that have not met come to in the Battle of the Sexes."""
    place = played.places(name)
    number = place.stop - place.start
    actions = played.actions[:, place, place, :, BOS]
    first, second = actions[:, :, :, 0], actions[:, :, :, 1].swapaxes(1, 2)
    alike = np.stack([((first == one) & (second == one)).mean(axis=0) for one in (0, 1)], axis=-1)
    pairs = [(i, j) for i in range(number) for j in range(number) if i != j]
    found = coordination(np.array([alike[pair] for pair in pairs]))
    return (
        f"Of {len(pairs)} ordered pairs of different agents of {name} in the Battle of the Sexes, "
        f"{found}."
    )


def rows_of_totals(
    played: Played,
    names: Sequence[str],
    opponents: Sequence[str],
    game: int,
    unit: float,
) -> str:
    """Totals of some players in the first seat against others, in a sentence."""
    matrix, order = played.matrix(game, 0) * unit, list(played.members)
    shown = [other for other in opponents if other in order]
    rows = [
        f"{name} "
        + ", ".join(f"{matrix[order.index(name), order.index(other)]:.0f}" for other in shown)
        for name in names
        if name in order
    ]
    return f"against {', '.join(shown)}: {'; '.join(rows)}"
