"""Brax's tasks behind gymnax's interface; needs the optional extra `brax`."""

import jax.numpy as jnp
from gymnax.environments import spaces

from rlsuite.envs.foreign import ForeignWorld, Rules, Step, any_numbers

PACKAGE = "brax"
SUFFIX = "-brax"
TASKS = (
    "ant",
    "halfcheetah",
    "hopper",
    "humanoid",
    "humanoidstandup",
    "inverted_double_pendulum",
    "inverted_pendulum",
    "pusher",
    "reacher",
    "swimmer",
    "walker2d",
)
BRAX_WORLDS = tuple(task + SUFFIX for task in TASKS)
"""The names of all worlds that `make_brax_world` makes."""


def make_brax_world(name: str) -> ForeignWorld:
    """A task of brax by its name, one of `BRAX_WORLDS`, with brax's usual limit of 1000 steps.

    Actions are bounded by ±1, to which they are clipped.

    Raises:
      ModuleNotFoundError: if brax is not installed.
    """
    from brax import envs as brax_envs

    within = brax_envs.get_environment(name.removesuffix(SUFFIX))

    def step(key, state, action):
        del key  # Tasks draw nothing as they go.
        after = within.step(state, jnp.clip(action, -1, 1))
        return Step(after.obs, after, after.reward, after.done > 0)

    return ForeignWorld(
        name,
        Rules(reset=within.reset, step=step, observe=lambda state: state.obs),
        observations=any_numbers(within.observation_size),
        actions=spaces.Box(-1, 1, (within.action_size,), jnp.float32),
        max_steps=1000,
    )
