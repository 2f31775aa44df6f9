"""Navix's MiniGrid behind gymnax's interface; needs the optional extra `navix`."""

import jax.numpy as jnp
from gymnax.environments import spaces

from rlsuite.envs.foreign import ForeignWorld, Rules, Step, as_planes

PACKAGE = "navix"
NAVIX_WORLDS = tuple(
    f"Navix-{name}-v0"
    for name in (
        *(f"Empty-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"Empty-Random-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"DoorKey-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"DoorKey-Random-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        "FourRooms",
        *(f"KeyCorridor{size}" for size in ("S3R1", "S3R2", "S3R3", "S4R3", "S5R3", "S6R3")),
        *(f"LavaGapS{size}" for size in (5, 6, 7)),
        *(f"SimpleCrossing{size}" for size in ("S9N1", "S9N2", "S9N3", "S11N5")),
        *(f"Dynamic-Obstacles-{size}" for size in ("5x5", "6x6", "8x8", "16x16")),
        *(f"Dynamic-Obstacles-{size}-Random" for size in ("5x5", "6x6")),
        *(f"DistShift{number}" for number in (1, 2)),
    )
)
"""The names of all worlds that `make_navix_world` makes: navix's, but for those with a mission.

What is asked for in those (`GoToDoor`) is not part of what agents see.
"""

KINDS = (11, 6, 4)
"""Kinds of things, their colours, and their states or directions."""


def make_navix_world(name: str) -> ForeignWorld:
    """A world of navix by its name, one of `NAVIX_WORLDS`, seen as a whole.

    Observations are `[height, width, plane]`: a plane of zeros and ones for each kind of thing,
    colour and state, in place of the numbers that MiniGrid gives them.

    Raises:
      ModuleNotFoundError: if navix is not installed.
    """
    import navix

    within = navix.make(name, observation_fn=navix.observations.symbolic)

    def bare(state):
        # Sprites are for pictures alone, and every worker would have its own.
        return state.replace(cache=None)

    def step(key, state, action):
        after = within.transitions_fn(state.replace(key=key), action, within.action_set)
        return Step(
            observation=observe(after),
            inner=after,
            reward=within.reward_fn(state, action, after),
            terminated=within.termination_fn(state, action, after),
        )

    def observe(state):
        return as_planes(navix.observations.symbolic(state), KINDS)

    return ForeignWorld(
        name,
        Rules(reset=lambda key: bare(within.reset(key).state), step=step, observe=observe),
        observations=spaces.Box(0, 1, (within.height, within.width, sum(KINDS)), jnp.float32),
        actions=spaces.Discrete(len(within.action_set)),
        max_steps=within.max_steps,
    )
