"""Values along a rollout, and how wrong they are."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from rlsuite.rollout import Memory
from rlsuite.selection import map_selected


class Judgement(NamedTuple):
    """What an agent thinks of where it is: its value, and what it remembers with that in view."""

    value: Float[Array, "*batch"]
    memory: Memory


def values_of_next(
    values: Float[Array, "time *batch"],
    truncated: Bool[Array, "time *batch"],
    value: Callable[[Memory, PyTree], Float[Array, ""]],
    memories: Memory,
    next_observations: PyTree,
) -> Float[Array, "time *batch"]:
    r"""The value of what each step of a rollout led to, without asking for all of them.

    What a step led to is what the next one starts from, so that its value is known,

    .. math:: V(s'_t) = V(s_{t+1}),

    but for steps that were cut by a limit and the last ones: these are asked for, as many at a time
    as the batch has, which is seldom more than once or twice. Where an episode terminated, whose
    next value nobody reads, it is that of the next episode.

    Args:
      values: of the observations that were acted on.
      truncated: whether a limit cut the episode at each step.
      value: `(memory, observation) -> value` of one.
      memories: after each step, before any is lost as episodes end.
      next_observations: what the steps led to, before any automatic reset.
    """
    shape, number = values.shape, values[-1].size

    def each_step(leaf):
        return leaf.reshape(values.size, *leaf.shape[len(shape) :])

    known = jnp.concatenate([values[1:], values[-1:]])
    asked = truncated.at[-1].set(True)
    led_to = jax.tree.map(each_step, (memories, next_observations))
    return map_selected(value, asked.ravel(), led_to, known.ravel(), group_size=number).reshape(
        shape
    )


def value_error(
    values: Float[Array, "*batch"],
    targets: Float[Array, "*batch"],
    advantages: Float[Array, "*batch"],
    clip: float | None = None,
) -> Float[Array, ""]:
    r"""The mean squared error of values, pessimistic where they have left those of the rollout.

    .. math::
        E[\max((V - \hat R)^2, (V_c - \hat R)^2)], \qquad
        V_c = V_\text{old} + \text{clip}(V - V_\text{old}, -\epsilon, \epsilon)

    as in public code of PPO; without a clip :math:`E[(V - \hat R)^2]`.

    Args:
      values: of the critic as it is now.
      targets: :math:`\hat R = \hat A + V_\text{old}`.
      advantages: :math:`\hat A`.
      clip: :math:`\epsilon`.
    """
    error = jnp.square(values - targets)
    if clip is None:
        return error.mean()
    old = targets - advantages
    near = old + jnp.clip(values - old, -clip, clip)
    return jnp.maximum(error, jnp.square(near - targets)).mean()
