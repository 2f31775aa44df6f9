"""Tournaments of players by kind: who got what from whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from rlsuite.compiling import Program, jit
from rlsuite.envs.games.game import battle_of_the_sexes, prisoners_dilemma, view_from
from rlsuite.envs.games.machines import SCRIPTS, Machine, ScriptName
from rlsuite.envs.games.ordinal import ordinal_games
from rlsuite.experiments.methods.games.players import agents_of
from rlsuite.experiments.role_keys import role_key
from rlsuite.games.exact import best_response
from rlsuite.games.playing import Player, tournament
from rlsuite.methods.repeated_games import RepeatedGamesConfig
from rlsuite.objectives.objective import Learner

PD, BOS = -2, -1
"""Places of the case studies, behind all strict ordinal games."""


def all_games() -> Float[np.ndarray, "game 2 2 2"]:
    """All strict ordinal games, and the two case studies."""
    studies = [np.asarray(prisoners_dilemma()), np.asarray(battle_of_the_sexes())]
    return np.concatenate([ordinal_games(), np.stack(studies)])


class Run(NamedTuple):
    """Agents that a run has taught: their configuration, and what they have learned."""

    config: RepeatedGamesConfig
    learners: Learner


@dataclass(frozen=True)
class Played:
    """A tournament.

    Attributes:
      members: how many players each kind has, by name.
      scores: of players: payoffs over the game's highest and the number of rounds, in the mean over
        draws, `[player, opponent, seat, game]`.
      actions: at the case studies, `[round, player, opponent, seat, game, draw]`.
    """

    members: Mapping[str, int]
    scores: Float[np.ndarray, "player opponent 2 game"]
    actions: Int[np.ndarray, "round player opponent 2 2 draw"]

    def places(self, name: str) -> slice:
        """Where the players of a kind are."""
        start = 0
        for other, number in self.members.items():
            if other == name:
                return slice(start, start + number)
            start += number
        raise KeyError(name)

    def against(self, name: str, opponents: Sequence[str]) -> Float[np.ndarray, "game member"]:
        """Scores of a kind's players, in the mean over seats and kinds of opponents."""
        own = self.scores[self.places(name)]
        kinds = [own[:, self.places(other)].mean(axis=1) for other in opponents]
        return np.mean(kinds, axis=0).mean(axis=1).T

    def by_opponent(
        self, name: str, opponents: Sequence[str]
    ) -> Float[np.ndarray, "opponent game"]:
        """Scores of a kind against each other kind, in the mean over seats and its players."""
        own = self.scores[self.places(name)].mean(axis=(0, 2))
        return np.stack([own[self.places(other)].mean(axis=0) for other in opponents])

    def totals(
        self, name: str, other: str, game: int, seat: int, unit: float
    ) -> Float[np.ndarray, " sample"]:
        """What a kind gets against another from one seat at a case study.

        Of each of several players in the mean over opponents and draws; of one player, of each
        draw.

        Args:
          name: of the kind.
          other: kind.
          game: the case study, `PD` or `BOS`.
          seat: of the kind.
          unit: what a score of 1 is in all rounds.
        """
        ours, theirs = self.places(name), self.places(other)
        own = self.actions[:, ours, theirs, seat, game]
        others = self.actions[:, theirs, ours, 1 - seat, game].swapaxes(1, 2)
        payoffs = all_games()[game]
        of_seat = payoffs[0] if seat == 0 else payoffs[1].T
        totals = of_seat[own, others].mean(axis=0) * unit / payoffs.max()
        return totals.mean(axis=(1, 2)) if len(totals) > 1 else totals.mean(axis=(0, 1))

    def matrix(self, game: int, seat: int) -> Float[np.ndarray, "kind kind"]:
        """Mean scores of each kind against each other one, at one game from one seat."""
        scores = self.scores[:, :, seat, game]
        rows = np.stack([scores[self.places(name)].mean(axis=0) for name in self.members])
        return np.stack([rows[:, self.places(name)].mean(axis=1) for name in self.members], axis=1)


def play(
    runs: Mapping[str, Run], baselines: Mapping[str, Player], num_rounds: int, num_draws: int
) -> Played:
    """All players of some runs and some others, all against all at all games."""
    games = all_games()
    highest = games.max(axis=(1, 2, 3))

    def program(key, learners):
        taught = [agents_of(run.config, learners[name]) for name, run in runs.items()]
        players = [*(one for agents in taught for one in agents), *baselines.values()]
        record = tournament(players, games, key, num_rounds=num_rounds, num_draws=num_draws)
        scores = record.totals.mean(axis=-1) / (highest * num_rounds)
        return scores, record.actions[..., PD:, :]

    learners = {name: run.learners for name, run in runs.items()}
    kind: Program = "once" if num_draws == 1 else "usual"
    scores, actions = jit(program, program=kind)(role_key("matches"), learners)
    members = {name: run.config.num_agents for name, run in runs.items()}
    members |= dict.fromkeys(baselines, 1)
    return Played(members, np.asarray(scores, np.float64), np.asarray(actions))


def best_scores(scripts: Sequence[ScriptName], num_rounds: int) -> Float[np.ndarray, " game"]:
    """The best that can be had against scripts that are known, in the mean over them and seats."""
    games = all_games()

    def best(payoffs, seat):
        rounds = jnp.int32(num_rounds)
        own, theirs = (view_from(payoffs, one, rounds) for one in (seat, 1 - seat))

        def total(machine: Machine) -> Array:
            return best_response(own.own, machine, num_rounds).total

        totals = [total(SCRIPTS[name].machine(theirs)) for name in scripts]
        return jnp.stack(totals).mean() / (payoffs.max() * num_rounds)

    of_seats = jax.vmap(best, in_axes=(None, 0))
    return np.asarray(
        jit(jax.vmap(lambda one: of_seats(one, jnp.arange(2)).mean()), program="once")(games),
        np.float64,
    )
