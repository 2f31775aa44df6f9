"""The test of elimination with burn-in at weighted tallying bandits."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.bandits.playing import PlayState
from rlsuite.envs.bandits.tallying import TallyingInstance
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.bandits import tallying_claims as claims
from rlsuite.experiments.methods.bandits.common import (
    Course,
    each_instance,
    play_all,
    regret_curve,
    whole_course,
)
from rlsuite.experiments.methods.bandits.tallying_gaps import (
    EVEN,
    NUM_ACTIONS,
    Gaps,
    check_horizons,
    over_gaps,
)
from rlsuite.experiments.methods.bandits.tallying_players import WITHOUT, benchmarks, players
from rlsuite.experiments.methods.bandits.tallying_weights import over_weights
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import mean_of

Losses = dict[str, Float[np.ndarray, "instance 1"]]


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """What runs have lost beside others at the same bandits, and claims by fresh games.

    Raises:
      ConfigError: if horizons are too short, as those of a run of an older version may be.
    """
    check_horizons(finished.run, finished.world)
    config, settings = finished.run.method, finished.run.evaluation
    learned = finished.beside(rivals)
    own, *_ = learned
    instances = _instances(finished)
    games = whole_course(role_key("games"), 1, config.horizon)
    name = f"{config.instances}, {config.weights} weights, memory {config.memory}"
    courses = play_all(players(own.name, config, settings.baselines), instances, games, watch, name)
    losses = {name: 1 - each_instance(found) for name, found in courses.items()}
    losses |= {who.name: _lost(run, finished) for who, run in learned.items()}
    without = claims.without_memory(own.name, config, settings, instances, games, watch)
    benchmark = benchmarks(config, instances)
    measured_by = "best sequence" if config.instances == "alternating" else "best action repeated"
    regrets = Curves(
        name=f"Regret against the {measured_by}",
        x_label="rounds",
        y_label="regret",
        lines={
            name: regret_curve(found, benchmark, config.horizon // len(found))
            for name, found in courses.items()
        },
    )
    claimed = claims.measured(own.name, config, settings, watch)
    gaps = over_gaps(own.name, config, settings, watch)
    weights = over_weights(own.name, config, settings, watch)
    least = {
        "with": 1 - benchmark,
        "without": np.asarray(instances.losses[:, :, -1].min(axis=1), np.float64),
    }
    theirs = {who.name for who in learned}
    rounds = {
        name: int(finished.state.round) if name in theirs else games.num_rounds for name in losses
    }
    others = [name for name in losses if name not in theirs]
    return Evaluation(
        contenders=[*learned, *(Contender(name, "baseline") for name in others)],
        tables=[
            _table(name, config.instances, losses),
            _table(f"{config.instances}, no memory", config.instances, without),
        ],
        curves=[regrets, *claimed.curves, gaps.curves],
        notes=[
            "What a run lost is of its own games, what others lost is of as many rounds as its "
            f"horizon has, {config.horizon}, at the first of its bandits.",
            *_burn_in_or_none(own.name, courses, games.num_rounds),
            *claimed.notes,
            gaps.note,
        ],
        extras={
            "losses": claims.shown_losses(instances),
            "strip": claims.strip(config, instances, watch),
            "regrets": regret_rows(losses, without, courses, least, rounds, games.num_rounds),
            "gaps": _in_words(gaps),
            "widths": list(gaps.widths),
            "weights": [
                [kind, *(f"{one:.0f}" for one in found.values())] for kind, found in weights.items()
            ],
        },
    )


def _instances(run: Finished) -> TallyingInstance:
    number = run.run.evaluation.num_games
    return jax.tree.map(lambda leaf: leaf[:number], run.state.games.instance)


def _lost(run: Finished, tested: Finished) -> Float[np.ndarray, "instance 1"]:
    """Of each of its games, the loss per round so far."""
    number = tested.run.evaluation.num_games
    check_alike(str(run.directory), run.state, tested.state, number)
    return 1 - np.asarray(run.state.mean_payoff[:number], np.float64)[:, None]


def check_alike(directory: str, state: PlayState, wanted: PlayState, number: int) -> None:
    """That the first games of a run are at the bandits of another, and as long.

    Raises:
      UserError: if they aren't.
    """
    bandits, others = (
        [np.asarray(leaf[:number]) for leaf in one.games.instance] for one in (state, wanted)
    )
    if not all(map(np.array_equal, bandits, others)):
        raise UserError(f"'{directory}' was at other bandits; give it the same seed and bandits")
    rounds, needed = int(state.round), int(wanted.round)
    if rounds != needed:
        raise UserError(f"'{directory}' has played {rounds} rounds; it must be {needed}")


def _burn_in_or_none(own: str, courses: Mapping[str, Course], num_rounds: int) -> list[str]:
    """What burn-in is worth, by games at the same bandits."""
    if WITHOUT not in courses:
        return []
    ours, others = (courses[name][:, :, 0].mean(axis=0) * num_rounds for name in (own, WITHOUT))
    return [
        f"Without burn-in, elimination's regret is higher by {mean_of(ours - others):.0f} (mean of "
        "games at the same bandits)."
    ]


def regret_rows(
    losses: Losses,
    without: Losses,
    courses: Mapping[str, Course],
    least: Mapping[str, Float[np.ndarray, " instance"]],
    rounds: Mapping[str, int],
    fresh_rounds: int,
) -> list[list[str]]:
    """A row for each player: regret, its extremes, what is lost in the end, and without memory.

    The last two have a dash for who has played no fresh games.

    Args:
      losses: per round; of runs in their own games.
      without: likewise, of fresh games where actions have no memory.
      courses: of fresh games.
      least: the least loss per round that is counted against, `with` memory and `without`.
      rounds: that losses are of.
      fresh_rounds: of fresh games.
    """
    rows = []
    for name, found in losses.items():
        regret = (found[:, 0] - least["with"]) * rounds[name]
        last, plain = "–", "–"
        if name in courses:
            course = courses[name][:, :, 0]
            end = course[-max(1, len(course) // 5) :].mean(axis=0)
            last = f"{mean_of(1 - end - least['with']):.3f}"
            lost = without[name][:, 0] - least["without"]
            plain = f"{mean_of(lost * fresh_rounds):.0f}"
        rows.append(
            [
                name,
                f"{mean_of(regret):.0f}",
                f"{regret.min():.0f} … {regret.max():.0f}",
                last,
                plain,
            ]
        )
    return rows


def _in_words(gaps: Gaps) -> list[list[str]]:
    """Rows of a table of regrets in their unit, by width; the last one of even play."""
    rows = [
        [f"T = {horizon}", *("–" if one is None else f"{one:.2f}" for one in found)]
        for horizon, found in gaps.rows
    ]
    return [*rows, [EVEN, *(f"{(1 - 1 / NUM_ACTIONS) * width:.2f}" for width in gaps.widths)]]


def _table(name: str, stratum: str, losses: Mapping[str, Float[np.ndarray, "instance 1"]]) -> Table:
    number = len(next(iter(losses.values())))
    return Table(
        name=name,
        unit="loss per round",
        results=dict(losses),
        strata=[stratum] * number,
        higher_is_better=False,
    )
