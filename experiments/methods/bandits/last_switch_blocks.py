"""Learners who choose blocks of plays, at the two instances and horizons of their authors."""

import jax.numpy as jnp

from rlsuite.bandits.combinatorial import combinatorial_ucb
from rlsuite.bandits.players import ucb1
from rlsuite.envs.bandits.last_switch import SwitchStates, last_switch_bandit
from rlsuite.experiments.methods.bandits.common import play_all, whole_course
from rlsuite.experiments.methods.bandits.last_switch_players import (
    PLANNED,
    LSDEvaluationConfig,
    learner,
)
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import mean_of
from rlsuite.methods.lsd_bandits import LSDBanditsConfig


def in_blocks(
    own: str, config: LSDBanditsConfig, settings: LSDEvaluationConfig, watch: Watch
) -> list[str]:
    """A sentence for each instance: what learners are paid over all rounds, and in the later."""
    return [_at(name, own, config, settings.num_block_learners, watch) for name in settings.planned]


def _at(name: str, own: str, config: LSDBanditsConfig, num_games: int, watch: Watch) -> str:
    (states, table), horizon, length = PLANNED[name]
    num_arms = len(table)
    bandit = last_switch_bandit(num_arms, states)
    # Delays from 1 to the length of a block are told apart.
    known = SwitchStates(1, length - 1)
    wider = SwitchStates(1, length)
    seats = {
        "CombUCB1": (bandit, combinatorial_ucb(num_arms, known, length, ignores_first=False)),
        "ISI-CombUCB1": (
            bandit,
            combinatorial_ucb(num_arms, wider, length + 1, ignores_first=True),
        ),
        own: learner(num_arms, states, horizon, config.num_repeats),
        "UCB1": (bandit, ucb1(num_arms)),
    }
    games = whole_course(role_key("games in blocks"), num_games, horizon)
    found = play_all(seats, jnp.asarray(table)[None], games, watch, f"the {name}, in blocks")
    text = ", ".join(
        f"{who} {mean_of(paid[:, 0].mean(axis=0)):.3f}, later "
        f"{mean_of(paid[len(paid) // 2 :, 0].mean(axis=0)):.3f}"
        for who, paid in found.items()
    )
    return (
        f"At the {name} with 0/1 payoffs, mean payoffs over {horizon} rounds, and over the second "
        f"half of them, of {num_games} games: {text}."
    )
