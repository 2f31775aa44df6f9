"""The test of elimination with burn-in at weighted tallying bandits."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.envs.bandits.tallying import TallyingInstance
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import HELD_OUT_SEED
from rlsuite.experiments.methods.bandits import tallying_claims as claims
from rlsuite.experiments.methods.bandits.common import (
    each_instance,
    play_all,
    regret_curve,
    whole_course,
)
from rlsuite.experiments.methods.bandits.tallying_players import (
    benchmarks,
    players,
)
from rlsuite.experiments.specs import Watch

Losses = dict[str, Float[np.ndarray, "instance 1"]]


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """What runs have lost beside others at the same bandits, and claims by fresh games."""
    config, settings = finished.run.method, finished.run.evaluation
    learned = finished.beside(rivals)
    own, *_ = learned
    instances = _instances(finished)
    games = whole_course(jax.random.key(HELD_OUT_SEED), 1, config.horizon)
    name = f"{config.instances}, memory {config.memory}"
    courses = play_all(players(own.name, config, settings.baselines), instances, games, watch, name)
    losses = {name: 1 - each_instance(found) for name, found in courses.items()}
    losses |= {who.name: _lost(run, finished) for who, run in learned.items()}
    without = claims.without_memory(own.name, config, settings, instances, games, watch)
    benchmark = benchmarks(instances)
    regrets = Curves(
        name="Regret against the best action repeated",
        x_label="rounds",
        y_label="regret",
        lines={
            name: regret_curve(found, benchmark, config.horizon // len(found))
            for name, found in courses.items()
        },
    )
    claimed = claims.measured(own.name, config, settings, watch)
    theirs = {who.name for who in learned}
    others = [name for name in losses if name not in theirs]
    return Evaluation(
        contenders=[*learned, *(Contender(name, "baseline") for name in others)],
        tables=[
            _table(name, config.instances, losses),
            _table(f"{config.instances}, no memory", config.instances, without),
        ],
        curves=[regrets, *claimed.curves],
        notes=[
            "What a run lost is of its own games, what others lost is of as many rounds as its "
            f"horizon has, {config.horizon}, at the first of its bandits.",
            claims.slopes(courses, benchmark, config.horizon),
            *claimed.notes,
        ],
        extras={"losses": claims.shown_losses(instances), "strip": claims.strip(config, watch)},
    )


def _instances(run: Finished) -> TallyingInstance:
    number = run.run.evaluation.num_games
    return jax.tree.map(lambda leaf: leaf[:number], run.state.games.instance)


def _lost(run: Finished, tested: Finished) -> Float[np.ndarray, "instance 1"]:
    """Of each of its games, the loss per round so far.

    Raises:
      UserError: if its bandits are not those of the run that is tested.
    """
    number = tested.run.evaluation.num_games
    state = run.state
    ours, theirs = (
        (one.run.method.memory, np.asarray(one.state.games.instance.losses[:number]))
        for one in (run, tested)
    )
    if ours[0] != theirs[0] or not np.array_equal(ours[1], theirs[1]):
        raise UserError(f"'{run.directory}' was at other bandits; give it the same seed")
    return 1 - np.asarray(state.mean_payoff[:number], np.float64)[:, None]


def _table(name: str, stratum: str, losses: Mapping[str, Float[np.ndarray, "instance 1"]]) -> Table:
    number = len(next(iter(losses.values())))
    return Table(
        name=name,
        unit="loss per round",
        results=dict(losses),
        strata=[stratum] * number,
        higher_is_better=False,
    )
