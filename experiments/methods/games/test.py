"""The test of agents in repeated games: a tournament of all against all."""

from collections.abc import Mapping, Sequence
from typing import get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from rlsuite.envs.games.machines import ScriptName
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.games.case_studies import notes_on_case_studies
from rlsuite.experiments.methods.games.coordination import notes_on_pairs
from rlsuite.experiments.methods.games.families import COLUMNS, bounds, by_family, kinds
from rlsuite.experiments.methods.games.matches import (
    BOS,
    PD,
    Played,
    Run,
    all_games,
    best_scores,
    play,
)
from rlsuite.experiments.methods.games.players import baselines_of
from rlsuite.experiments.specs import Watch


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Scores of a run's agents and others in all games, and what the paper's case studies show."""
    config, settings = finished.run.method, finished.run.evaluation
    learned = finished.beside(rivals)
    own = finished.title
    for one in rivals:
        if one.run.method.num_rounds != config.num_rounds:
            raise UserError(f"'{one.directory}' has learned matches of another number of rounds")
    done = watch.begin("memory-one plans")
    games = jnp.asarray(all_games())
    baselines = baselines_of(settings, config, games)
    done()
    runs = {who.name: Run(one.run.method, one.learned) for who, one in learned.items()}
    done = watch.begin("all against all")
    played = play(runs, baselines, config.num_rounds, settings.num_draws)
    done()
    done = watch.begin("pairs of learners")
    notes = [
        *notes_on_case_studies(played, own, config.num_rounds),
        *notes_on_pairs(settings, config.num_rounds),
    ]
    done()
    population = [own, *baselines]
    met = {name: name in config.opponents for name in get_args(ScriptName) if name in baselines}
    return Evaluation(
        contenders=[*learned, *(Contender(name, "baseline") for name in baselines)],
        tables=[
            *_tables(played, population),
            *_tables_of_scripts(played, met, config.num_rounds),
        ],
        notes=[
            "Scores are payoffs over the highest of the game, in the mean over both seats and over "
            "opponents, of whom all agents of the run are one.",
            *notes,
        ],
        extras=_extras(played, own, population),
    )


def _tables(played: Played, population: Sequence[str]) -> list[Table]:
    """Of all strict ordinal games, and of the case studies."""
    strata = kinds().tolist()
    scores = {name: played.against(name, population) for name in played.members}
    return [
        _table("all games", scores, slice(None, PD), strata),
        _table("Prisoner's Dilemma", scores, slice(PD, BOS), ["Prisoner's Dilemma"]),
        _table("Battle of the Sexes", scores, slice(BOS, None), ["Battle of the Sexes"]),
    ]


def _tables_of_scripts(
    played: Played, met: Mapping[ScriptName, bool], num_rounds: int
) -> list[Table]:
    """Of all strict ordinal games against scripts alone, as fractions of the best responses'."""
    strata = kinds().tolist()
    tables = []
    for kind, is_met in (("scripts it has met", True), ("strangers", False)):
        scripts = [name for name, known in met.items() if known == is_met]
        if scripts:
            scores = {name: played.against(name, scripts) for name in played.members}
            best = best_scores(scripts, num_rounds)[:PD]
            tables.append(_table(kind, scores, slice(None, PD), strata, best))
    return tables


def _table(
    name: str,
    scores: Mapping[str, Float[np.ndarray, "game _"]],
    games: slice,
    strata: Sequence[str],
    best: Float[np.ndarray, " level"] | None = None,
) -> Table:
    return Table(
        name=name,
        unit="score",
        results={who: found[games] for who, found in scores.items()},
        strata=strata,
        optimal=best,
    )


def _extras(played: Played, own: str, population: Sequence[str]) -> dict:
    """What pictures show."""
    families = kinds()
    found = {name: by_family(played, name, population) for name in played.members}
    scores = played.against(own, population)[:PD]
    agents = {
        column: (scores if column == "all" else scores[families == column]).mean(axis=0).tolist()
        for column in COLUMNS
    }
    place = played.places(own).start
    return {
        "means": {
            name: {one: list(means[one]) for one in COLUMNS} for name, (means, _) in found.items()
        },
        "shares": {
            name: {one: list(shares[one]) for one in COLUMNS} for name, (_, shares) in found.items()
        },
        "bounds": bounds(),
        "agents": agents,
        "map": scores.mean(axis=1).tolist(),
        "families": families.tolist(),
        "dilemma": played.matrix(PD, 0).tolist(),
        "battle": [played.matrix(BOS, seat).tolist() for seat in (0, 1)],
        "names": list(played.members),
        "strips": {
            name: [
                [
                    played.actions[:, place, there, 0, game, 0].tolist(),
                    played.actions[:, there, place, 1, game, 0].tolist(),
                ]
                for game in (PD, BOS)
            ]
            for name in played.members
            for there in [played.places(name).start]
        },
    }
