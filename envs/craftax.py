"""Craftax behind gymnax's interface; needs the optional extra `craftax`."""

import jax.numpy as jnp
from gymnax.environments import spaces

from rlsuite.envs.foreign import ForeignWorld, Rules, Step

PACKAGE = "craftax"
CRAFTAX_WORLDS = (
    "Craftax-Symbolic-v1",
    "Craftax-Pixels-v1",
    "Craftax-Classic-Symbolic-v1",
    "Craftax-Classic-Pixels-v1",
)
"""The names of all worlds that `make_craftax_world` makes."""

_NEVER = int(jnp.iinfo(jnp.int32).max)


def make_craftax_world(name: str) -> ForeignWorld:
    """A world of Craftax by its name, one of `CRAFTAX_WORLDS`.

    Craftax calls its time limit an end, and resets itself; neither is so here.

    Raises:
      ModuleNotFoundError: if Craftax is not installed.
    """
    from craftax.craftax_env import make_craftax_env_from_name

    within = make_craftax_env_from_name(name, auto_reset=False)
    usual = within.default_params
    params = usual.replace(max_timesteps=_NEVER)

    def step(key, state, action):
        observation, after, reward, terminated, _ = within.step_env(key, state, action, params)
        return Step(observation, after, reward, terminated)

    shape = within.observation_space(params).shape
    return ForeignWorld(
        name,
        Rules(
            reset=lambda key: within.reset_env(key, params)[1], step=step, observe=within.get_obs
        ),
        observations=spaces.Box(0, 1, shape, jnp.float32),
        actions=spaces.Discrete(within.num_actions),
        max_steps=usual.max_timesteps,
    )
