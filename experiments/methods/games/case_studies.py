"""The Prisoner's Dilemma and the Battle of the Sexes in sentences."""

from collections.abc import Sequence
from typing import get_args

import jax.numpy as jnp
import numpy as np

from rlsuite.compiling import jit
from rlsuite.envs.games.game import prisoners_dilemma, view_from
from rlsuite.envs.games.machines import SCRIPTS, ScriptName
from rlsuite.experiments.methods.games.coordination import note_on_agents
from rlsuite.experiments.methods.games.matches import BOS, PD, Played
from rlsuite.experiments.methods.games.players import PREDICTORS
from rlsuite.experiments.statistics import mean_of
from rlsuite.games.exact import expected_totals

_PLAIN = ("always 0", "always 1", "defect once")
_KIN = (
    *("tit for tat", "tit for two tats", "suspicious tit for tat", "reverse tit for tat"),
    "hard tit for tat",
)
_ALTERNATORS = ("always 0", "always 1", "alternating 0 1", "alternating 1 0")
_LONG = 20
"""Rounds of the paper's later matches of the Prisoner's Dilemma."""


def notes_on_case_studies(played: Played, own: str, num_rounds: int) -> list[str]:
    """Who gets what, from either seat where it matters."""
    unit = 10.0 * num_rounds
    dilemma = rows_of_totals(
        played, [own, "grim trigger", "tit for tat"], (*_PLAIN, *_KIN), PD, 0, unit
    )
    battle = [
        f"Totals of the {which} player in the Battle of the Sexes, "
        + rows_of_totals(played, [own, "stubborn", *PREDICTORS], _ALTERNATORS, BOS, seat, unit)
        + "."
        for seat, which in enumerate(("first", "second"))
    ]
    return [
        f"Totals in the Prisoner's Dilemma, {dilemma}.",
        _in_long_matches(),
        *battle,
        note_on_agents(played, own),
    ]


def rows_of_totals(
    played: Played,
    names: Sequence[str],
    opponents: Sequence[str],
    game: int,
    seat: int,
    unit: float,
) -> str:
    """Totals of some players in a seat against others, in a sentence.

    Intervals are over players of a kind, or over matches of a single one, where these differ.
    """
    known = list(played.members)
    shown = [other for other in opponents if other in known]
    rows = [
        f"{name} "
        + ", ".join(_total(played.totals(name, other, game, seat, unit)) for other in shown)
        for name in names
        if name in known
    ]
    return f"against {', '.join(shown)}: {'; '.join(rows)}"


def _total(totals: np.ndarray) -> str:
    return f"{totals[0]:.0f}" if np.ptp(totals) < 1e-3 else f"{mean_of(totals):.0f}"


def exact_totals(name: ScriptName, opponents: Sequence[ScriptName], num_rounds: int) -> list[float]:
    """What a script gets in the Prisoner's Dilemma against others, in expectation."""
    game = prisoners_dilemma()
    views = [view_from(game, jnp.int32(seat), jnp.int32(num_rounds)) for seat in (0, 1)]
    own = SCRIPTS[name].machine(views[0])
    machines = [SCRIPTS[other].machine(views[1]) for other in opponents]
    widest = max(one.chances.size for one in machines)
    program = jit(lambda other: expected_totals(game, own, other, num_rounds)[0], program="once")
    return [float(program(one.widened(widest))) for one in machines]


def _in_long_matches() -> str:
    """What scripts get in the paper's longer matches."""
    opponents = [name for name in get_args(ScriptName) if name in (*_PLAIN, *_KIN)]
    rows = [
        f"{name} " + ", ".join(f"{total:.0f}" for total in exact_totals(name, opponents, _LONG))
        for name in ("grim trigger", "tit for tat")
    ]
    return (
        f"Of scripts in matches of {_LONG} rounds, by their chains, against "
        f"{', '.join(opponents)}: {'; '.join(rows)}."
    )
