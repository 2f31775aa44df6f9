"""Elimination beside plain bandits at several kinds of losses and weights."""

from collections.abc import Mapping
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.bandits.adversarial import exp3
from rlsuite.bandits.players import successive_elimination, ucb1
from rlsuite.envs.bandits.tallying import tallying_bandit
from rlsuite.experiments.methods.bandits.common import play_all, whole_course
from rlsuite.experiments.methods.bandits.tallying_claims import drawn
from rlsuite.experiments.methods.bandits.tallying_gaps import NUM_ACTIONS
from rlsuite.experiments.methods.bandits.tallying_players import (
    TallyingEvaluationConfig,
    benchmarks,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import Estimate, mean_of
from rlsuite.methods.weighted_tallying_bandits import (
    InstancesName,
    WeightedTallyingBanditsConfig,
    WeightsName,
)

_KINDS: tuple[InstancesName, ...] = ("decoy", "random")
Regrets = dict[str, Mapping[str, Estimate]]
"""By kinds of losses and weights, mean regrets by player."""


def over_weights(
    own: str,
    config: WeightedTallyingBanditsConfig,
    settings: TallyingEvaluationConfig,
    watch: Watch,
) -> Regrets:
    """Mean regrets of several players at the run's memory and burn-in."""
    bandit, horizon = tallying_bandit(NUM_ACTIONS, config.memory), settings.horizon
    players = {
        own: successive_elimination(NUM_ACTIONS, horizon, config.burn_in),
        "UCB1": ucb1(NUM_ACTIONS),
        "EXP3": exp3(NUM_ACTIONS, horizon),
    }
    seats = {name: (bandit, player) for name, player in players.items()}
    games = whole_course(role_key("games"), 1, horizon)
    found: Regrets = {}
    for kind in _KINDS:
        names = get_args(WeightsName)
        of_weights = [
            WeightedTallyingBanditsConfig(kind, name, config.memory, NUM_ACTIONS) for name in names
        ]
        each = [drawn(one, settings.num_games) for one in of_weights]
        # Together, since each player is one program.
        together = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *each)
        benchmark = benchmarks(of_weights[0], together)
        courses = play_all(seats, together, games, watch, f"{kind} losses")
        regrets = {
            name: (benchmark - course[:, :, 0].mean(axis=0)) * games.num_rounds
            for name, course in courses.items()
        }
        for place, name in enumerate(names):
            found[f"{kind}, {name}"] = {
                who: mean_of(np.split(regret, len(names))[place]) for who, regret in regrets.items()
            }
    return found
