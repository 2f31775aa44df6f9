"""Observations as vectors of numbers: states by their number become one-hot."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from jaxtyping import Array, Float, Int, PyTree


def flatten_space(space: Any) -> spaces.Box:
    """The box of what `flatten` makes of a space's observations.

    Spaces are known by their attributes, so that those of other packages are served as gymnax's
    are: `n` says how many states there are, `nvec` or `num_categories` say it for several numbers,
    `spaces` are parts, and all else is an array of a `shape`, between `low` and `high` if it says.

    Raises:
      ValueError: if a space is none of these.
    """
    parts = parts_of_space(space)
    if parts is not None:
        boxes = [flatten_space(part) for part in parts.values()]
        low = jnp.concatenate([jnp.zeros(0), *(box.low for box in boxes)])
        high = jnp.concatenate([jnp.zeros(0), *(box.high for box in boxes)])
        return spaces.Box(low, high, low.shape, jnp.float32)
    numbers = state_numbers(space)
    if numbers is not None:
        size = int(numbers.counts.sum())
        return spaces.Box(jnp.zeros(size), jnp.ones(size), (size,), jnp.float32)
    if not is_array(space):
        raise ValueError(
            f"observations: {space} is not allowed; it must be an array of numbers, numbers of "
            "states, or several of these"
        )
    low, high = (
        jnp.broadcast_to(jnp.asarray(bound, jnp.float32), space.shape).reshape(-1)
        for bound in (getattr(space, "low", -jnp.inf), getattr(space, "high", jnp.inf))
    )
    return spaces.Box(low, high, low.shape, jnp.float32)


def flatten(space: Any, observation: PyTree) -> Float[Array, "*batch number"]:
    """An observation as one vector, over any leading axes.

    Numbers of states are one-hot, one after the other; arrays have their axes made one; parts of an
    observation follow each other in their space's order.

    Args:
      space: what `flatten_space` takes.
      observation: of this space, with leading axes or without.
    """
    parts = parts_of_space(space)
    if parts is not None:
        vectors = [flatten(part, part_of(observation, name)) for name, part in parts.items()]
        return jnp.concatenate(vectors, axis=-1)
    observation, numbers = jnp.asarray(observation), state_numbers(space)
    rank = len(space.shape if numbers is None else numbers.counts.shape)
    batch = observation.shape[: observation.ndim - rank]
    size = int(np.prod(observation.shape[len(batch) :], dtype=int))
    flat = observation.reshape(*batch, size)
    if numbers is None:
        return flat.astype(jnp.float32)
    # One comparison for each number that any of them may be: no loop over what may be many.
    counts = numbers.counts.reshape(-1)
    owner = np.repeat(np.arange(counts.size), counts)
    values = (
        np.concatenate([np.arange(count) for count in counts]) + numbers.start.reshape(-1)[owner]
    )
    return (flat[..., owner] == values).astype(jnp.float32)


def can_flatten(space: Any) -> bool:
    """Whether a space is what `flatten_space` takes."""
    parts = parts_of_space(space)
    if parts is not None:
        return all(map(can_flatten, parts.values()))
    return is_array(space) or state_numbers(space) is not None


def is_array(space: Any) -> bool:
    """Whether a space is of arrays whose numbers are amounts, not numbers of states."""
    return isinstance(getattr(space, "shape", None), tuple) and state_numbers(space) is None


class StateNumbers(NamedTuple):
    """How many states each number counts, and the first of them; both of the numbers' shape."""

    counts: Int[np.ndarray, "*shape"]
    start: Int[np.ndarray, "*shape"]


def state_numbers(space: Any) -> StateNumbers | None:
    """What numbers of states a space has; none if it is another space."""
    counts = getattr(space, "nvec", getattr(space, "num_categories", None))
    if counts is None and getattr(space, "shape", None) == ():
        counts = getattr(space, "n", None)
    if counts is None:
        return None
    counts = np.asarray(counts, int)
    return StateNumbers(counts, np.broadcast_to(getattr(space, "start", 0), counts.shape))


def part_of(observation: PyTree, name: Any) -> PyTree:
    """A part of an observation by its name in the space: a key, a place or an attribute."""
    is_indexed = isinstance(observation, Mapping) or isinstance(name, int)
    return observation[name] if is_indexed else getattr(observation, name)


def parts_of_space(space: Any) -> Mapping[Any, Any] | None:
    """Spaces of the parts of an observation, by name or place; none if it has none."""
    parts = getattr(space, "spaces", None)
    if isinstance(parts, Mapping):
        return parts
    return dict(enumerate(parts)) if isinstance(parts, Sequence) else None
