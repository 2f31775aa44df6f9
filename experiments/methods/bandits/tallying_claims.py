"""What is claimed of elimination with burn-in, measured by fresh games."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

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
from rlsuite.experiments.evaluation import Curve, Curves, curve_of
from rlsuite.experiments.methods.bandits.common import (
    Games,
    each_instance,
    play_all,
    played,
    rounds_of,
    whole_course,
)
from rlsuite.experiments.methods.bandits.tallying_players import (
    TallyingEvaluationConfig,
    players,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import Estimate, mean_of, share
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    best_repeated_payoff,
)

PREDICTED = "predicted"
_STRIP = 720
_SHARES = (0.0, 0.25, 0.5, 1.0)
_DECOY = WeightedTallyingBanditsConfig(instances="decoy", weights="flat")


class Measured(NamedTuple):
    """Curves, and sentences about them."""

    curves: list[Curves]
    notes: list[str]


class Outcome(NamedTuple):
    """Of elimination in some games: regret, and whether the best action was dropped."""

    regret: Float[np.ndarray, " game"]
    lost_the_best: Bool[np.ndarray, " game"]


def drawn(config: WeightedTallyingBanditsConfig, num_games: int) -> TallyingInstance:
    """Bandits as a run draws them, on a leading axis; the same for all who ask."""
    keys = jax.random.split(role_key("bandits"), num_games)
    return jit(jax.vmap(config.sample), program="once")(keys)


def eliminated(instances: TallyingInstance, burn_in: int, horizon: int) -> Outcome:
    """Elimination in a game at each of some bandits, against the best action repeated."""
    _, number, _ = instances.losses.shape
    games = whole_course(role_key("games"), 1, horizon)
    player = successive_elimination(number, horizon, burn_in)
    bandit = tallying_bandit(number, instances.weights.shape[1])
    payoffs, after = played(bandit, player, instances, games)
    benchmark = np.asarray(jax.vmap(best_repeated_payoff)(instances), np.float64)
    best = np.asarray(jax.vmap(best_repeated)(instances.losses))
    is_active = np.asarray(after.is_active)[np.arange(best.size), best]
    return Outcome((benchmark - payoffs[:, :, 0].mean(axis=0)) * games.num_rounds, ~is_active)


def measured(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> Measured:
    """How regret depends on burn-in and memory, and what broken assumptions cost."""
    over_burn_ins, by_burn_in = _over_burn_ins(own, config.memory, settings, watch)
    over_memories, by_memory = _over_memories(own, settings, watch)
    short = [_short_burn_ins(memory, settings, watch) for memory in settings.long_memories]
    return Measured(
        [over_burn_ins, over_memories],
        [by_burn_in, by_memory, *short, _alternating(settings, watch)],
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


def blocks_of_each(losses: Float[np.ndarray, "action knot"]) -> Float[np.ndarray, " action"]:
    r"""In how many epochs elimination plays each action, where averages are what they should be.

    An action whose loss repeated is above the best by :math:`\Delta` is dropped in the first epoch
    s with :math:`2 C_s < \Delta`, that is :math:`4^s > 2 / \Delta^2`; the best is played as often
    as the last of the others.
    """
    excess = losses[:, -1] - losses[:, -1].min()
    best = int(excess.argmin())
    others = np.delete(excess, best)
    epochs = np.maximum(np.floor(np.log(2 / others**2) / np.log(4)) + 1, 0)
    return np.insert(1 + epochs, best, 1 + epochs.max())


def _over_burn_ins(
    own: str, memory: int, settings: TallyingEvaluationConfig, watch: Watch
) -> tuple[Curves, str]:
    """Regret against M, beside what one more round of each block costs."""
    instances = drawn(replace(_DECOY, memory=memory), settings.num_games)
    losses = np.asarray(decoy_losses(), np.float64)
    predicted = float(blocks_of_each(losses) @ (losses[:, -1] - losses[:, -1].min()))
    found = _over(
        settings.burn_ins,
        lambda burn_in: eliminated(instances, burn_in, settings.horizon),
        "burn-in",
        predicted,
        watch,
    )
    where = f"decoy, flat weights, memory {memory}, T = {settings.horizon}"
    curves = Curves(
        f"Regret over burn-in: {where}",
        "burn-in M",
        "regret",
        {own: found.curve, PREDICTED: found.predicted},
    )
    if found.rise is None:
        return curves, "One burn-in tells no slope."
    return curves, (
        f"Regret over burn-in ({where}) rises by {found.rise:.2f} with each round of burn-in; one "
        f"more round of each block is predicted to cost {predicted:.2f}."
    )


def _over_memories(
    own: str, settings: TallyingEvaluationConfig, watch: Watch
) -> tuple[Curves, str]:
    """Regret against m at one burn-in, beside what filling the tally in each block costs."""
    burn_in = max(settings.memories)
    losses = np.asarray(decoy_losses(), np.float64)
    blocks = blocks_of_each(losses)
    # The best is begun once more when all others are gone, unless it is the last in order.
    begun = blocks + (1 - 1 / len(losses)) * (losses[:, -1] == losses[:, -1].min())
    predicted = float(begun @ (losses.mean(axis=1) - losses[:, -1]))
    found = _over(
        settings.memories,
        lambda memory: eliminated(
            drawn(replace(_DECOY, memory=memory), settings.num_games), burn_in, settings.horizon
        ),
        "memory",
        predicted,
        watch,
    )
    where = f"decoy, flat weights, burn-in {burn_in}, T = {settings.horizon}"
    curves = Curves(
        f"Regret over memory: {where}",
        "memory m",
        "regret",
        {own: found.curve, PREDICTED: found.predicted},
    )
    if found.rise is None:
        return curves, "One memory tells no slope."
    return curves, (
        f"Regret over memory ({where}) rises by {found.rise:.2f} with each play of memory; filling "
        f"the tally in each block is predicted to cost {predicted:.2f}, and K in each of "
        f"{blocks.max():.0f} epochs would be {blocks.max() * len(losses):.0f}."
    )


class Line(NamedTuple):
    """Regret over some number: as found, its rise by one if there is any, and as predicted."""

    curve: Curve
    rise: Estimate | None
    predicted: Curve


def _over(
    values: Sequence[int],
    measure: Callable[[int], Outcome],
    what: str,
    predicted: float,
    watch: Watch,
) -> Line:
    """Regret at several values of a number.

    Args:
      values: of the number.
      measure: what is found at each.
      what: the number is.
      predicted: rise of a line, which is drawn through the mean of all.
      watch: is told of each.
    """
    regrets = np.stack([one.regret for one in _each(values, measure, what, watch)])
    found = curve_of(values, regrets)
    line = (np.mean(found.value) + predicted * _centred(values)).tolist()
    return Line(found, rise(values, regrets), Curve(list(values), line, line, line))


def rise(values: Sequence[int], regrets: Float[np.ndarray, "value game"]) -> Estimate | None:
    """By how much regret rises with each one more of a number; none where all values are equal."""
    centred = _centred(values)
    if not centred.any():
        return None
    return mean_of(centred @ regrets / (centred @ centred))


def _centred(values: Sequence[int]) -> Float[np.ndarray, " value"]:
    return np.array(values, float) - np.mean(values)


def _short_burn_ins(memory: int, settings: TallyingEvaluationConfig, watch: Watch) -> str:
    """What becomes of elimination where the burn-in is shorter than the memory."""
    instances = drawn(replace(_DECOY, memory=memory), settings.num_games)
    burn_ins = sorted({round(part * memory) for part in _SHARES})
    found = _each(
        burn_ins,
        lambda burn_in: eliminated(instances, burn_in, settings.horizon),
        f"memory {memory}, burn-in",
        watch,
    )
    text = "; ".join(
        f"M = {burn_in}: {mean_of(one.regret):.0f}, best dropped in {share(one.lost_the_best):.0%}"
        for burn_in, one in zip(burn_ins, found, strict=True)
    )
    return f"Decoy, flat weights, memory {memory}, T = {settings.horizon}: mean regret {text}."


def _alternating(settings: TallyingEvaluationConfig, watch: Watch) -> str:
    """What elimination pays where no action is best repeated, beside the best sequence."""
    horizon = settings.horizon
    config = WeightedTallyingBanditsConfig(instances="alternating", memory=2)
    instances = drawn(config, settings.num_games)
    found = _each((2,), lambda _: eliminated(instances, 2, horizon), "alternating, memory", watch)
    instance = TallyingInstance(alternating_losses(), flat_weights(2))
    best = jit(lambda one: best_total(tallying_graph(one), 1000)[-1] / 1000, program="once")
    optimum = 1 - float(best(instance))
    lost = mean_of(0.9 + found[0].regret / horizon)
    return (
        f"Where alternating is best, elimination loses {lost:.4f} a round and the best sequence "
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


def strip(
    config: WeightedTallyingBanditsConfig, instances: TallyingInstance, watch: Watch
) -> dict[str, Any]:
    """The first rounds of elimination at the first bandit, and which of them are burn-in."""
    instance = jax.tree.map(lambda leaf: leaf[0], instances)
    player = successive_elimination(config.actions, config.horizon, config.burn_in)
    done = watch.begin("plays for a picture")
    bandit = tallying_bandit(config.actions, config.memory)
    found, positions = rounds_of(bandit, player, instance, _STRIP, lambda state: state.position)
    done()
    is_burn_in = (positions < config.burn_in).tolist()
    return found | {"burn_in": config.burn_in, "is_burn_in": is_burn_in}
