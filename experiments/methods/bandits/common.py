"""What tests of players at bandits share: games of many players, regrets, and their estimates."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.bandits.playing import (
    Bandit,
    Player,
    PlayerState,
    begin,
    mean_payoffs,
    play_rounds,
)
from rlsuite.compiling import Program, jit
from rlsuite.envs.bandits.bandit import Instance
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluation import Curve, curve_of
from rlsuite.experiments.specs import Watch

_MOST_BLOCKS, _LEAST_BLOCKS = 100, 20
_MOST_ROUNDS_ALONE = 1000
"""That are played one by one, where they can't be divided into blocks."""
_FEW_PLAYS = 1_000_000
"""That take less time in any code than compiling it well."""

Seats = Mapping[str, tuple[Bandit, Player]]
"""Players by name, each with the bandit as it plays it."""

Course = Float[np.ndarray, "block instance draw"]
"""Mean payoffs per round, averaged over blocks of rounds."""


class Games(NamedTuple):
    """How many games are played, and for how long.

    Attributes:
      key: of all games; players that are given the same draw the same.
      num_draws: games at each instance.
      num_blocks: blocks of rounds.
      rounds_per_block: in each.
    """

    key: PRNGKeyArray
    num_draws: int
    num_blocks: int
    rounds_per_block: int

    @property
    def num_rounds(self) -> int:
        """Of each game."""
        return self.num_blocks * self.rounds_per_block


def whole_course(key: PRNGKeyArray, num_draws: int, horizon: int) -> Games:
    """Games of all rounds of a horizon, in as many equal blocks as there can be up to a hundred."""
    num_blocks = _blocks_of(horizon)
    assert num_blocks is not None, horizon
    return Games(key, num_draws, num_blocks, horizon // num_blocks)


def check_horizon(field: str, horizon: int) -> None:
    """Refuses a horizon that can't be divided into blocks of rounds.

    Raises:
      ConfigError: if it can't.
    """
    if _blocks_of(horizon) is None:
        raise ConfigError(
            f"{field}: {horizon} is not allowed; above {_MOST_ROUNDS_ALONE} it must be a multiple "
            f"of a number from {_LEAST_BLOCKS} to {_MOST_BLOCKS}, such as one of 100"
        )


def _blocks_of(horizon: int) -> int | None:
    for number in range(_MOST_BLOCKS, _LEAST_BLOCKS - 1, -1):
        if horizon % number == 0:
            return number
    return horizon if horizon <= _MOST_ROUNDS_ALONE else None


def kind_of_program(num_plays: int) -> Program:
    """How to compile what plays so many rounds in all: no longer than it pays."""
    return "once" if num_plays < _FEW_PLAYS else "usual"


def payoffs_of(bandit: Bandit, player: Player, instances: Instance, games: Games) -> Course:
    """What a player comes to in games at some instances, whose leaves have a leading axis."""
    return played(bandit, player, instances, games)[0]


def played(
    bandit: Bandit, player: Player, instances: Instance, games: Games
) -> tuple[Course, PlayerState]:
    """The same, and what has become of the players, `[instance × draw]`."""
    num_instances = jax.tree.leaves(instances)[0].shape[0]

    def all_games(key, instances):
        keys = jax.random.split(key, (num_instances, games.num_draws))
        of_draws = jax.vmap(lambda key, one: begin(bandit, player, key, one), in_axes=(0, None))
        begun = jax.vmap(of_draws)(keys, instances)
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), begun)
        ended, blocks = mean_payoffs(bandit, player, flat, games.num_blocks, games.rounds_per_block)
        return blocks.reshape(games.num_blocks, num_instances, games.num_draws), ended.player

    num_plays = games.num_rounds * num_instances * games.num_draws
    blocks, players = jit(all_games, program=kind_of_program(num_plays))(games.key, instances)
    return np.asarray(blocks, np.float64), players


def play_all(
    seats: Seats, instances: Instance, games: Games, watch: Watch, where: str
) -> dict[str, Course]:
    """What several players come to, by their names.

    Args:
      seats: who plays.
      instances: with a leading axis.
      games: the same for all.
      watch: is told of each player.
      where: what the instances are called.
    """
    found = {}
    for name, (bandit, player) in seats.items():
        done = watch.begin(f"{name} at {where}")
        found[name] = payoffs_of(bandit, player, instances, games)
        done()
    return found


def each_instance(payoffs: Course) -> Float[np.ndarray, "instance 1"]:
    """Averages over all rounds and draws."""
    return payoffs.mean(axis=(0, 2))[:, None]


def later_half(payoffs: Course) -> Float[np.ndarray, "instance 1"]:
    """Averages over draws, and the second half of all rounds."""
    return of_draws(payoffs).mean(axis=1, keepdims=True)


def of_draws(payoffs: Course) -> Float[np.ndarray, "instance draw"]:
    """Averages over the second half of all rounds."""
    return payoffs[len(payoffs) // 2 :].mean(axis=0)


def regret_curve(
    payoffs: Course,
    benchmark: Float[np.ndarray, " instance"],
    rounds_per_block: int,
    num_points: int = 24,
) -> Curve:
    """Regret over rounds with its interval over games, at points that are even on both axes.

    Args:
      payoffs: of one player.
      benchmark: per round, that is lost against.
      rounds_per_block: in each block.
      num_points: about half as many of each kind of axis.
    """
    regret = np.cumsum(benchmark[:, None] - payoffs, axis=0) * rounds_per_block
    ends = [np.geomspace(1, len(regret), num_points // 2), np.linspace(1, len(regret), num_points)]
    places = np.unique(np.concatenate(ends).round().astype(int)) - 1
    return curve_of(((places + 1) * rounds_per_block).tolist(), regret[places])


def slope(
    x: Float[np.ndarray, " point"],
    values: Float[np.ndarray, "point game"],
    num_resamples: int = 2000,
) -> tuple[float, float, float]:
    """Of a line through mean values on two logarithmic axes, with its interval over games.

    Resamples whose mean is not above zero somewhere have no such line, and are left out.
    """
    random = np.random.default_rng(0)
    games = values.shape[1]
    weights = random.multinomial(games, np.full(games, 1 / games), num_resamples) / games
    means = np.concatenate([values.mean(axis=1, keepdims=True), values @ weights.T], axis=1)
    means = means[:, (means > 0).all(axis=0)]
    if means.shape[1] == 0:
        return (float("nan"),) * 3
    centred = np.log(x) - np.log(x).mean()
    slopes = centred @ np.log(means) / (centred @ centred)
    low, high = np.quantile(slopes, [0.025, 0.975])
    return float(slopes[0]), float(low), float(high)


def in_parts(
    function: Callable[[Instance], np.ndarray], instances: Instance, size: int
) -> np.ndarray:
    """A function of instances, evaluated for so many of them at a time and put together.

    Args:
      function: `instances -> results`, with a leading axis on both.
      instances: whose number the size divides, unless there are fewer.
      size: of a part.
    """
    number = jax.tree.leaves(instances)[0].shape[0]
    parts = [
        function(jax.tree.map(lambda leaf, at=start: leaf[at : at + size], instances))
        for start in range(0, number, size)
    ]
    return np.concatenate(parts)


class Shown(NamedTuple):
    """Rounds of one game for a picture, and what was seen of the player before each."""

    plays: dict[str, Any]
    seen: np.ndarray


def rounds_of(
    bandit: Bandit,
    player: Player,
    instance: Instance,
    num_rounds: int,
    seen: Callable[[PlayerState], Array] = lambda state: jnp.int32(0),
) -> Shown:
    """Actions and mean payoffs of one game.

    Args:
      bandit: at which it is.
      player: who plays.
      instance: of the bandit.
      num_rounds: that are shown.
      seen: what is looked at in the player's state before each round.
    """
    game = begin(bandit, player, jax.random.key(0), instance)

    def one(games, now):
        before = seen(jax.tree.map(lambda leaf: leaf[0], games.player))
        games, rounds = play_rounds(bandit, player, games, now, 1)
        return games, (rounds, before)

    program = jit(lambda games: jax.lax.scan(one, games, jnp.arange(num_rounds))[1], program="once")
    rounds, before = program(jax.tree.map(lambda leaf: leaf[None], game))
    plays = {
        "actions": np.asarray(rounds.action)[:, 0, 0].tolist(),
        "payoffs": np.asarray(rounds.mean, np.float64)[:, 0, 0].round(5).tolist(),
    }
    return Shown(plays, np.asarray(before))
