"""MuJoCo Playground's control suite behind gymnax's interface; needs the extra `playground`."""

from collections.abc import Mapping

import jax.numpy as jnp
from gymnax.environments import spaces

from rlsuite.envs.foreign import ForeignWorld, Rules, Step, any_numbers

PACKAGE = "mujoco_playground"
SUFFIX = "-playground"
TASKS = (
    *("AcrobotSwingup", "AcrobotSwingupSparse", "BallInCup"),
    *("CartpoleBalance", "CartpoleBalanceSparse", "CartpoleSwingup", "CartpoleSwingupSparse"),
    *("CheetahRun", "FingerSpin", "FingerTurnEasy", "FingerTurnHard", "FishSwim"),
    *("HopperHop", "HopperStand", "HumanoidStand", "HumanoidWalk", "HumanoidRun"),
    *("PendulumSwingup", "PointMass", "ReacherEasy", "ReacherHard", "SwimmerSwimmer6"),
    *("WalkerRun", "WalkerStand", "WalkerWalk"),
)
PLAYGROUND_WORLDS = tuple(task + SUFFIX for task in TASKS)
"""The names of all worlds that `make_playground_world` makes.

Those of its robots fetch their models from the network; they are not here.
"""


def make_playground_world(name: str) -> ForeignWorld:
    """A task of MuJoCo Playground by its name, one of `PLAYGROUND_WORLDS`.

    Physics are MJX's in JAX, which every device has. Actions are bounded by ±1, to which they are
    clipped. Where a task tells critics more than policies, that is the transition's `extra`.

    Raises:
      ModuleNotFoundError: if MuJoCo Playground is not installed.
    """
    from mujoco_playground import registry

    task = name.removesuffix(SUFFIX)
    within = registry.load(task, config_overrides={"impl": "jax"})

    def step(key, state, action):
        del key  # A state has one of its own.
        after = within.step(state, jnp.clip(action, -1, 1))
        extra = after.obs if isinstance(after.obs, Mapping) else ()
        return Step(observe(after), after, after.reward, after.done > 0, extra)

    def observe(state):
        return state.obs["state"] if isinstance(state.obs, Mapping) else state.obs

    size = within.observation_size
    return ForeignWorld(
        name,
        Rules(reset=within.reset, step=step, observe=observe),
        observations=any_numbers(size["state"][0] if isinstance(size, Mapping) else size),
        actions=spaces.Box(-1, 1, (within.action_size,), jnp.float32),
        max_steps=registry.get_default_config(task).episode_length,
    )
