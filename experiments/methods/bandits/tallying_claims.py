"""What is claimed of elimination with burn-in, measured by fresh games."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from rlsuite.bandits.dynamic_programming import best_total
from rlsuite.bandits.players import successive_elimination
from rlsuite.compiling import jit
from rlsuite.envs.bandits.tallying import (
    TallyingInstance,
    alternating_losses,
    best_repeated,
    decoy_losses,
    flat_weights,
    tallying_bandit,
    tallying_graph,
)
from rlsuite.experiments.evaluation import Curves, curve_of
from rlsuite.experiments.level_sets import HELD_OUT_SEED
from rlsuite.experiments.methods.bandits.common import (
    Course,
    Games,
    each_instance,
    play_all,
    played,
    rounds_of,
    slope,
    whole_course,
)
from rlsuite.experiments.methods.bandits.tallying_players import (
    TallyingEvaluationConfig,
    benchmarks,
    players,
)
from rlsuite.experiments.specs import Watch
from rlsuite.methods.weighted_tallying_bandits import WeightedTallyingBanditsConfig

_STRIP = 720
_SHORT_MEMORY = 50
_GAP = 2.0


class Measured(NamedTuple):
    """Curves, and sentences about them."""

    curves: list[Curves]
    notes: list[str]


class Outcome(NamedTuple):
    """Of elimination in some games: regret, and whether the best action was dropped."""

    regret: Float[np.ndarray, " game"]
    lost_the_best: Bool[np.ndarray, " game"]


def eliminated(
    losses: Float[Array, "action knot"],
    memory: int,
    burn_in: int,
    horizon: int,
    num_games: int,
) -> Outcome:
    """Elimination at one bandit of flat weights, against the best action repeated."""
    instance = TallyingInstance(losses, flat_weights(memory))
    instances = jax.tree.map(lambda leaf: leaf[None], instance)
    number = losses.shape[0]
    games = whole_course(jax.random.key(HELD_OUT_SEED + burn_in), num_games, horizon)
    player = successive_elimination(number, horizon, burn_in)
    payoffs, after = played(tallying_bandit(number, memory), player, instances, games)
    best = int(best_repeated(instance.losses))
    missed = benchmarks(instances)[0] - payoffs[:, 0].mean(axis=0)
    return Outcome(missed * games.num_rounds, ~np.asarray(after.is_active)[:, best])


def measured(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> Measured:
    """How regret depends on burn-in, memory and horizon, and what broken assumptions cost."""
    over_burn_ins, rise = _over_burn_ins(own, config, settings, watch)
    over_memories = _over_memories(own, settings, watch)
    over_horizons, exponent = _over_horizons(own, config, settings, watch)
    return Measured(
        [over_burn_ins, over_memories, over_horizons],
        [rise, exponent, _short_burn_ins(settings, watch), _alternating(settings, watch)],
    )


def without_memory(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    instances: TallyingInstance,
    games: Games,
    watch: Watch,
) -> dict[str, Float[np.ndarray, "instance 1"]]:
    """Losses per round where each action always costs what it costs repeated."""
    number = instances.losses.shape[0]
    plain = TallyingInstance(instances.losses, jnp.ones((number, 1)))
    seats = players(own, replace(config, memory=1), settings.baselines)
    found = play_all(seats, plain, games, watch, "no memory")
    return {name: 1 - each_instance(payoffs) for name, payoffs in found.items()}


def slopes(
    courses: Mapping[str, Course], benchmark: Float[np.ndarray, " instance"], horizon: int
) -> str:
    """A sentence that says what each player still loses a round in the last fifth of the rounds."""
    rates = {
        name: (benchmark[:, None] - found[-max(1, len(found) // 5) :]).mean()
        for name, found in courses.items()
    }
    text = ", ".join(f"{name} {rate:.4f}" for name, rate in rates.items())
    return f"Regret per round in the last fifth of {horizon} rounds: {text}."


def _over_burn_ins(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> tuple[Curves, str]:
    """Regret against M, and the slope of a line through its means."""
    burn_ins = np.array(settings.burn_ins)
    found = _each(
        settings.burn_ins,
        lambda burn_in: eliminated(
            decoy_losses(), config.memory, burn_in, settings.horizon, settings.num_games
        ),
        "burn-in",
        watch,
    )
    regrets = np.stack([one.regret for one in found])
    centred = burn_ins - burn_ins.mean()
    rises = centred @ regrets / (centred @ centred) if len(burn_ins) > 1 else np.full(1, np.nan)
    error = 1.96 * rises.std() / np.sqrt(rises.size)
    curves = Curves(
        f"Regret over burn-in at memory {config.memory}, T = {settings.horizon}",
        "burn-in M",
        "regret",
        {own: curve_of(settings.burn_ins, regrets)},
    )
    return curves, (
        f"Decoy, memory {config.memory}, T = {settings.horizon}: regret rises by "
        f"{rises.mean():.2f} ± {error:.2f} with each round of burn-in."
    )


def _over_memories(own: str, settings: TallyingEvaluationConfig, watch: Watch) -> Curves:
    """Regret against m at one burn-in."""
    burn_in = max(settings.memories)
    found = _each(
        settings.memories,
        lambda memory: eliminated(
            decoy_losses(), memory, burn_in, settings.horizon, settings.num_games
        ),
        "memory",
        watch,
    )
    return Curves(
        f"Regret over memory at burn-in {burn_in}, T = {settings.horizon}",
        "memory m",
        "regret",
        {own: curve_of(settings.memories, np.stack([one.regret for one in found]))},
    )


def shrinking_gap(horizon: int) -> Float[Array, "action knot"]:
    """The decoy's bandit, where the best repeated is better than the decoy by 2 √(K / T) alone."""
    table = np.array(decoy_losses())
    gap = min(0.25, _GAP * np.sqrt(len(table) / horizon))
    share = np.arange(1, table.shape[1] + 1) / table.shape[1]
    table[0] = 0.9 - (0.65 + gap) * share**2
    table[1:] = 0.25
    return jnp.asarray(table)


def _over_horizons(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> tuple[Curves, str]:
    """Regret over T where the gap shrinks with it."""
    found = _each(
        settings.horizons,
        lambda horizon: eliminated(
            shrinking_gap(horizon), config.memory, config.burn_in, horizon, settings.num_games
        ),
        "horizon",
        watch,
    )
    regrets = np.stack([one.regret for one in found])
    curves = Curves(
        "Regret over the horizon where the gap is 2 √(K/T)",
        "horizon T",
        "regret",
        {own: curve_of(settings.horizons, regrets)},
    )
    if len(found) < 2:
        return curves, "Where the gap shrinks, one horizon tells no slope."
    value, low, high = slope(np.array(settings.horizons, float), regrets)
    return curves, (
        "Where the gap shrinks as 2 √(K/T), regret grows over T with a slope on logarithmic axes "
        f"of {value:.2f} [{low:.2f}, {high:.2f}]."
    )


def _short_burn_ins(settings: TallyingEvaluationConfig, watch: Watch) -> str:
    """What becomes of elimination where the burn-in is shorter than the memory."""
    found = _each(
        settings.short_burn_ins,
        lambda burn_in: eliminated(
            decoy_losses(), _SHORT_MEMORY, burn_in, settings.horizon, settings.num_games
        ),
        f"memory {_SHORT_MEMORY}, burn-in",
        watch,
    )
    text = ", ".join(
        f"M = {burn_in}: {one.regret.mean():.0f} [{one.regret.min():.0f}, {one.regret.max():.0f}], "
        f"best dropped by {one.lost_the_best.mean():.0%}"
        for burn_in, one in zip(settings.short_burn_ins, found, strict=True)
    )
    return (
        f"Decoy, memory {_SHORT_MEMORY}, T = {settings.horizon}: mean regret [least, most] {text}."
    )


def _alternating(settings: TallyingEvaluationConfig, watch: Watch) -> str:
    """What elimination pays where no action is best repeated, beside the best sequence."""
    horizon = settings.horizon
    found = _each(
        (2,),
        lambda memory: eliminated(alternating_losses(), memory, 2, horizon, settings.num_games),
        "alternating, memory",
        watch,
    )[0]
    instance = TallyingInstance(alternating_losses(), flat_weights(2))
    best = jit(lambda one: best_total(tallying_graph(one), 1000)[-1] / 1000, program="once")
    optimum = 1 - float(best(instance))
    lost = 0.9 + found.regret.mean() / horizon
    return (
        f"Where alternating is best, elimination loses {lost:.3f} a round and the best sequence "
        f"{optimum:.3f}."
    )


def _each(
    values: Sequence[int], measure: Callable[[int], Outcome], what: str, watch: Watch
) -> list[Outcome]:
    """What is measured at each of several values."""
    found = []
    for value in values:
        done = watch.begin(f"elimination, {what} {value}")
        found.append(measure(value))
        done()
    return found


def shown_losses(instances: TallyingInstance) -> list[list[float]]:
    """Of the first bandit, mean losses by share of the full tally."""
    return np.asarray(instances.losses[0], np.float64).round(5).tolist()


def strip(config: WeightedTallyingBanditsConfig, watch: Watch) -> dict[str, Any]:
    """The first rounds of elimination at the decoy's bandit."""
    instance = TallyingInstance(decoy_losses(), flat_weights(config.memory))
    player = successive_elimination(5, config.horizon, config.burn_in)
    done = watch.begin("plays for a picture")
    found = rounds_of(tallying_bandit(5, config.memory), player, instance, _STRIP)
    done()
    return found | {"burn_in": config.burn_in}
