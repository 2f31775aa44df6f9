r"""Weighted tallying bandits: what an action costs depends on how often it was played of late.

Malik, Igoe, Li and Singh, *Weighted Tallying Bandits*, arXiv 2305.02955. Playing action a in round
t costs a loss of mean :math:`h_a(y)` with the weighted tally

.. math:: y = \sum_{s = 0}^{m - 1} w_s \, 1[a_{t - s} = a]

the play itself included (so :math:`y \ge w_0`; whether the paper counts it is unverified, and only
another name of h). Bandits here pay 1 less the loss.
"""

from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.envs.bandits.bandit import Bandit, Graph, Noise, Payoff, bernoulli

NUM_KNOTS = 100
"""Of the named instances. It is a multiple of memories such as 5, 10 and 50, whose flat tallies are
knots then."""
NOTHING = -1
"""In the place of an action before the first round."""


class TallyingInstance(NamedTuple):
    r"""A weighted tallying bandit.

    Attributes:
      losses: of each action, mean losses h between 0 and 1 where its tally is 1/G, 2/G, …, 1 of the
        full tally :math:`W = \sum_s w_s`, and linear between these.
      weights: w, of the present play and those before it; zeros shorten the memory.
    """

    losses: Float[Array, "action knot"]
    weights: Float[Array, " memory"]


def tallying_bandit(num_actions: int, memory: int, noise: Noise = bernoulli) -> Bandit:
    """A weighted tallying bandit, whose state is the last `memory` actions, the latest first.

    Its instances are `TallyingInstance`s. Losses are drawn by `noise`.

    Args:
      num_actions: K.
      memory: m.
      noise: of losses.
    """

    def init(instance):
        del instance
        return jnp.full(memory, NOTHING, jnp.int32)

    def pull(key, instance, recent, action):
        recent = jnp.concatenate([jnp.asarray(action, jnp.int32)[None], recent[:-1]])
        share = tally(instance.weights, recent, action) / instance.weights.sum()
        loss = mean_loss(instance.losses, action, share)
        return recent, Payoff(1 - noise(key, loss), 1 - loss)

    return Bandit(num_actions, init, pull)


def tally(
    weights: Float[Array, " memory"], recent: Int[Array, " memory"], action: Int[Array, ""]
) -> Float[Array, ""]:
    """The weighted tally of an action among the last ones, the latest first."""
    return jnp.sum(jnp.where(recent == action, weights, 0.0))


def mean_loss(
    losses: Float[Array, "action knot"], action: Int[Array, ""], share: Float[Array, ""]
) -> Float[Array, ""]:
    """The mean loss of an action at a share of the full tally, linear between knots."""
    num_knots = losses.shape[1]
    place = jnp.clip(share * num_knots - 1, 0, num_knots - 1)
    # Sums of weights that are a knot but for rounding are that knot.
    place = jnp.where(jnp.abs(place - jnp.round(place)) < 1e-4, jnp.round(place), place)
    below = jnp.floor(place).astype(jnp.int32)
    above = jnp.minimum(below + 1, num_knots - 1)
    first, second = losses[action, below], losses[action, above]
    return first + (place - below) * (second - first)


def tallying_graph(instance: TallyingInstance) -> Graph:
    """All the last m − 1 actions, or none where fewer were played: (K + 1)^{m − 1} states.

    A state's number has actions as its digits, the latest in front and K for none; so the last one
    is the start.
    """
    num_actions, memory = instance.losses.shape[0], instance.weights.size
    before = np.array(list(product(range(num_actions + 1), repeat=memory - 1)), np.int32)
    before = before.reshape((num_actions + 1) ** (memory - 1), memory - 1)
    powers = (num_actions + 1) ** np.arange(memory - 1)[::-1]
    actions = np.arange(num_actions)
    shifted = np.concatenate(
        [
            np.broadcast_to(actions[None, :, None], (len(before), num_actions, 1)),
            np.broadcast_to(before[:, None], (len(before), num_actions, memory - 1)),
        ],
        axis=2,
    )
    full = instance.weights.sum()

    def pays(recent, action):
        return 1 - mean_loss(
            instance.losses, action, tally(instance.weights, recent, action) / full
        )

    payoffs = jax.vmap(jax.vmap(pays), in_axes=(0, 0))(
        jnp.asarray(shifted), jnp.broadcast_to(jnp.asarray(actions), shifted.shape[:2])
    )
    return Graph(jnp.asarray(shifted[:, :, :-1] @ powers, jnp.int32), payoffs)


def flat_weights(memory: int) -> Float[Array, " memory"]:
    """1 everywhere: the tallying bandit."""
    return jnp.ones(memory)


def exponential_weights(memory: int, ratio: float = 0.8) -> Float[Array, " memory"]:
    """ρˢ."""
    return ratio ** jnp.arange(memory, dtype=jnp.float32)


def linear_weights(memory: int) -> Float[Array, " memory"]:
    """1 − s/m."""
    return 1 - jnp.arange(memory) / memory


def decoy_losses() -> Float[Array, "action knot"]:
    """Five actions, of which what is best for ever looks worst at first.

    With u the share of the full tally: 0.9 − 0.8 u², best if repeated; 0.25, which plain bandits
    settle on; 0.15 + 0.5 u, which satiates; 0.5 − 0.2 u, which improves but not enough; and 0.6.
    """
    return _polynomials([[0.9, 0, -0.8], [0.25, 0, 0], [0.15, 0.5, 0], [0.5, -0.2, 0], [0.6, 0, 0]])


def easy_losses() -> Float[Array, "action knot"]:
    """The same, but that what is best for ever, 0.2 − 0.1 u, looks good at first too."""
    return decoy_losses().at[0].set(_polynomials([[0.2, -0.1, 0]])[0])


def alternating_losses() -> Float[Array, "action knot"]:
    """Two actions with a memory of 2: fresh each costs 0.1, repeated 0.9.

    So to alternate is best, and no action is best repeated.
    """
    return jnp.array([[0.1, 0.9], [0.1, 0.9]])


def random_losses(key: PRNGKeyArray, num_actions: int, memory: int) -> Float[Array, "action knot"]:
    """Uniform between 0.2 and 1 at each flat tally, but 0.1 for one action if repeated."""
    loss_key, best_key = jax.random.split(key)
    losses = jax.random.uniform(loss_key, (num_actions, memory), minval=0.2, maxval=1.0)
    best = jax.random.randint(best_key, (), 0, num_actions)
    return losses.at[best, -1].set(0.1)


def shuffled_actions(
    key: PRNGKeyArray, losses: Float[Array, "action knot"]
) -> Float[Array, "action knot"]:
    """The same bandit with its actions in another order, so that no tie falls to the best."""
    return jax.random.permutation(key, losses)


def best_repeated(losses: Float[Array, "action knot"]) -> Int[Array, ""]:
    """The action that costs least if it is repeated, x*."""
    return jnp.argmin(losses[:, -1])


def _polynomials(coefficients: list[list[float]]) -> Float[Array, "action knot"]:
    share = np.arange(1, NUM_KNOTS + 1) / NUM_KNOTS
    powers = share ** np.arange(3)[:, None]
    return jnp.asarray(np.array(coefficients) @ powers, jnp.float32)
