"""Repeated games as a world: one of the players acts, the other is one of some machines."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.games.game import View, view_from
from rlsuite.envs.games.machines import SCRIPTS, Machine, Script, machines_of
from rlsuite.envs.games.ordinal import ordinal_games

NUM_ROUNDS = 10
"""Of a match in the paper."""

NOTHING = -1
"""In the place of an action before the first round."""

NUM_FEATURES = 15


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level: games and opponents that each match draws one of.

    Attributes:
        views: Of each game from either seat, `[game, seat]`, as the agent sees it.
        opponents: Of each game and seat of the agent, the machines it may meet, `[game, seat,
            opponent]`.
        max_steps_in_episode: No limit; a match ends with its last round.
    """

    views: View
    opponents: Machine
    max_steps_in_episode: float = jnp.inf


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Rounds played, the game from the agent's seat, the opponent in its state, the last round."""

    time: Int[Array, ""]
    view: View
    opponent: Machine
    place: Int[Array, ""]
    own: Int[Array, ""]
    other: Int[Array, ""]


class RepeatedGames(environment.Environment[State, Params]):
    """Matches of a known number of rounds at two-player games (arXiv 2305.16867).

    A match draws a game, the agent's seat and an opponent, each as likely as any other. Both act at
    once. A round pays the payoff as a fraction of the game's largest and of the number of rounds,
    so that a match's return is the paper's normalised score. The last round terminates the match:
    nothing comes after it, and both know.

    The agent sees what `features` has: not who the opponent is.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RepeatedGames)

    def __hash__(self) -> int:
        return hash(RepeatedGames)

    @property
    def name(self) -> str:
        """What the world is called."""
        return "RepeatedGames-v0"

    @property
    def num_actions(self) -> int:
        """Two."""
        return 2

    @property
    def default_params(self) -> Params:
        """All strict ordinal games against all scripts, for the paper's ten rounds."""
        return level(ordinal_games(), list(SCRIPTS.values()), NUM_ROUNDS)

    def step_env(
        self, key: PRNGKeyArray, state: State, action: ArrayLike, params: Params
    ) -> tuple[Array, State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One round."""
        own = jnp.asarray(action, jnp.int32)
        chance = state.opponent.chances[state.place]
        other = (jax.random.uniform(key) < chance).astype(jnp.int32)
        state = state.replace(
            time=state.time + 1,
            place=state.opponent.successors[state.place, other, own],
            own=own,
            other=other,
        )
        num_rounds = state.view.num_rounds.astype(jnp.float32)
        largest = jnp.abs(state.view.payoffs).max()
        reward = state.view.own[own, other] / (jnp.where(largest > 0, largest, 1.0) * num_rounds)
        terminated = self.is_terminated(state, params)
        return self.get_obs(state, params), state, reward, terminated, {}

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Array, State]:
        """Starts a match."""
        num_games, num_seats, num_opponents, _ = params.opponents.chances.shape
        match = jax.random.randint(key, (), 0, num_games * num_seats * num_opponents)
        game, seat = match // (num_seats * num_opponents), match // num_opponents % num_seats
        state = State(
            time=jnp.int32(0),
            view=jax.tree.map(lambda leaf: leaf[game, seat], params.views),
            opponent=jax.tree.map(
                lambda leaf: leaf[game, seat, match % num_opponents], params.opponents
            ),
            place=jnp.int32(0),
            own=jnp.int32(NOTHING),
            other=jnp.int32(NOTHING),
        )
        return self.get_obs(state, params), state

    def get_obs(
        self, state: State, params: Params | None = None, key: PRNGKeyArray | None = None
    ) -> Float[Array, " feature"]:
        """What the agent sees."""
        return features(state.view, state.time, state.own, state.other)

    def is_terminated(self, state: State, params: Params | None = None) -> Bool[Array, ""]:
        """Whether the last round was played."""
        return state.time >= state.view.num_rounds

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """Two actions."""
        return spaces.Discrete(2)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        """Features between 0 and 1."""
        return spaces.Box(0.0, 1.0, (NUM_FEATURES,))


def features(
    view: View, now: Int[Array, ""], own: Int[Array, ""], other: Int[Array, ""]
) -> Float[Array, " feature"]:
    """What a learner is told of a match.

    The last round one-hot (both actions, or that there was none), the share of rounds that are
    past, the seat, and one's own and the other's payoffs, with the game's lowest as 0 and its
    highest as 1.

    Args:
      view: of the game.
      now: rounds played.
      own: what one played last, or `NOTHING`.
      other: what the other did, or `NOTHING`.
    """
    last = jax.nn.one_hot(jnp.where(own == NOTHING, 0, 1 + 2 * own + other), 5)
    lowest, highest = view.payoffs.min(), view.payoffs.max()
    payoffs = (view.payoffs - lowest) / jnp.where(highest > lowest, highest - lowest, 1.0)
    share = now / jnp.maximum(view.num_rounds, 1)
    clock = jnp.stack([share, view.seat.astype(jnp.float32)])
    return jnp.concatenate([last, clock, payoffs.ravel()])


def level(
    games: Float[Array | np.ndarray, "game 2 2 2"], opponents: list[Script], num_rounds: int
) -> Params:
    """Matches at some games against some opponents.

    Args:
      games: of which a match draws one.
      opponents: likewise.
      num_rounds: of a match.
    """
    return _matches(jnp.asarray(games, jnp.float32), tuple(opponents), jnp.int32(num_rounds))


# One program: a hundred small ones, one after the other, take seconds to compile.
@partial(jax.jit, static_argnums=1)
def _matches(
    games: Float[Array, "game 2 2 2"], opponents: tuple[Script, ...], num_rounds: Int[Array, ""]
) -> Params:
    seats = jnp.arange(2)
    of_seats = jax.vmap(lambda seat: view_from(games, seat, num_rounds), out_axes=1)
    their_views = of_seats(1 - seats)
    of_views = jax.vmap(jax.vmap(partial(machines_of, opponents)))
    return Params(views=of_seats(seats), opponents=of_views(their_views))
