"""What a test of learners at last-switch-dependent bandits can't be made with."""

from collections.abc import Sequence
from dataclasses import replace

from rlsuite.envs.bandits.last_switch import SwitchStates, spike
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.bandits.common import check_horizon
from rlsuite.experiments.methods.bandits.last_switch_players import NAMED_STATES, PLANNED
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, exploration


def check_test(run: Run, world: WorldSpec | None) -> None:
    """Refuses games that are too short for what the test plays in them.

    Raises:
      ConfigError: if one is.
    """
    del world
    config, settings = run.method, run.evaluation
    check_horizon("horizon", config.horizon)
    _check_horizons(config, settings.horizons)
    _check_planned(settings.planned, config.num_repeats)
    _check_num_rounds(config, settings.num_rounds)


def _check_horizons(config: LSDBanditsConfig, horizons: Sequence[int]) -> None:
    """That fresh learners will see every state."""
    for horizon in horizons:
        check_horizon("evaluation.horizons", horizon)
        try:
            _ = replace(config, horizon=horizon).player
        except ValueError as error:
            text = str(error).replace("horizon:", "evaluation.horizons:", 1)
            wanted = "" if config.num_repeats is None else ", or num_repeats be fewer"
            raise ConfigError(f"{text}{wanted}") from error


def _check_planned(names: Sequence[str], num_repeats: int | None) -> None:
    """That learners who visit every state so often can do so within each of these horizons."""
    for name in names:
        (states, table), horizon, _ = PLANNED[name]
        most = horizon // exploration(len(table), states, horizon, 1).num_rounds
        if num_repeats is not None and num_repeats > most:
            raise ConfigError(
                f"num_repeats: {num_repeats} is not allowed; it must be at most {most}, or "
                f"evaluation.planned without '{name}', which has {horizon} rounds"
            )


def _check_num_rounds(config: LSDBanditsConfig, num_rounds: int) -> None:
    """That all cycles have begun in the second half of the planner's rounds, wherever it plays."""
    drawn = SwitchStates(config.num_plays, config.num_rests)
    every = drawn, spike().states, NAMED_STATES
    least = 2 * max(states.num_plays + states.num_rests for states in every)
    if num_rounds < least:
        raise ConfigError(
            f"evaluation.num_rounds: {num_rounds} is not allowed; it must be at least {least}, or "
            f"not all cycles have begun, with num_plays {config.num_plays} and num_rests "
            f"{config.num_rests}"
        )
