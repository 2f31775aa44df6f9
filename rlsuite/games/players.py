"""Players by plans, by predictions, by regret, by bandits and by networks.

Where both actions are equally good, action 0 is played.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from rlsuite.bandits.playing import Player as BanditPlayer
from rlsuite.envs.games.game import View
from rlsuite.envs.games.machines import Machine, Script
from rlsuite.envs.games.world import NOTHING, features
from rlsuite.games.playing import Player
from rlsuite.rollout import Memory, Policy


class Running(NamedTuple):
    """A machine in one of its states."""

    machine: Machine
    place: Int[Array, ""]


def scripted(script: Script) -> Player:
    """Plays by a script."""

    def act(key, state, now):
        del now
        chance = state.machine.chances[state.place]
        # Most draw nothing, and random numbers cost more than all else they do.
        threshold = jax.random.uniform(key) if script.is_random else 0.5
        return (threshold < chance).astype(jnp.int32)

    def learn(state, now, outcome):
        del now
        place = state.machine.successors[state.place, outcome.own, outcome.other]
        return state._replace(place=place)

    return Player(lambda key, view: Running(script.machine(view), jnp.int32(0)), act, learn)


class Predictions(NamedTuple):
    """What was seen of the other.

    Attributes:
      own: one's own payoffs, `[own action, other's action]`.
      counts: of the other's actions in each context.
      context: the number of the last rounds' joint actions.
    """

    own: Float[Array, "2 2"]
    counts: Float[Array, "context 2"]
    context: Int[Array, ""]


def fictitious_play(order: int = 0, prior: float = 1.0) -> Player:
    r"""Predicts the other's action by how often it came, and plays the best response to that.

    With counts n of the other's actions b after the same last `order` joint actions c,

    .. math:: \arg\max_a \sum_b \frac{n_{c b} + \text{prior}}{\sum_{b'} n_{c b'} + 2\,\text{prior}}
       \, u(a, b)

    At order 0 it is fictitious play (Brown, 1951), within one match. Predicting first and then
    responding is the counterpart here of the paper's "social chain of thought", not a model of it.

    Args:
      order: rounds that a prediction looks back at.
      prior: count of each action before any was seen.

    Raises:
      ValueError: if the order is below 0.
    """
    if order < 0:
        raise ValueError(f"order: {order} is not allowed; it must be at least 0")
    num_contexts = 5**order  # Four joint actions, or none before the first round.

    def init(key, view):
        del key
        return Predictions(view.own, jnp.full((num_contexts, 2), prior), jnp.int32(0))

    def act(key, state, now):
        del key, now
        return jnp.argmax(state.own @ state.counts[state.context])

    def learn(state, now, outcome):
        del now
        counts = state.counts.at[state.context, outcome.other].add(1.0)
        joint = 1 + 2 * outcome.own + outcome.other
        return Predictions(state.own, counts, (5 * state.context + joint) % num_contexts)

    return Player(init, act, learn)


def _span(payoffs: Float[Array, "2 2"]) -> Float[Array, ""]:
    """From the lowest to the highest; 1 where there is nothing between them."""
    span = jnp.ptp(payoffs)
    return jnp.where(span > 0, span, 1.0)


class Regrets(NamedTuple):
    """What each action would have paid so far, and how sharply that counts."""

    own: Float[Array, "2 2"]
    rate: Float[Array, ""]
    totals: Float[Array, "2"]


def hedge() -> Player:
    r"""Hedge (Freund and Schapire, 1997): exponential weights of what actions would have paid.

    .. math:: p_a \propto e^{\eta \sum_t u(a, b_t)}, \qquad
       \eta = \frac{1}{u_{\max} - u_{\min}} \sqrt{\frac{8 \ln 2}{T}}

    Where all payoffs are equal it plays by chance. Its expected regret against the best action is
    at most :math:`(u_{\max} - u_{\min}) \sqrt{T \ln 2 / 2}`.
    """

    def init(key, view):
        del key
        rate = jnp.sqrt(8 * jnp.log(2.0) / view.num_rounds) / _span(view.own)
        return Regrets(view.own, rate, jnp.zeros(2))

    def learn(state, now, outcome):
        del now
        return state._replace(totals=state.totals + state.own[:, outcome.other])

    return Player(
        init,
        lambda key, state, now: jax.random.categorical(key, state.rate * state.totals),
        learn,
    )


class Adapted(NamedTuple):
    """A bandit's player, and the range of payoffs."""

    player: Any
    lowest: Float[Array, ""]
    span: Float[Array, ""]


def from_bandit(player: BanditPlayer) -> Player:
    """A bandit's player at a game: it sees its own payoffs alone, between 0 and 1.

    Args:
      player: one that looks at nothing of a bandit's instance.
    """

    def init(key, view):
        own = view.own
        return Adapted(player.init(key, own[:, 0]), own.min(), _span(own))

    def learn(state, now, outcome):
        payoff = (outcome.payoff - state.lowest) / state.span
        return state._replace(player=player.learn(state.player, now, outcome.own, payoff))

    return Player(init, lambda key, state, now: player.act(key, state.player, now), learn)


class Reading(NamedTuple):
    """A policy in the middle of a match.

    Attributes:
      view: of the game.
      memory: of the policy, when it has read what was played last.
      chance: of action 1 in the next round.
    """

    view: View
    memory: Memory
    chance: Float[Array, ""]


def by_policy(policy: Policy) -> Player:
    """Plays as a policy acts in the world `RepeatedGames`, by what that shows of a match."""

    def read(view, memory, now, own, other):
        actions, memory = policy.act(memory, features(view, now, own, other))
        return Reading(view, memory, actions.prob(1))

    def init(key, view):
        del key
        memory = jax.tree.map(lambda leaf: leaf[0], policy.init_memory(1))
        nothing = jnp.int32(NOTHING)
        return read(view, memory, jnp.int32(0), nothing, nothing)

    def learn(state, now, outcome):
        return read(state.view, state.memory, now + 1, outcome.own, outcome.other)

    def act(key, state, now):
        del now
        return (jax.random.uniform(key) < state.chance).astype(jnp.int32)

    return Player(init, act, learn)
