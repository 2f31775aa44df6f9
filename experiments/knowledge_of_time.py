"""Whether what is told of time tells the lifetimes of training apart."""

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.specs import WorldSpec
from rlsuite.objectives.objective import TimeConfig


def check_known_time(name: str, config: TimeConfig, world: WorldSpec) -> None:
    """Checks that no lifetime of training is told as another one, as `unit` does beyond its range.

    Args:
      name: of the field that holds the configuration.
      config: what is told of time.
      world: its lifetimes are those of training.

    Raises:
      ConfigError: if one is.
    """
    if config.time != "progress_and_lifetime" or config.time_scale != "unit":
        return
    shortest, longest = world.lifetime_range
    told = config.shortest_lifetime, config.longest_lifetime
    for which, value, is_allowed, allowed in (
        ("shortest", told[0], told[0] <= shortest, f"at most {shortest}"),
        ("longest", told[1], told[1] >= longest, f"at least {longest}"),
    ):
        if not is_allowed:
            raise ConfigError(
                f"{name}.{which}_lifetime: {value} is not allowed; it must be {allowed}, the "
                f"{which} lifetime of training"
            )
