"""The test of learners at last-switch-dependent bandits, and of the planner they imitate."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from rlsuite.bandits.playing import Bandit, Player
from rlsuite.envs.bandits.last_switch import NAMED, recharging
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.bandits import last_switch_claims as claims
from rlsuite.experiments.methods.bandits.common import (
    Course,
    Games,
    Seats,
    later_half,
    of_draws,
    payoffs_of,
    play_all,
    regret_curve,
    whole_course,
)
from rlsuite.experiments.methods.bandits.last_switch_blocks import in_blocks
from rlsuite.experiments.methods.bandits.last_switch_checks import check_test
from rlsuite.experiments.methods.bandits.last_switch_players import (
    BLIND,
    NAMED_STATES,
    OPTIMUM,
    PLANNER,
    Believed,
    LSDEvaluationConfig,
    Setting,
    by_belief,
    learner,
    learners,
    unplanned,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import mean_of
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, exploration, monotone
from rlsuite.ranges import LARGEST_COUNT

BEST_DRAW = f"{PLANNER}, best draw"
_LEAST_SHARE = 1 / 3
"""Of a horizon, that exploration may take at bandits with names."""

Results = dict[str, Float[np.ndarray, "instance draw"]]


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Players at the run's bandits and at those with names, and the claims about the planner.

    Raises:
      ConfigError: if games are too short, as those of a run of an older version may be.
    """
    check_test(finished.run, finished.world)
    config, settings = finished.run.method, finished.run.evaluation
    learned = finished.beside(rivals)
    own, *_ = learned
    at_run, regrets = _at_run(learned, watch)
    horizon = horizon_at_named(config)
    at_named, trap = _at_named(own.name, replace(config, horizon=horizon), settings, watch)
    floor = claims.floor(config, settings, watch)
    learning = claims.learning(own.name, config, settings, watch)
    theirs = {who.name for who in learned}
    others = [name for name in {**at_run.results, **at_named.results} if name not in theirs]
    return Evaluation(
        contenders=[*learned, *(Contender(name, "baseline") for name in others)],
        tables=[at_run, at_named],
        curves=[regrets, trap, learning.curves],
        notes=[
            "Players are measured in the second half of their rounds, planners over their draws, "
            f"learners of {config.horizon} rounds; at bandits with names {own.name} learns anew "
            f"for {horizon}.",
            *floor.notes,
            claims.spiked(settings, watch),
            *in_blocks(own.name, config, settings, watch),
            *learning.notes,
        ],
        extras={
            "floor": floor.histogram,
            "strips": claims.strips(watch),
            "named": _in_words(at_named),
        },
    )


def _at_run(learned: Mapping[Contender, Finished], watch: Watch) -> tuple[Table, Curves]:
    """All players at the bandits that a run has learned, and regrets of those who learn."""
    (own, finished), *_ = learned.items()
    config, settings = finished.run.method, finished.run.evaluation
    payoffs = finished.state.games.instance[: settings.num_shown]
    setting = Setting(config.instances, config.states, payoffs)
    beliefs = {}
    for who, run in learned.items():
        theirs = jax.tree.map(lambda leaf: leaf[: settings.num_shown], run.state.games)
        is_alike = run.run.method.states == config.states
        if not is_alike or not np.array_equal(theirs.instance, payoffs):
            raise UserError(f"'{run.directory}' has learned other bandits; give it the same seed")
        beliefs[who.name] = jax.vmap(monotone)(theirs.player.visits)
    known = _known(setting, beliefs, settings, watch)
    fresh = {own.name: _learner(setting, config)}
    courses = _courses(setting, fresh, config.horizon, 1, settings, watch)
    results = {name: later_half(found) for name, found in known.items()}
    results[BEST_DRAW] = of_draws(known[PLANNER]).max(axis=1, keepdims=True)
    results |= {name: later_half(found) for name, found in courses.items() if name != own.name}
    regrets = Curves(
        name="Regret against the relaxation",
        x_label="rounds",
        y_label="regret",
        lines={
            name: regret_curve(found, setting.limits.bounds, config.horizon // len(found))
            for name, found in courses.items()
        },
    )
    strata = [setting.name] * len(payoffs)
    return _table(setting, strata, results), regrets


def horizon_at_named(config: LSDBanditsConfig) -> int:
    """The run's, or as long as more states than it has take to be seen."""
    repeats = config.num_repeats or 1
    seen = exploration(3, NAMED_STATES, LARGEST_COUNT, repeats)
    return max(config.horizon, 100 * math.ceil(seen.num_rounds / _LEAST_SHARE / 100))


def _learner(setting: Setting, config: LSDBanditsConfig) -> tuple[Bandit, Player]:
    return learner(setting.num_arms, setting.states, config.horizon, config.num_repeats)


def _at_named(
    own: str, config: LSDBanditsConfig, settings: LSDEvaluationConfig, watch: Watch
) -> tuple[Table, Curves]:
    """All players at the bandits with names, all of them made as large as the largest.

    Planners also play traps that are ever deeper.
    """
    states = NAMED_STATES
    made = [*(make() for make in NAMED.values()), *claims.traps()]
    payoffs = jnp.stack([one.widened(3, states).payoffs for one in made])
    both = Setting("bandits with names", states, payoffs)
    known = _known(both, {}, settings, watch)
    optima = both.limits.optima
    assert optima is not None, "three arms have few joint states"
    trap = claims.trap(known, optima, len(NAMED))
    named = Setting(both.name, states, payoffs[: len(NAMED)])
    fresh = {own: _learner(named, config)}
    courses = _courses(named, fresh, config.horizon, settings.num_draws, settings, watch)
    results = {name: of_draws(found) for name, found in courses.items()}
    results |= {name: of_draws(found)[: len(NAMED)] for name, found in known.items()}
    results[BEST_DRAW] = results[PLANNER].max(axis=1, keepdims=True)
    return _table(both, list(NAMED), results), trap


def _known(
    setting: Setting, beliefs: Mapping[str, Array], settings: LSDEvaluationConfig, watch: Watch
) -> dict[str, Course]:
    """What planners come to, by what they believe or know, and players who learn nothing."""
    where, games = setting.name, _planning(settings)
    held = {**beliefs, PLANNER: setting.payoffs}
    if BLIND in settings.baselines:
        held[BLIND] = jax.vmap(partial(recharging, setting.states))(setting.payoffs)
    # Together, since they are one program.
    together = Believed(
        jnp.tile(setting.payoffs, (len(held), 1, 1)), jnp.concatenate(list(held.values()))
    )
    done = watch.begin(f"planners at {where}")
    paid = payoffs_of(*by_belief(setting.num_arms, setting.states), together, games)
    done()
    found = dict(zip(held, np.split(paid, len(held), axis=1), strict=True))
    seats = unplanned(setting.num_arms, setting.states, settings.baselines)
    return {**found, **play_all(seats, setting.payoffs, games, watch, where)}


def _courses(
    setting: Setting,
    fresh: Seats,
    horizon: int,
    num_draws: int,
    settings: LSDEvaluationConfig,
    watch: Watch,
) -> dict[str, Course]:
    """How learners fare from their first round on."""
    others = learners(setting.num_arms, setting.states, horizon, settings.baselines)
    seats = {**fresh, **others}
    games = whole_course(role_key("games"), num_draws, horizon)
    return play_all(seats, setting.payoffs, games, watch, setting.name)


def _planning(settings: LSDEvaluationConfig) -> Games:
    key, num_rounds = role_key("games of planners"), settings.num_rounds
    return Games(key, settings.num_draws, 2, max(1, num_rounds // 2))


def _in_words(table: Table) -> list[list[str]]:
    """A row for each player: what it is paid at each bandit, with its interval over draws."""
    assert table.optimal is not None, "relaxations are known"
    bounds = ["relaxation", *(f"{bound:.3f}" for bound in table.optimal)]
    rows = [[name, *map(_mean_in_words, found)] for name, found in table.results.items()]
    return [["", *table.strata], bounds, *rows]


def _mean_in_words(payoffs: Float[np.ndarray, " draw"]) -> str:
    found = mean_of(np.asarray(payoffs, np.float64))
    return f"{found.value:.3f}" if np.ptp(payoffs) < 1e-6 else f"{found:.3f}"


def _table(setting: Setting, strata: list[str], results: Results) -> Table:
    """Payoffs per round at the first of a setting's bandits, and what is best where it is known."""
    number, (bounds, optima) = len(strata), setting.limits
    if optima is not None:
        results = results | {OPTIMUM: optima[:number, None]}
    return Table(
        name=setting.name,
        unit="payoff per round",
        results=results,
        strata=strata,
        optimal=bounds[:number],
    )
