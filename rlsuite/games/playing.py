"""Players of repeated games, all against all side by side."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from rlsuite.envs.games.game import View, view_from
from rlsuite.requirements import require_counts

PlayerState = Any
Round = Int[Array, ""]
"""How many rounds came before."""

Action = Int[Array, ""]


class Outcome(NamedTuple):
    """Of a round, what a player did, what the other did, and what that paid the player."""

    own: Action
    other: Action
    payoff: Float[Array, ""]


class Player(NamedTuple):
    """Somebody who plays, as pure functions of one match, whichever seat that is played from.

    Attributes:
      init: `(key, view) -> state` before the first round.
      act: `(key, state, round) -> action`, 0 or 1.
      learn: `(state, round, outcome) -> state`.
    """

    init: Callable[[PRNGKeyArray, View], PlayerState]
    act: Callable[[PRNGKeyArray, PlayerState, Round], Action]
    learn: Callable[[PlayerState, Round, Outcome], PlayerState]


class Record(NamedTuple):
    """What came of all matches, each told from either seat.

    A match of players i and j in which i has seat s stands at `[i, j, s]` and at `[j, i, 1 − s]`.

    Attributes:
      totals: of the player's payoffs.
      actions: of the player.
    """

    totals: Float[Array, "player opponent seat=2 game draw"]
    actions: Int[Array, "round player opponent seat=2 game draw"]


def tournament(
    players: Sequence[Player],
    games: Float[Array | np.ndarray, "game 2 2 2"],
    key: PRNGKeyArray,
    *,
    num_rounds: int,
    num_draws: int = 1,
) -> Record:
    """Every ordered pair of players, self-play included, at every game.

    A round of all matches is one action of each player, mapped over its own matches: the program
    grows with the number of players, not of pairs, and nothing is computed that isn't used.

    Args:
      players: who play.
      games: `[game, seat, first's action, second's action]`.
      key: of all that is drawn.
      num_rounds: of each match.
      num_draws: matches of each pair at each game, which differ where somebody draws.

    Raises:
      ValueError: if there are no players, or `num_rounds` or `num_draws` is below 1.
    """
    require_counts(players=len(players), num_rounds=num_rounds, num_draws=num_draws)
    games = jnp.asarray(games, jnp.float32)
    shape = (len(players), 2, games.shape[0], num_draws)
    views = _views_of_matches(games, num_rounds, shape)
    begin_key, play_key = jax.random.split(key)
    states = [
        jax.vmap(player.init)(_keys(begin_key, place, views), views)
        for place, player in enumerate(players)
    ]

    def play_round(carry, now):
        states, totals = carry
        round_key = jax.random.fold_in(play_key, now)
        chosen = [
            jax.vmap(player.act, in_axes=(0, 0, None))(_keys(round_key, place, views), state, now)
            for place, (player, state) in enumerate(zip(players, states, strict=True))
        ]
        own = jnp.stack(chosen).astype(jnp.int32).reshape(-1, *shape)
        other = own.swapaxes(0, 1)[:, :, ::-1]
        flat = (len(players), -1)
        outcomes = jax.vmap(_outcome, in_axes=(None, 0, 0))(
            views, own.reshape(flat), other.reshape(flat)
        )
        states = [
            jax.vmap(player.learn, in_axes=(0, None, 0))(
                state, now, jax.tree.map(lambda leaf, place=place: leaf[place], outcomes)
            )
            for place, (player, state) in enumerate(zip(players, states, strict=True))
        ]
        return (states, totals + outcomes.payoff), own.astype(jnp.int8)

    start = (states, jnp.zeros((len(players), views.seat.size)))
    (_, totals), actions = jax.lax.scan(play_round, start, jnp.arange(num_rounds))
    return Record(totals.reshape(-1, *shape), actions)


def _views_of_matches(
    games: Float[Array, "game 2 2 2"], num_rounds: int, shape: tuple[int, ...]
) -> View:
    """Of a player's matches, one after the other: `shape` is opponents, seats, games and draws."""
    seats = jnp.arange(2)
    views = jax.vmap(lambda seat: view_from(games, seat, jnp.int32(num_rounds)))(seats)

    def of_matches(leaf):
        rest = leaf.shape[2:]
        leaf = jnp.broadcast_to(leaf[None, :, :, None], (*shape, *rest))
        return leaf.reshape(-1, *rest)

    return jax.tree.map(of_matches, views)


def _keys(key: PRNGKeyArray, place: int, views: View) -> Shaped[Array, "match *key"]:
    """One for each match of a player."""
    return jax.random.split(jax.random.fold_in(key, place), views.seat.size)


def _outcome(views: View, own: Int[Array, " match"], other: Int[Array, " match"]) -> Outcome:
    """Of each match of one player."""
    # Chosen, not looked up: gathers cost more than the rest of a round.
    by_other = jnp.where(other[:, None] == 0, views.own[..., 0], views.own[..., 1])
    return Outcome(own, other, jnp.where(own == 0, by_other[:, 0], by_other[:, 1]))
