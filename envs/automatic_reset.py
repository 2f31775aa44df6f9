"""Episodes that begin anew by themselves, in worlds whose states say all that is seen of them."""

from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree


def step_and_reset(
    world: Environment,
    step_key: PRNGKeyArray,
    reset_key: PRNGKeyArray,
    state: Any,
    action: ArrayLike,
    level: Any,
) -> tuple[PyTree, Any, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
    """Gymnax's step, with a view of the state that it comes to.

    Gymnax itself makes the views before and after a reset and chooses between them, which takes as
    long as the rest of a step where a view is large. Here the one before is not made in a compiled
    program that doesn't read it. No key is split either, which takes as long again.

    Args:
        world: Its observations are `get_obs(state, level)`.
        step_key: Randomness of the step; one key serves both where neither draws anything.
        reset_key: Randomness of the next episode's start.
        state: Before the step.
        action: What is done.
        level: Its parameters.

    Returns:
        The observation and the state (both after the reset, if there was one), the reward, whether
        the episode terminated, whether it was truncated, and gymnax's dictionary: what the world's
        step has in it, both of these, and "final_observation", the one before the reset.
    """
    final_observation, stepped, reward, terminated, info = world.step_env(
        step_key, state, action, level
    )
    truncated = world.is_truncated(stepped, level)
    ended = terminated | truncated
    _, started = world.reset_env(reset_key, level)
    state = jax.tree.map(lambda new, old: jnp.where(ended, new, old), started, stepped)
    info = {
        **info,
        "terminated": terminated,
        "truncated": truncated,
        "final_observation": final_observation,
    }
    return world.get_obs(state, level), state, reward, terminated, truncated, info
