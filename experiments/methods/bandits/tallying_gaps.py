"""Elimination where the gap is as small as the horizon allows: whether its regret grows as √T."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from rlsuite.envs.bandits.tallying import (
    NUM_KNOTS,
    TallyingInstance,
    flat_weights,
    shuffled_actions,
)
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluation import Curve, Curves, curve_of
from rlsuite.experiments.methods.bandits.common import check_horizon, slope
from rlsuite.experiments.methods.bandits.tallying_claims import eliminated
from rlsuite.experiments.methods.bandits.tallying_players import TallyingEvaluationConfig
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Run, Watch, WorldSpec
from rlsuite.experiments.statistics import Estimate, mean_of
from rlsuite.methods.weighted_tallying_bandits import WeightedTallyingBanditsConfig

EVEN = "all actions as often"
NUM_ACTIONS = 5
_WIDTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0)
_LARGEST_GAP = 0.65


class Gaps(NamedTuple):
    """Regrets at gaps of several widths and horizons.

    Attributes:
      curves: of the worst over widths, beside the worst of who plays all actions as often.
      note: about their slope.
      rows: of a table, one for each horizon: the horizon, then by width what regret is in units of
        √(K T ln(2 K T)); none where the gap would be too large.
      widths: of the table's columns.
    """

    curves: Curves
    note: str
    rows: list[tuple[int, list[Estimate | None]]]
    widths: tuple[float, ...] = _WIDTHS


def unit(horizon: int) -> float:
    """What regret is claimed to grow as, √(K T ln(2 K T))."""
    return float(np.sqrt(NUM_ACTIONS * horizon * np.log(2 * NUM_ACTIONS * horizon)))


def gap(width: float, horizon: int) -> float:
    r"""A gap that is no more than the horizon can tell apart for some width c.

    .. math:: c \sqrt{K \ln(2 K T) / T}

    Elimination drops an action at it after :math:`2 T / (K c^2)` samples, of which the horizon has
    T / K of each action: never at c = 1.
    """
    return width * unit(horizon) / horizon


def check_horizons(run: Run, world: WorldSpec | None) -> None:
    """Refuses horizons that can't be played, or in which the smallest of the gaps is too large.

    Raises:
      ConfigError: if there is one.
    """
    del world
    least = next(horizon for horizon in count(1) if gap(_WIDTHS[0], horizon) <= _LARGEST_GAP)
    check_horizon("horizon", run.method.horizon)
    check_horizon("evaluation.horizon", run.evaluation.horizon)
    for horizon in run.evaluation.horizons:
        check_horizon("evaluation.horizons", horizon)
        if horizon < least:
            raise ConfigError(
                f"evaluation.horizons: {horizon} is not allowed; it must be at least {least}, or "
                "gaps are too large"
            )


def gap_losses(size: float) -> Float[Array, "action knot"]:
    """Four actions that always cost 0.75, and one that costs 0.9 fresh and `size` less repeated."""
    table = np.full((NUM_ACTIONS, NUM_KNOTS), 0.75)
    tally = np.arange(1, NUM_KNOTS + 1) / NUM_KNOTS
    table[0] = 0.9 - (0.15 + size) * tally**2
    return jnp.asarray(table, jnp.float32)


def over_gaps(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> Gaps:
    """Regret over T at gaps that shrink with it, and at the worst of them."""
    rows, worst, even = [], [], []
    for horizon in settings.horizons:
        done = watch.begin(f"elimination, gaps at horizon {horizon}")
        widths = [width for width in _WIDTHS if gap(width, horizon) <= _LARGEST_GAP]
        regrets = _regrets(widths, horizon, config, settings.num_gap_games)
        done()
        found = [mean_of(row / unit(horizon)) for row in regrets]
        rows.append((horizon, found + [None] * (len(_WIDTHS) - len(found))))
        place = int(regrets.mean(axis=1).argmax())
        worst.append(regrets[place])
        even.append((1 - 1 / NUM_ACTIONS) * _LARGEST_GAP * horizon)
    curves = Curves(
        f"Regret over the horizon at the worst gap: flat weights, memory {config.memory}",
        "horizon T",
        "regret",
        {
            own: curve_of(settings.horizons, np.stack(worst)),
            EVEN: Curve(list(settings.horizons), *[even] * 3),
        },
    )
    return Gaps(curves, _note(settings.horizons, np.stack(worst)), rows)


def _regrets(
    widths: Sequence[float], horizon: int, config: WeightedTallyingBanditsConfig, num_games: int
) -> Float[np.ndarray, "width game"]:
    tables = jnp.stack([gap_losses(gap(width, horizon)) for width in widths])
    keys = jax.random.split(role_key("bandits of claims"), num_games)
    losses = jax.vmap(jax.vmap(shuffled_actions, (0, None)), (None, 0))(keys, tables)
    losses = losses.reshape(-1, *losses.shape[2:])
    weights = jnp.broadcast_to(flat_weights(config.memory), (len(losses), config.memory))
    found = eliminated(TallyingInstance(losses, weights), config.burn_in, horizon)
    return found.regret.reshape(len(widths), num_games)


def _note(horizons: Sequence[int], worst: Float[np.ndarray, "horizon game"]) -> str:
    if len(set(horizons)) < 2:
        return "One horizon tells no slope."
    value, low, high = slope(np.array(horizons, float), worst)
    units = np.array([unit(horizon) for horizon in horizons])
    claimed = np.polyfit(np.log(horizons), np.log(units), 1)[0]
    return (
        "At the worst gap of each horizon regret grows over T with a slope on logarithmic axes of "
        f"{value:.2f} [{low:.2f}, {high:.2f}], where √(K T ln(2 K T)) has {claimed:.2f}."
    )
