"""What a test of learners at last-switch-dependent bandits can't be made with."""

from collections.abc import Sequence
from dataclasses import replace

from rlsuite.envs.bandits.last_switch import SwitchStates, spike
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.bandits.last_switch_blocks import PLANNED
from rlsuite.experiments.methods.bandits.last_switch_players import PlannedName
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, exploration


def check_test(run: Run, world: WorldSpec | None) -> None:
    """Refuses games that are too short for what the test plays in them.

    Raises:
      ConfigError: if one is.
    """
    del world
    config, settings = run.method, run.evaluation
    _check_horizons(config, settings.horizons)
    _check_planned(settings.planned, config.num_repeats)
    _check_num_rounds(config, settings.num_rounds)


def _check_horizons(config: LSDBanditsConfig, horizons: Sequence[int]) -> None:
    """That fresh learners will see every state."""
    for horizon in horizons:
        try:
            _ = replace(config, horizon=horizon).player
        except ValueError as error:
            text = str(error).replace("horizon:", "evaluation.horizons:", 1)
            raise ConfigError(text) from error


def _check_planned(names: Sequence[PlannedName], num_repeats: int | None) -> None:
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
    """That some of the planner's rounds count wherever it plays by itself."""
    drawn = SwitchStates(config.num_plays, config.num_rests)
    least = 1 + max(states.num_plays + states.num_rests for states in (drawn, spike().states))
    if num_rounds < least:
        raise ConfigError(
            f"evaluation.num_rounds: {num_rounds} is not allowed; it must be at least {least}, or "
            "not all cycles have begun"
        )
