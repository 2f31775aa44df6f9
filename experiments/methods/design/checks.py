"""What is refused of students before anything is trained."""

from collections.abc import Callable
from functools import partial
from typing import Any

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.design.drawn import levels_drawn, read_drawings
from rlsuite.experiments.methods.design.kinds import kinds_named
from rlsuite.experiments.methods.design.random_levels import check_random_levels
from rlsuite.experiments.ppo_settings import check_mini_batches
from rlsuite.experiments.specs import Run, WorldSpec, required


def check_students(run: Run, world: WorldSpec | None) -> None:
    """Refuses lifetimes, which would change nothing, and tests that can't be made.

    Raises:
      ConfigError: if there are any.
    """
    for field in ("min_lifetime", "max_lifetime"):
        if (lifetime := getattr(run, field)) is not None:
            raise ConfigError(
                f"{field}: {lifetime} is not allowed; a student lives as long as the run, --steps"
            )
    world = required(world)
    check_random_levels(world, run.evaluation.num_levels)
    kinds_named(world, run.evaluation.kinds)
    if run.evaluation.mazes is not None:
        levels_drawn(world, read_drawings(run.evaluation.mazes))


def checked(run: Run, world: WorldSpec | None) -> WorldSpec:
    """The world of a student's life, once it is clear that it can live there.

    Raises:
      ConfigError: if it can't.
    """
    config, world = run.method, required(world)
    check_mini_batches("ppo", config.ppo, config.life, config.student)
    check_network(partial(config.life_in, world.world), "student", "ppo", "tasks")
    return world


def check_network(make: Callable[[], Any], network: str, ppo: str, rest: str) -> None:
    """Checks that somebody can live somewhere.

    Args:
      make: a life.
      network: the field of its network.
      ppo: that of how it learns.
      rest: that of all else.

    Raises:
      ConfigError: if it can't.
    """
    try:
        make()
    except ValueError as error:
        parts = {"num_filters": network, "normalise_observations": ppo}
        raise ConfigError(f"{parts.get(str(error).split(':')[0], rest)}.{error}") from error
