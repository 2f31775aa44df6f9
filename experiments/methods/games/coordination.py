"""Whether two learners of one kind coordinate."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from rlsuite.bandits.adversarial import exp3
from rlsuite.compiling import jit
from rlsuite.envs.games.game import battle_of_the_sexes
from rlsuite.envs.games.machines import memory_one
from rlsuite.envs.games.ordinal import family, ordinal_games
from rlsuite.experiments.methods.games.matches import BOS, Played
from rlsuite.experiments.methods.games.players import RATE, GamesEvaluationConfig
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.statistics import NUM_RESAMPLES, Estimate, mean_of, share
from rlsuite.games.exact import expected_totals
from rlsuite.games.gradients import policy_gradient, worth_against_each_other
from rlsuite.games.players import from_bandit, hedge
from rlsuite.games.playing import tournament
from rlsuite.method import train

VARIANTS = ((10, 7), (9, 8), (8, 8), (8, 9), (7, 10))
"""Payoffs of both players where both play action 0, mirrored where both play action 1."""

_TOGETHER, _EACH = 0.9, 0.3
"""Shares of rounds: in which both play alike, and that each of the two outcomes has, of turns."""


class Coordination(NamedTuple):
    """Shares of pairs that take turns, that settle on one outcome, and that do neither."""

    turns: Estimate
    one_sided: Estimate
    neither: Estimate

    def __str__(self) -> str:
        """In words."""
        return (
            f"{self.turns:.0%} take turns, {self.one_sided:.0%} settle on one outcome, "
            f"{self.neither:.0%} do neither"
        )


def coordination(alike: Float[np.ndarray, "pair 2"]) -> Coordination:
    """Of independent pairs, by the shares of rounds in which both play action 0, and action 1."""
    return Coordination(*map(share, _kinds(alike)))


def _kinds(alike: Float[np.ndarray, "pair 2"]) -> Bool[np.ndarray, "kind=3 pair"]:
    """Whether each pair takes turns, settles on one outcome, or does neither."""
    is_together = alike.sum(axis=1) >= _TOGETHER
    is_turns = is_together & (alike.min(axis=1) >= _EACH)
    return np.stack([is_turns, is_together & ~is_turns, ~is_together])


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

    keys = jax.random.split(role_key("pairs"), len(games))
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
    scores = paid[len(VARIANTS) :].mean(axis=2) / 4
    return [
        f"Of {settings.num_pairs} pairs of memory-one learners in the Battle of the Sexes, by the "
        f"payoffs of both where both play action 0: {'; '.join(shares)}.",
        f"In cyclic games such pairs score {mean_of(scores.mean(axis=0)):.3f} (mean over pairs of "
        f"all {len(scores)} games; by game {scores.mean(axis=1).min():.3f} to "
        f"{scores.mean(axis=1).max():.3f}).",
        *_notes_on_players(settings, variants, cyclic, num_rounds),
    ]


def _notes_on_players(
    settings: GamesEvaluationConfig,
    variants: Float[np.ndarray, "game 2 2 2"],
    cyclic: Float[np.ndarray, "other 2 2 2"],
    num_rounds: int,
) -> list[str]:
    """What two of one kind that learn within the match alone come to in the same games."""
    notes = []
    games, number = np.concatenate([variants, cyclic]), len(variants)
    for name, player in (("Hedge", hedge()), ("EXP3", from_bandit(exp3(2, num_rounds)))):
        program = jit(
            lambda key, player=player: tournament(
                [player], games, key, num_rounds=num_rounds, num_draws=settings.num_pairs
            ),
            program="once",
        )
        record = program(role_key("matches"))
        first, second = np.asarray(record.actions)[:, 0, 0, :, :number].swapaxes(0, 1)
        alike = [((first == one) & (second == one)).mean(axis=0) for one in (0, 1)]
        kinds = [
            f"{low}/{high}: {coordination(pairs)}"
            for (low, high), pairs in zip(VARIANTS, np.stack(alike, axis=-1), strict=True)
        ]
        # Of both seats, which share a match.
        scores = np.asarray(record.totals, np.float64)[0, 0, :, number:].mean(axis=0)
        cycled = mean_of(scores.mean(axis=0) / (4 * num_rounds))
        notes.append(
            f"Of {settings.num_pairs} matches of {name} with itself there: {'; '.join(kinds)}; in "
            f"cyclic games it scores {cycled:.3f}."
        )
    return notes


def note_on_agents(played: Played, name: str) -> str:
    """What agents of one run that have not met come to in the Battle of the Sexes."""
    place = played.places(name)
    number = place.stop - place.start
    actions = played.actions[:, place, place, :, BOS]
    first, second = actions[:, :, :, 0], actions[:, :, :, 1].swapaxes(1, 2)
    alike = np.stack([((first == one) & (second == one)).mean(axis=0) for one in (0, 1)], axis=-1)
    kinds = _kinds(alike.reshape(-1, 2)).reshape(3, *alike.shape[:-1]).mean(axis=-1)
    found = Coordination(*map(share_of_pairs, kinds))
    return (
        f"Of {number * (number - 1)} ordered pairs of different agents of {name} in the Battle of "
        f"the Sexes, with intervals over agents, {found}."
    )


def share_of_pairs(
    found: Float[np.ndarray, "agent agent"], num_resamples: int = NUM_RESAMPLES
) -> Estimate:
    """The mean over ordered pairs of different agents, with its interval over agents.

    Agents are drawn with replacement; pairs of one agent with itself count for nothing.
    """
    number = len(found)
    if number < 2:
        return Estimate(*[float("nan")] * 3)
    random = np.random.default_rng(0)
    drawn = random.multinomial(number, np.full(number, 1 / number), num_resamples)
    weights = np.concatenate([np.ones((1, number), int), drawn])
    apart = 1 - np.eye(number)
    totals, counts = (
        np.einsum("ri,rj,ij->r", weights, weights, apart * what) for what in (found, 1)
    )
    means = totals[counts > 0] / counts[counts > 0]
    low, high = np.quantile(means[1:], [0.025, 0.975])
    return Estimate(float(means[0]), float(low), float(high))
