"""What a bandit is: a world without observations, in which each play pays at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

Instance = Any
"""What differs between bandits of one kind, such as a table of payoffs: a pytree."""
BanditState = Any
"""What a bandit remembers of the plays so far: a pytree."""
Action = Int[Array, ""]
Noise = Callable[[PRNGKeyArray, Float[Array, ""]], Float[Array, ""]]
"""`(key, mean) -> payoff`, what is observed where payoffs have a mean."""


class Payoff(NamedTuple):
    """What a play pays, between 0 and 1.

    Attributes:
      observed: what the player is told.
      mean: its expected value before the draw, which players aren't told: regret counts it.
    """

    observed: Float[Array, "*batch"]
    mean: Float[Array, "*batch"]


class Bandit(NamedTuple):
    """A kind of bandit as two pure functions.

    Attributes:
      num_actions: actions are 0 … num_actions − 1.
      init: `instance -> state` before anything was played.
      pull: `(key, instance, state, action) -> (state, payoff)`.
    """

    num_actions: int
    init: Callable[[Instance], BanditState]
    pull: Callable[[PRNGKeyArray, Instance, BanditState, Action], tuple[BanditState, Payoff]]


class Graph(NamedTuple):
    """A bandit with so few states that they can be listed: what follows, and what it pays in mean.

    Where plays lead is certain; only payoffs are drawn.
    """

    successors: Int[Array, "state action"]
    payoffs: Float[Array, "state action"]


def bernoulli(key: PRNGKeyArray, mean: Float[Array, ""]) -> Float[Array, ""]:
    """1 with probability `mean`, else 0."""
    return (jax.random.uniform(key) < mean).astype(jnp.float32)


def noiseless(key: PRNGKeyArray, mean: Float[Array, ""]) -> Float[Array, ""]:
    """The mean itself."""
    del key
    return mean
