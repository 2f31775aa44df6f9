"""What is claimed of the planner and of learners by it, measured."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.bandits.dynamic_programming import best_average, best_sequence
from rlsuite.bandits.interleaving import (
    choose,
    cycles,
    interleaved,
    plan,
    relaxation,
    virtual_round,
)
from rlsuite.bandits.players import oracle_greedy, sequence
from rlsuite.compiling import jit
from rlsuite.envs.bandits.bandit import noiseless
from rlsuite.envs.bandits.last_switch import (
    LastSwitchInstance,
    Payoffs,
    SwitchStates,
    greedy_trap,
    last_switch_bandit,
    last_switch_graph,
    random_monotone,
    satiating_trio,
    spike,
)
from rlsuite.experiments.evaluation import Curves, curve_of
from rlsuite.experiments.methods.bandits.common import (
    Course,
    Games,
    in_parts,
    kind_of_program,
    of_draws,
    payoffs_of,
    rounds_of,
    slope,
    whole_course,
)
from rlsuite.experiments.methods.bandits.last_switch_players import (
    GREEDY,
    OPTIMUM,
    PLANNER,
    LSDEvaluationConfig,
    learner,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import mean_of
from rlsuite.methods.lsd_bandits import LSDBanditsConfig

FLOOR = 1 - 1 / np.e
"""The share of the relaxation that the rounding comes to in expectation, by our derivation."""

_TRAPS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_PART = 500
_STRIP = 36


class Outcome(NamedTuple):
    """Of the planner at one bandit, in the rounds that count.

    Attributes:
      payoffs: per round, of each draw.
      shortfalls: of each draw, rounds in which a play pays less than its virtual payoff.
    """

    payoffs: Float[Array, "*instance draw"]
    shortfalls: Int[Array, "*instance draw"]


def first_counted(states: SwitchStates, num_rounds: int) -> int:
    """The round from which on rounds count: half of all, or when every cycle has begun."""
    return max(num_rounds // 2, states.num_rests + states.num_plays)


def outcome(
    states: SwitchStates, key: PRNGKeyArray, payoffs: Payoffs, num_draws: int, num_rounds: int
) -> Outcome:
    """What the planner comes to at a bandit that pays what it does without noise."""
    bandit = last_switch_bandit(payoffs.shape[0], states, noiseless)
    first = first_counted(states, num_rounds)

    def game(key):
        schedule = plan(states, key, payoffs)

        def one(carry, now):
            state, total, short = carry
            virtual = jnp.maximum(virtual_round(states, schedule, now).max(), 0)
            action = choose(states, schedule, now)
            state, payoff = bandit.pull(key, payoffs, state, action)
            counts = now >= first
            is_short = (payoff.mean < virtual - 1e-6) & counts
            return (state, total + jnp.where(counts, payoff.mean, 0), short + is_short), None

        start = (bandit.init(payoffs), jnp.zeros(()), jnp.int32(0))
        (_, total, short), _ = jax.lax.scan(one, start, jnp.arange(num_rounds))
        return Outcome(total / (num_rounds - first), short)

    return jax.vmap(game)(jax.random.split(key, num_draws))


class Floor(NamedTuple):
    """How the planner's share of the relaxation is distributed over bandits."""

    histogram: dict[str, Any]
    notes: list[str]


def floor(config: LSDBanditsConfig, settings: LSDEvaluationConfig, watch: Watch) -> Floor:
    """The planner at random bandits, and at the same with the payoffs of each arm shuffled."""
    states = SwitchStates(config.num_plays, config.num_rests)
    keys = jax.random.split(role_key("levels"), settings.num_instances)

    def one(key, is_shuffled):
        payoff_key, order_key, draw_key = jax.random.split(key, 3)
        payoffs = random_monotone(payoff_key, config.num_arms, states)
        shuffled = jax.random.permutation(order_key, payoffs, axis=1, independent=True)
        payoffs = jnp.where(is_shuffled, shuffled, payoffs)
        paid, short = outcome(states, draw_key, payoffs, settings.num_draws, settings.num_rounds)
        return paid.mean() / relaxation(cycles(states, payoffs)).value, short.sum()

    num_plays = settings.num_instances * settings.num_draws * settings.num_rounds
    program = jit(jax.vmap(one, in_axes=(0, None)), program=kind_of_program(num_plays))

    def outcomes(is_shuffled, keys):
        return np.stack(program(keys, is_shuffled), axis=1)

    edges = np.linspace(0, 1.25, 51)
    histogram: dict[str, Any] = {"edges": edges.tolist(), "floor": FLOOR}
    notes = []
    for name, is_shuffled in (("monotone", False), ("shuffled", True)):
        done = watch.begin(f"planner at {settings.num_instances} {name} bandits")
        found = in_parts(partial(outcomes, is_shuffled), keys, _PART)
        shares, shortfalls = found.T.astype(np.float64)
        counted = settings.num_rounds - first_counted(states, settings.num_rounds)
        num_counted = len(shares) * settings.num_draws * counted
        done()
        histogram[name] = np.histogram(np.minimum(shares, edges[-1]), edges)[0].tolist()
        notes.append(
            f"Planner at {len(shares)} {name} bandits, {settings.num_draws} draws of "
            f"{settings.num_rounds} rounds each, of which the last {counted} count: between "
            f"{shares.min():.3f} and {shares.max():.3f} of the relaxation, "
            f"{shares.mean():.3f} on average, below 1 − 1/e at "
            f"{(shares < FLOOR).sum()}; plays pay less than their virtual payoff at "
            f"{(shortfalls > 0).sum()} of them, in {shortfalls.sum():.0f} of {num_counted} rounds."
        )
    return Floor(histogram, notes)


def traps() -> list[LastSwitchInstance]:
    """Two arms, of which one pays ε and the other 1.2 ε, or 0.95 if it is rested; ε ever less."""
    return [greedy_trap(low, 1.2 * low) for low in _TRAPS]


def trap(found: Mapping[str, Course], optima: Float[np.ndarray, " instance"], first: int) -> Curves:
    """Shares of the optimum in the traps.

    Args:
      found: what players came to.
      optima: of all instances.
      first: the place of the first trap among the instances.
    """
    lines = {
        name: curve_of(_TRAPS, (of_draws(found[name]) / optima[:, None])[first:])
        for name in (GREEDY, PLANNER)
        if name in found
    }
    return Curves("Share of the optimum in the trap", "ε", "share of the optimum", lines)


def spiked(settings: LSDEvaluationConfig, watch: Watch) -> str:
    """What planner and greedy come to at the bandit that isn't monotone, in a sentence."""
    states, table = spike()
    payoffs = jnp.asarray(table)
    bandit = last_switch_bandit(len(table), states, noiseless)
    num_draws, num_rounds = settings.num_draws, settings.num_rounds
    done = watch.begin("planner and greedy at the spike")
    program = jit(lambda key: outcome(states, key, payoffs, num_draws, num_rounds), program="once")
    planned = program(role_key("games at the spike"))
    bound = float(relaxation(cycles(states, payoffs)).value)
    # Steady arms are worth no more than one of them, with which there are few enough states.
    few_states, few = spike(num_steady=1)
    graph = last_switch_graph(few_states, jnp.asarray(few))
    # A multiple of all periods from 1 to 10.
    solve = jit(lambda graph: best_average(graph, window=2520), program="once")
    best, high = map(float, solve(graph))
    assert high - best < 1e-5, "the best average is known"
    plays = rounds_of(bandit, oracle_greedy(bandit), payoffs, num_rounds).plays
    done()
    first = first_counted(states, num_rounds)
    is_spike = np.array(plays["actions"][first:]) == len(table) - 2
    paid = np.asarray(planned.payoffs, np.float64)
    short = np.asarray(planned.shortfalls) / (num_rounds - first)
    return (
        f"At the spike, which is not monotone, the best average is {best:.4f} and the relaxation "
        f"{bound:.4f}; the planner comes to {mean_of(paid):.3f} over {num_draws} draws, "
        f"{mean_of(paid / bound):.3f} of the relaxation, and its plays pay less than their virtual "
        f"payoff in {mean_of(short):.1%} of rounds; oracle greedy comes to "
        f"{np.mean(plays['payoffs'][first:]):.3f}, and plays the arm with the spike in "
        f"{is_spike.sum()} of {is_spike.size} rounds."
    )


class Learning(NamedTuple):
    """How the loss falls with the horizon."""

    curves: Curves
    notes: list[str]


def learning(
    own: str, config: LSDBanditsConfig, settings: LSDEvaluationConfig, watch: Watch
) -> Learning:
    """Losses per round of fresh learners against the planner who knows, over horizons.

    A learner and its planner draw their schedules with the same key.
    """
    keys = jax.random.split(role_key("bandits of claims"), settings.num_learners)
    payoffs = jit(jax.vmap(config.sample), program="once")(keys)
    states, key = config.states, role_key("games of learners")
    bandit = last_switch_bandit(payoffs.shape[1], states, noiseless)
    games = Games(key, 1, 2, settings.num_rounds)
    known = payoffs_of(bandit, interleaved(states), payoffs, games)[1, :, 0]
    losses = []
    for horizon in settings.horizons:
        done = watch.begin(f"{settings.num_learners} learners for {horizon} rounds")
        games = whole_course(key, 1, horizon)
        course = learner(payoffs.shape[1], states, horizon, config.num_repeats)
        paid = payoffs_of(*course, payoffs, games)
        losses.append(known - paid.mean(axis=(0, 2)))
        done()
    found = np.stack(losses)
    means = ", ".join(
        f"{mean_of(loss):.4f} (T = {horizon})"
        for horizon, loss in zip(settings.horizons, found, strict=True)
    )
    return Learning(
        Curves(
            "Loss per round against the planner who knows",
            "horizon T",
            "loss per round",
            {own: curve_of(settings.horizons, found)},
        ),
        [
            f"Loss per round of {found.shape[1]} learners against the planner who knows, mean and "
            f"95 % interval: {means}{_slope(settings.horizons, found)}."
        ],
    )


def _slope(horizons: Sequence[int], losses: Float[np.ndarray, "horizon learner"]) -> str:
    if len(set(horizons)) < 2:
        return ""
    value, low, high = slope(np.array(horizons, float), losses)
    return f"; slope of the means on logarithmic axes {value:.2f} [{low:.2f}, {high:.2f}]"


def strips(watch: Watch) -> dict[str, Any]:
    """Rounds of the best plays, of greedy and of one draw of the planner, at the trio."""
    states, table = satiating_trio()
    payoffs = jnp.asarray(table)
    bandit = last_switch_bandit(3, states, noiseless)
    graph = last_switch_graph(states, payoffs)
    plays = best_sequence(graph, jnp.int32(states.size**3 - 1), _STRIP)
    done = watch.begin("plays for a picture")
    players = {
        OPTIMUM: sequence(lambda payoffs: plays),
        GREEDY: oracle_greedy(bandit),
        PLANNER: interleaved(states),
    }
    found = {name: rounds_of(bandit, one, payoffs, _STRIP).plays for name, one in players.items()}
    done()
    return found
