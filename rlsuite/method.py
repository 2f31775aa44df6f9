"""The one shape every learning system in the suite has: two pure functions over one state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, PRNGKeyArray

State = Any
Metrics = dict[str, Array]


class Method(NamedTuple):
    """A learning system as two pure functions over one pytree of state.

    The state holds everything that changes: meta-parameters, optimisers, agents, worlds, level
    buffer and the key. So a run is `scan(step)`, many seeds are `vmap(init)` and `vmap(step)`,
    and saving the state saves the run.

    Attributes:
      init: `key -> state`.
      step: `state -> (state, metrics)`. Metrics are scalars; NaN says "nothing to report in this
        step", so that averages over steps must leave it out (`jnp.nanmean`).
    """

    init: Callable[[PRNGKeyArray], State]
    step: Callable[[State], tuple[State, Metrics]]


def train(method: Method, num_steps: int) -> Callable[[PRNGKeyArray], tuple[State, Metrics]]:
    """A whole training run as one function of its key, to `jit`, `vmap` or import.

    Args:
      method: what to run.
      num_steps: how many steps of the method.

    Returns:
      `key -> (final state, metrics)`, where each metric has a leading axis of `num_steps`.

    Raises:
      ValueError: if `num_steps` is below 1.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps: {num_steps} is not allowed; it must be at least 1")

    def run(key: PRNGKeyArray) -> tuple[State, Metrics]:
        return jax.lax.scan(lambda state, _: method.step(state), method.init(key), length=num_steps)

    return run
