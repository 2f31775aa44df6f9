"""Values along a rollout, and how wrong they are."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from rlsuite.rollout import Memory


def values_of_next(
    values: Float[Array, "time *batch"],
    truncated: Bool[Array, "time *batch"],
    value: Callable[[Memory, PyTree], Float[Array, " sample"]],
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
      value: `(memory, observation) -> value`, over a leading axis.
      memories: after each step, before any is lost as episodes end.
      next_observations: what the steps led to, before any automatic reset.
    """
    (*shape,), number = values.shape, values[-1].size
    asked = truncated.at[-1].set(True).ravel()
    (places,) = jnp.nonzero(asked, size=asked.size, fill_value=asked.size)
    count = asked.sum()
    led_to = jax.tree.map(
        lambda leaf: leaf.reshape(asked.size, *leaf.shape[len(shape) :]),
        (memories, next_observations),
    )

    def ask(carry):
        first, known = carry
        place = jnp.take(places, first + jnp.arange(number), mode="fill", fill_value=asked.size)
        found = value(*(_at(place, part) for part in led_to))
        return first + number, known.at[place].set(found, mode="drop")

    known = jnp.concatenate([values[1:], values[-1:]]).ravel()
    return jax.lax.while_loop(lambda carry: carry[0] < count, ask, (0, known))[1].reshape(shape)


def _at(place: Int[Array, " sample"], tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jnp.take(leaf, place, axis=0, mode="clip"), tree)


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
