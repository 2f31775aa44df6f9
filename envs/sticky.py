"""Sticky actions: now and then a world does again what it was told before."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.envs.wrapper import StateWrapper, WrappedState

NO_ACTION = -1
"""What was done before an episode's first step."""


@struct.dataclass
class StickyState(WrappedState):
    """The state of the world within, and what it was made to do last."""

    world: Any
    action: Int[Array, ""]


class StickyWorld(StateWrapper):
    """A world that now and then repeats its last action (Machado et al., arXiv 1709.06009).

    What repeats is what was done, be it asked for or repeated itself. An episode's first action is
    done as it is.

    Args:
        world: The world within, of discrete actions.
        probability: That an action is replaced by the last one.

    Raises:
        ValueError: If it is no probability.
    """

    def __init__(self, world: Environment, probability: float = 0.25):
        if not 0 <= probability <= 1:
            raise ValueError(
                f"probability: {probability} is not allowed; it must be between 0 and 1"
            )
        super().__init__(world)
        self.probability = probability

    def step_env(
        self, key: PRNGKeyArray, state: StickyState, action: ArrayLike, params: Any
    ) -> tuple[PyTree, StickyState, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, by this action or the last."""
        sticky_key, step_key = jax.random.split(key)
        sticks = jax.random.bernoulli(sticky_key, self.probability) & (state.action != NO_ACTION)
        done = jnp.where(sticks, state.action, jnp.asarray(action, jnp.int32))
        seen, within, *rest = self.world.step_env(step_key, state.world, done, params)
        return seen, StickyState(within, done), *rest

    def reset_env(self, key: PRNGKeyArray, params: Any) -> tuple[PyTree, StickyState]:
        """Starts an episode of the world within."""
        seen, within = self.world.reset_env(key, params)
        return seen, StickyState(within, jnp.int32(NO_ACTION))
