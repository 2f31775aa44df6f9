"""Players at bandits, side by side: what acts and learns where there is nothing to observe."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.envs.bandits.bandit import Action, Bandit, BanditState, Instance, Payoff
from rlsuite.method import Method, Metrics, mean_reported, single_precision
from rlsuite.requirements import require_counts
from rlsuite.sharding import apart, spread

__all__ = ["Bandit", "Game", "Payoff", "Player", "begin", "mean_payoffs", "play", "play_rounds"]

PlayerState = Any
Round = Int[Array, ""]
"""How many rounds came before. It is the same for all games, so that a `cond` on it stays one."""


def no_metrics(state: PlayerState) -> Metrics:
    """Nothing to report."""
    del state
    return {}


class Player(NamedTuple):
    """Somebody who plays, as pure functions of one game.

    Attributes:
      init: `(key, instance) -> state`. A learner looks at no more of the instance than its shapes;
        an informed player plans on it.
      act: `(key, state, round) -> action`.
      learn: `(state, round, action, payoff) -> state`, where the payoff is the observed one.
      metrics: `state -> numbers by name`, of one player.
    """

    init: Callable[[PRNGKeyArray, Instance], PlayerState]
    act: Callable[[PRNGKeyArray, PlayerState, Round], Action]
    learn: Callable[[PlayerState, Round, Action, Float[Array, ""]], PlayerState]
    metrics: Callable[[PlayerState], Metrics] = no_metrics


class Game(NamedTuple):
    """A player at a bandit. Games side by side have a leading `agent` axis.

    Attributes:
      key: of all that the game draws, together with the round.
      instance: of the bandit.
      bandit: its state.
      player: its state.
    """

    key: PRNGKeyArray
    instance: Instance
    bandit: BanditState
    player: PlayerState


class Rounds(NamedTuple):
    """What was played, and what it paid in mean."""

    action: Int[Array, "round agent"]
    mean: Float[Array, "round agent"]


class PlayState(NamedTuple):
    """All that changes.

    Attributes:
      round: rounds played so far.
      games: with a leading `agent` axis.
      mean_payoff: of each game, the average over rounds of its plays' mean payoffs.
      benchmark: of each game, what its payoffs are measured by.
    """

    round: Int[Array, ""]
    games: Game
    mean_payoff: Float[Array, " agent"]
    benchmark: Float[Array, " agent"]


def begin(bandit: Bandit, player: Player, key: PRNGKeyArray, instance: Instance) -> Game:
    """A game before its first round."""
    game_key, player_key = jax.random.split(key)
    return Game(game_key, instance, bandit.init(instance), player.init(player_key, instance))


def play_rounds(
    bandit: Bandit, player: Player, games: Game, first: Round, num_rounds: int
) -> tuple[Game, Rounds]:
    """Plays some rounds of games side by side.

    Args:
      bandit: at which all play.
      player: who plays all of them.
      games: with a leading `agent` axis.
      first: how many rounds were played before; at most 2³⁰.
      num_rounds: how many to play.

    Raises:
      ValueError: if `num_rounds` is below 1.
    """
    require_counts(num_rounds=num_rounds)

    def one(game, now):
        bandit_key, player_key = (jax.random.fold_in(game.key, 2 * now + i) for i in (0, 1))
        action = player.act(player_key, game.player, now)
        bandit_state, payoff = bandit.pull(bandit_key, game.instance, game.bandit, action)
        player_state = player.learn(game.player, now, action, payoff.observed)
        return Game(game.key, game.instance, bandit_state, player_state), (action, payoff.mean)

    def all_games(games, now):
        games, (actions, means) = jax.vmap(one, in_axes=(0, None))(games, now)
        return games, Rounds(actions.astype(jnp.int32), means)

    return jax.lax.scan(all_games, games, first + jnp.arange(num_rounds))


def mean_payoffs(
    bandit: Bandit, player: Player, games: Game, num_blocks: int, rounds_per_block: int
) -> tuple[Game, Float[Array, "block agent"]]:
    """Plays games from their start and averages what they pay in mean over blocks of rounds.

    Regrets are sums of these, to be taken in double precision where there are many rounds.

    Raises:
      ValueError: if there is no block, or none of its rounds.
    """
    require_counts(num_blocks=num_blocks, rounds_per_block=rounds_per_block)

    def block(games, index):
        games, rounds = play_rounds(
            bandit, player, games, index * rounds_per_block, rounds_per_block
        )
        return games, rounds.mean.mean(axis=0)

    return jax.lax.scan(block, games, jnp.arange(num_blocks))


def play(
    bandit: Bandit,
    player: Player,
    sample_instance: Callable[[PRNGKeyArray], Instance],
    *,
    num_agents: int,
    rounds_per_step: int,
    benchmark: Callable[[Instance], Float[Array, ""]] | None = None,
) -> Method:
    r"""A player at many bandits: a step is some rounds of every game.

    Regret after T rounds is :math:`\sum_{t \le T} (v - \mu_t)`, with the benchmark v per round and
    the mean payoffs :math:`\mu_t` of what was played, not what was drawn.

    Args:
      bandit: how the bandits work.
      player: who plays.
      sample_instance: `key -> instance`, for each game anew.
      num_agents: games side by side.
      rounds_per_step: of each game.
      benchmark: `instance -> payoff per round` that regret is measured by; without it none is
        reported.

    Returns:
      A method whose state is a `PlayState`, for at most 2³⁰ rounds in all. Its metrics are means
      over games: `payoff` of the step's rounds and `mean_payoff` of all so far, `regret` so far,
      and those of the player.

    Raises:
      ValueError: if `num_agents` or `rounds_per_step` is below 1.
    """
    require_counts(num_agents=num_agents, rounds_per_step=rounds_per_step)

    def start(key):
        instance_key, game_key = jax.random.split(key)
        instance = sample_instance(instance_key)
        value = jnp.float32(jnp.nan) if benchmark is None else benchmark(instance)
        return begin(bandit, player, game_key, instance), value

    def init(key):
        keys = spread(jax.random.split(key, num_agents))
        games, values = apart(jax.vmap(start))(keys)
        return PlayState(jnp.int32(0), games, jnp.zeros(num_agents), values)

    def rounds(games, mean_payoff, now):
        games, played = play_rounds(bandit, player, games, now, rounds_per_step)
        payoff = played.mean.mean(axis=0)
        # As a running mean: a sum over millions of rounds has no room for another one's payoff.
        share = rounds_per_step / (now + rounds_per_step).astype(jnp.float32)
        return games, mean_payoff + share * (payoff - mean_payoff), payoff

    def step(state):
        games, mean_payoff, payoff = apart(rounds, (0, 0, None))(
            state.games, state.mean_payoff, state.round
        )
        now = state.round + rounds_per_step
        metrics = mean_reported(jax.vmap(player.metrics)(games.player))
        metrics |= {"payoff": payoff.mean(), "mean_payoff": mean_payoff.mean()}
        if benchmark is not None:
            metrics["regret"] = now.astype(jnp.float32) * (state.benchmark - mean_payoff).mean()
        return PlayState(now, games, mean_payoff, state.benchmark), metrics

    return single_precision(Method(init, step))
