"""The MiniGrid of XLand-MiniGrid behind gymnax's interface; needs the optional extra `xland`."""

import jax.numpy as jnp
from gymnax.environments import spaces

from rlsuite.envs.foreign import ForeignWorld, Rules, Step, as_planes

PACKAGE = "xminigrid"
XLAND_WORLDS = tuple(
    f"MiniGrid-{name}"
    for name in (
        *(f"Empty-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"EmptyRandom-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"DoorKey-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *("FourRooms", "LockedRoom", "Unlock", "UnlockPickUp", "BlockedUnlockPickUp"),
        *(f"MemoryS{size}" for size in (8, 16, 32, 64, 128)),
        "Playground",
    )
)
"""The names of all worlds that `make_xland_world` makes.

XLand's own tasks are drawn from sets of rules that are fetched from the network; they are not here.
"""


def make_xland_world(name: str) -> ForeignWorld:
    """A world of XLand-MiniGrid by its name, one of `XLAND_WORLDS`, seen from where the agent is.

    Observations are `[height, width, plane]`: a plane of zeros and ones for each tile and colour.

    Raises:
      ModuleNotFoundError: if XLand-MiniGrid is not installed.
    """
    import xminigrid
    from xminigrid.core.constants import NUM_COLORS, NUM_TILES

    within, params = xminigrid.make(name)
    kinds = (NUM_TILES, NUM_COLORS)

    def step(key, timestep, action):
        del key  # Steps draw nothing.
        after = within.step(params, timestep, action)
        return Step(observe(after), after, after.reward, after.discount == 0)

    def observe(timestep):
        return as_planes(timestep.observation, kinds)

    height, width, _ = within.observation_shape(params)
    return ForeignWorld(
        name,
        Rules(reset=lambda key: within.reset(params, key), step=step, observe=observe),
        observations=spaces.Box(0, 1, (height, width, sum(kinds)), jnp.float32),
        actions=spaces.Discrete(within.num_actions(params)),
        max_steps=params.max_steps,
    )
