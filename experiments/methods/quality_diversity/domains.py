"""What searches can be sent to: worlds that say where they are and what has paid."""

import jax

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.specs import WorldSpec
from rlsuite.quality_diversity.domain import ControllerConfig, Domain, in_world
from rlsuite.rollout import Level

_NEEDED = ("num_areas", "position_range", "position", "image", "highest_rewards")


def level_of(world: WorldSpec) -> Level:
    """The level of a world that key 0 draws."""
    return world.sample_task(jax.random.key(0)).level


def domain_of(
    world: WorldSpec,
    controller: ControllerConfig,
    *,
    num_moments: int = 1,
    image_size: int = 32,
) -> Domain:
    """The episodes of small networks in a world.

    Args:
      world: where they act.
      controller: the networks.
      num_moments: at how many moments there are images.
      image_size: rows and columns of an image.

    Raises:
      ConfigError: if the world isn't one with sparse areas that pay.
    """
    if not all(hasattr(world.world, name) for name in _NEEDED):
        raise ConfigError(
            f"tasks: {world.name!r} is not allowed; it must be a world that says where it is and "
            "which area has paid, as SparsePoint-v0 and RedundantArm-v0 do"
        )
    return in_world(
        world.world,
        level_of(world),
        controller,
        num_moments=num_moments,
        image_size=image_size,
    )
