"""The field's usual players at bandits, by observed payoffs between 0 and 1.

Where several actions are equally good, the first of them is played.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from rlsuite.bandits.playing import Player
from rlsuite.envs.bandits.bandit import Action, Bandit, BanditState, Instance
from rlsuite.requirements import require, require_counts


class Estimates(NamedTuple):
    """Of each action, how often it was played and what it paid on average."""

    plays: Int[Array, " action"]
    mean: Float[Array, " action"]


def no_estimates(num_actions: int) -> Estimates:
    """Before anything was played."""
    return Estimates(jnp.zeros(num_actions, jnp.int32), jnp.zeros(num_actions))


def update_estimates(estimates: Estimates, action: Action, payoff: Float[Array, ""]) -> Estimates:
    """The estimates after one more payoff, as running means."""
    is_played = jnp.arange(estimates.plays.size) == action
    plays = estimates.plays + is_played
    change = (payoff - estimates.mean) / jnp.maximum(plays, 1).astype(jnp.float32)
    return Estimates(plays, estimates.mean + jnp.where(is_played, change, 0.0))


def without_learning(player_state, now, action, payoff):
    """The state as it was."""
    del now, action, payoff
    return player_state


def always(choose: Callable[[Instance], Action]) -> Player:
    """Plays one action for ever, which `choose` takes from the instance."""
    return Player(
        init=lambda key, instance: jnp.asarray(choose(instance), jnp.int32),
        act=lambda key, state, now: state,
        learn=without_learning,
    )


def uniformly_random(num_actions: int) -> Player:
    """Plays any action, each as often.

    Raises:
      ValueError: if `num_actions` is below 1.
    """
    require_counts(num_actions=num_actions)
    return Player(
        init=lambda key, instance: (),
        act=lambda key, state, now: jax.random.randint(key, (), 0, num_actions),
        learn=without_learning,
    )


def sequence(plan: Callable[[Instance], Int[Array, " round"]]) -> Player:
    """Plays what `plan` makes of the instance, action by action, and again when it is through."""
    return Player(
        init=lambda key, instance: plan(instance),
        act=lambda key, state, now: state[now % state.size],
        learn=without_learning,
    )


class Known(NamedTuple):
    """What an informed player knows: all that a bandit does but for its noise."""

    instance: Instance
    bandit: BanditState


def oracle_greedy(bandit: Bandit) -> Player:
    """Knows the instance, and plays what pays most in mean now, whatever comes of it."""

    def act(key, state, now):
        del now
        actions = jnp.arange(bandit.num_actions)
        _, payoffs = jax.vmap(
            lambda action: bandit.pull(key, state.instance, state.bandit, action)
        )(actions)
        return jnp.argmax(payoffs.mean)

    def learn(state, now, action, payoff):
        del now, payoff
        # Where plays lead is certain, so that any key does.
        following, _ = bandit.pull(jax.random.key(0), state.instance, state.bandit, action)
        return Known(state.instance, following)

    return Player(lambda key, instance: Known(instance, bandit.init(instance)), act, learn)


def ucb1(num_actions: int, exploration: float = 2.0) -> Player:
    r"""UCB1 (Auer, Cesa-Bianchi and Fischer, 2002).

    Each action once, and then, with t rounds played so far and c the `exploration`,

    .. math:: \arg\max_a \, \hat\mu_a + \sqrt{c \ln t / n_a}

    Raises:
      ValueError: if `num_actions` is below 1.
    """
    require_counts(num_actions=num_actions)

    def act(key, state, now):
        del key
        rounds = jnp.maximum(now, 1).astype(jnp.float32)
        bonus = jnp.sqrt(exploration * jnp.log(rounds) / jnp.maximum(state.plays, 1))
        return jnp.argmax(jnp.where(state.plays == 0, jnp.inf, state.mean + bonus))

    return Player(
        init=lambda key, instance: no_estimates(num_actions),
        act=act,
        learn=lambda state, now, action, payoff: update_estimates(state, action, payoff),
    )


def epsilon_greedy(num_actions: int, epsilon: float = 0.1) -> Player:
    """Each action once, and then the best so far, or with probability `epsilon` any of them.

    Raises:
      ValueError: if there are no actions, or `epsilon` is no probability.
    """
    require_counts(num_actions=num_actions)
    require(0 <= epsilon <= 1, "epsilon", epsilon, "from 0 to 1")

    def act(key, state, now):
        del now
        uniform = jax.random.uniform(key)
        # One draw says both whether, and which.
        other = jnp.minimum((uniform / epsilon * num_actions).astype(jnp.int32), num_actions - 1)
        best = jnp.argmax(jnp.where(state.plays == 0, jnp.inf, state.mean))
        explores = (uniform < epsilon) & (state.plays > 0).all()
        return jnp.where(explores, other, best)

    return Player(
        init=lambda key, instance: no_estimates(num_actions),
        act=act,
        learn=lambda state, now, action, payoff: update_estimates(state, action, payoff),
    )


def explore_then_stay(num_actions: int, num_samples: int, burn_in: int = 0) -> Player:
    """Plays each action once in a row for long, and then the best of them for ever.

    Args:
      num_actions: K.
      num_samples: rounds of each that count.
      burn_in: rounds of each before these.

    Raises:
      ValueError: if there are no actions, or no rounds that count, or fewer than none before.
    """
    require_counts(num_actions=num_actions, num_samples=num_samples)
    require(burn_in >= 0, "burn_in", burn_in, "at least 0")
    run = burn_in + num_samples

    def act(key, state, now):
        del key
        return jnp.where(now < run * num_actions, now // run, jnp.argmax(state.mean))

    def learn(state, now, action, payoff):
        counts = (now < run * num_actions) & (now % run >= burn_in)
        return jax.lax.cond(
            counts, lambda one: update_estimates(one, action, payoff), lambda one: one, state
        )

    return Player(lambda key, instance: no_estimates(num_actions), act, learn)


class Elimination(NamedTuple):
    """Where successive elimination is.

    Attributes:
      epoch: s, from 0.
      action: that is being played.
      position: rounds of it that were played in this block.
      mean: of each action, the average payoff of this epoch's rounds that count.
      is_active: whether an action is still in.
    """

    epoch: Int[Array, ""]
    action: Int[Array, ""]
    position: Int[Array, ""]
    mean: Float[Array, " action"]
    is_active: Bool[Array, " action"]


def successive_elimination(num_actions: int, horizon: int, burn_in: int = 0) -> Player:
    r"""Plays all that may still be best in blocks, and drops what is shown not to be.

    In epoch s each active action is played for :math:`M + n_s` rounds in a row, of which the first
    M (the `burn_in`) count for nothing. With the averages of the others, all actions are dropped
    whose average is below the highest by more than :math:`2 C_s`:

    .. math:: n_s = \lceil 4^s \ln(2 K T) \rceil, \qquad C_s = \sqrt{\ln(2 K T) / (2 n_s)}

    A block that the horizon cuts drops nothing. Without burn-in it is the textbook's (Even-Dar,
    Mannor and Mansour, 2006), in epochs that grow.

    Args:
      num_actions: K.
      horizon: T, for which the confidence is.
      burn_in: M.

    Raises:
      ValueError: if `num_actions` or `horizon` is below 1, or `burn_in` below 0.
    """
    require_counts(num_actions=num_actions, horizon=horizon)
    require(burn_in >= 0, "burn_in", burn_in, "at least 0")
    log_term = math.log(2.0 * num_actions * horizon)

    def num_samples(epoch):
        # At the 12th epoch no run is long enough for the next one.
        return jnp.ceil(4.0 ** jnp.minimum(epoch, 12) * log_term).astype(jnp.int32)

    def init(key, instance):
        del key, instance
        zero = jnp.int32(0)
        return Elimination(zero, zero, zero, jnp.zeros(num_actions), jnp.ones(num_actions, bool))

    def learn(state, now, action, payoff):
        del now
        samples = num_samples(state.epoch)
        counted = state.position - burn_in + 1
        change = (payoff - state.mean) / jnp.maximum(counted, 1).astype(jnp.float32)
        is_played = jnp.arange(num_actions) == action
        mean = state.mean + jnp.where(is_played & (counted > 0), change, 0.0)
        state = state._replace(mean=mean, position=state.position + 1)
        return _next_block(state, samples, jnp.sqrt(log_term / (2.0 * samples)))

    def metrics(state):
        return {"active_actions": state.is_active.sum().astype(jnp.float32)}

    def _next_block(state, samples, radius):
        """Goes on to the next active action when a block is over, and then to the next epoch."""
        is_over = state.position == burn_in + samples
        actions = jnp.arange(num_actions)
        later = state.is_active & (actions > state.action)
        is_last = ~later.any()
        best = jnp.max(jnp.where(state.is_active, state.mean, -jnp.inf))
        kept = state.is_active & (state.mean >= best - 2.0 * radius)
        is_active = jnp.where(is_over & is_last, kept, state.is_active)
        following = jnp.where(is_last, jnp.argmax(kept), jnp.argmax(later))
        return Elimination(
            epoch=state.epoch + (is_over & is_last),
            action=jnp.where(is_over, following, state.action).astype(jnp.int32),
            position=jnp.where(is_over, 0, state.position),
            mean=jnp.where(is_over & is_last, 0.0, state.mean),
            is_active=is_active,
        )

    return Player(init, lambda key, state, now: state.action, learn, metrics)
