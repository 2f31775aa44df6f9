"""Players for payoffs that may be anything, and others who see that payoffs change."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rlsuite.bandits.playing import Player, PlayerState
from rlsuite.requirements import require, require_counts


def exp3(num_actions: int, horizon: int) -> Player:
    r"""EXP3 (Auer et al., 2002), by losses :math:`\ell = 1 - \text{payoff}`.

    .. math:: p_a \propto e^{-\eta \hat L_a}, \qquad \hat L_a \mathrel{+}= \frac{\ell}{p_a}
       \text{ where } a \text{ was played}, \qquad \eta = \sqrt{\frac{2 \ln K}{K T}}

    Args:
      num_actions: K.
      horizon: T, rounds that it takes the game to have.

    Raises:
      ValueError: if either is below 1.
    """
    require_counts(num_actions=num_actions, horizon=horizon)
    rate = math.sqrt(2 * math.log(num_actions) / (num_actions * horizon))

    def learn(losses, now, action, payoff):
        del now
        is_played = jnp.arange(num_actions) == action
        chances = jax.nn.softmax(-rate * losses)
        losses = losses + jnp.where(is_played, (1 - payoff) / chances, 0.0)
        # Only differences matter, and small numbers have room for more of them.
        return losses - losses.min()

    return Player(
        init=lambda key, instance: jnp.zeros(num_actions),
        act=lambda key, losses, now: jax.random.categorical(key, -rate * losses),
        learn=learn,
    )


class Discounted(NamedTuple):
    """Of each action, discounted numbers of plays and totals of payoffs."""

    plays: Float[Array, " action"]
    total: Float[Array, " action"]


def discounted_ucb(num_actions: int, discount: float, exploration: float = 0.5) -> Player:
    r"""UCB by discounted averages (Garivier and Moulines, arXiv 0805.3415).

    .. math:: \arg\max_a \, \frac{S_a}{N_a} + 2 \sqrt{\frac{c \ln \sum_b N_b}{N_a}}

    Args:
      num_actions: K.
      discount: of each round; its authors take :math:`1 - \sqrt{\Upsilon / T} / 4` where payoffs
        change :math:`\Upsilon` times in T rounds.
      exploration: c.

    Raises:
      ValueError: if there are no actions, or the discount is not above 0 and at most 1.
    """
    require_counts(num_actions=num_actions)
    require(0 < discount <= 1, "discount", discount, "above 0 and at most 1")

    def act(key, state, now):
        del key, now
        plays = jnp.maximum(state.plays, 1e-6)
        bonus = 2 * jnp.sqrt(exploration * jnp.log(jnp.maximum(state.plays.sum(), 1)) / plays)
        return jnp.argmax(jnp.where(state.plays < 1e-6, jnp.inf, state.total / plays + bonus))

    def learn(state, now, action, payoff):
        del now
        is_played = (jnp.arange(num_actions) == action).astype(jnp.float32)
        return Discounted(
            discount * state.plays + is_played, discount * state.total + payoff * is_played
        )

    def init(key, instance):
        del key, instance
        zeros = jnp.zeros(num_actions)
        return Discounted(zeros, zeros)

    return Player(init, act, learn)


class Windowed(NamedTuple):
    """The last plays, and what they come to by action.

    Attributes:
      actions: of the last rounds, in a ring; K where there was no round yet.
      payoffs: likewise.
      plays: of each action, how often it is among them.
      total: of each action, its payoffs among them.
    """

    actions: Int[Array, " window"]
    payoffs: Float[Array, " window"]
    plays: Int[Array, " action"]
    total: Float[Array, " action"]


def sliding_window_ucb(num_actions: int, window: int, exploration: float = 0.5) -> Player:
    r"""UCB by averages over the last rounds (Garivier and Moulines, arXiv 0805.3415).

    With t rounds played so far, and plays and payoffs of the last w of them counted,

    .. math:: \arg\max_a \, \frac{S_a}{N_a} + \sqrt{\frac{c \ln \min(t, w)}{N_a}}

    Args:
      num_actions: K.
      window: w; its authors take :math:`2 \sqrt{T \ln T / \Upsilon}` where payoffs change
        :math:`\Upsilon` times in T rounds.
      exploration: c.

    Raises:
      ValueError: if `num_actions` or `window` is below 1.
    """
    require_counts(num_actions=num_actions, window=window)

    def act(key, state, now):
        del key
        plays = jnp.maximum(state.plays, 1).astype(jnp.float32)
        seen = jnp.clip(now, 1, window).astype(jnp.float32)
        index = state.total / plays + jnp.sqrt(exploration * jnp.log(seen) / plays)
        return jnp.argmax(jnp.where(state.plays == 0, jnp.inf, index))

    def learn(state, now, action, payoff):
        place = now % window
        every = jnp.arange(num_actions)
        comes, goes = every == action, every == state.actions[place]
        total = state.total + jnp.where(comes, payoff, 0) - jnp.where(goes, state.payoffs[place], 0)
        return Windowed(
            state.actions.at[place].set(jnp.asarray(action, jnp.int32)),
            state.payoffs.at[place].set(payoff),
            state.plays + comes - goes,
            total,
        )

    def init(key, instance):
        del key, instance
        return Windowed(
            jnp.full(window, num_actions, jnp.int32),
            jnp.zeros(window),
            jnp.zeros(num_actions, jnp.int32),
            jnp.zeros(num_actions),
        )

    return Player(init, act, learn)


class Block(NamedTuple):
    """A player who decides once in so many rounds.

    Attributes:
      player: its state.
      action: of this block.
      total: payoffs in it.
    """

    player: PlayerState
    action: Int[Array, ""]
    total: Float[Array, ""]


def in_blocks(player: Player, length: int) -> Player:
    """Plays in blocks of one action each, whose average payoff is what the player is told.

    The usual answer to losses that depend on the last few plays (Dekel, Tewari and Arora,
    arXiv 1206.6400, with blocks of about T^{1/3}).

    Raises:
      ValueError: if `length` is below 1.
    """
    require_counts(length=length)

    def act(key, state, now):
        chosen = player.act(key, state.player, now // length)
        return jnp.where(now % length == 0, chosen, state.action).astype(jnp.int32)

    def learn(state, now, action, payoff):
        total = jnp.where(now % length == 0, 0.0, state.total) + payoff
        # The same for all games, so that the player learns only where a block ends.
        learned = jax.lax.cond(
            now % length == length - 1,
            lambda inner: player.learn(inner, now // length, action, total / length),
            lambda inner: inner,
            state.player,
        )
        return Block(learned, action, total)

    def init(key, instance):
        return Block(player.init(key, instance), jnp.int32(0), jnp.float32(0))

    return Player(init, act, learn, lambda state: player.metrics(state.player))
