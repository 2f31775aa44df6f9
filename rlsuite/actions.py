"""Distributions over the actions of a world, discrete or in a box."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array

from rlsuite.rollout import Policy, memoryless


def _action_space(world: Environment) -> spaces.Discrete | spaces.Box:
    # Bounds of some worlds are arrays of JAX's, which must be there even where this is traced.
    with jax.ensure_compile_time_eval():
        space = world.action_space(world.default_params)
    is_box = isinstance(space, spaces.Box) and jnp.issubdtype(space.dtype, jnp.floating)
    if not is_box and not isinstance(space, spaces.Discrete):
        raise ValueError(
            f"actions: {space} of {world.name} are not allowed; they must be discrete or a box of "
            "real numbers"
        )
    return space


class Actions(NamedTuple):
    """How a world's actions follow from numbers.

    Attributes:
      num_outputs: how many numbers a distribution is read from.
      parameters: initial ones of its own, which no observation changes, by name.
      distribution: `(parameters, numbers) -> distribution`, over any leading axes.
    """

    num_outputs: int
    parameters: dict[str, np.ndarray]
    distribution: Callable[[dict[str, Any], Array], distrax.Distribution]


def actions_of(world: Environment) -> Actions:
    """How the actions of a world follow from numbers, as `make_actor` says.

    Raises:
      ValueError: if they are neither discrete nor a box of real numbers.
    """
    space = _action_space(world)
    if isinstance(space, spaces.Discrete):
        return Actions(space.n, {}, lambda _, logits: distrax.Categorical(logits))
    shape = tuple(space.shape)
    centre, half_width = _centre_and_half_width(space)

    def normal(parameters, outputs):
        mean = outputs.reshape(*outputs.shape[:-1], *shape)
        deviation = jnp.exp(parameters["log_deviation"])
        return distrax.Independent(
            distrax.Normal(centre + half_width * mean, half_width * deviation),
            reinterpreted_batch_ndims=len(shape),
        )

    return Actions(math.prod(shape), {"log_deviation": np.zeros(shape, np.float32)}, normal)


def _centre_and_half_width(space: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    low, high = (
        np.broadcast_to(np.asarray(bound, np.float32), space.shape)
        for bound in (space.low, space.high)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        centre, half_width = (low + high) / 2, (high - low) / 2
    # The width overflows as well where bounds are the largest numbers there are.
    bounded = np.isfinite(half_width)
    return np.where(bounded, centre, 0).astype(np.float32), np.where(bounded, half_width, 1).astype(
        np.float32
    )


def random_policy(world: Environment) -> Policy:
    """Acts at random, whatever it sees: uniformly over a world's actions.

    In a box without bounds it is uniform between -1 and 1. Observations have one leading axis.

    Args:
      world: its default parameters give the actions.

    Raises:
      ValueError: if actions are neither discrete nor a box of real numbers.
    """
    space = _action_space(world)

    def act(observation):
        num_workers = len(jax.tree.leaves(observation)[0])
        if isinstance(space, spaces.Discrete):
            return distrax.Categorical(jnp.zeros((num_workers, space.n)))
        bounds = np.broadcast_to(half_width, (num_workers, *space.shape))
        return distrax.Independent(
            distrax.Uniform(centre - bounds, centre + bounds),
            reinterpreted_batch_ndims=len(space.shape),
        )

    if isinstance(space, spaces.Box):
        centre, half_width = _centre_and_half_width(space)
    return memoryless(act)
