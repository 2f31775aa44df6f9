"""Reports of students: the levels that were designed for them."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.curricula.learnable_levels import LearnableLevels
from rlsuite.curricula.level_replay import LevelReplayState
from rlsuite.experiments import plots
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import take
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.rollout import Level
from rlsuite.watching import unwatched

LEVELS_SHOWN = 6
_PATHS_IN_A_ROW = 4


class _Scored(NamedTuple):
    """Levels with a number each, and what that is."""

    levels: Level
    scores: Float[np.ndarray, " level"]
    meaning: str


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """The levels that a designer holds, and the student's paths through mazes drawn by hand."""
    return [*_designed(finished), *_paths(finished, evaluation)]


def _paths(finished: Finished, evaluation: Evaluation | None) -> list[Section]:
    """One attempt at each maze, where a test has made some."""
    design = finished.named_world.design
    if evaluation is None or design is None or design.draw_path is None:
        return []
    paths = evaluation.extras.get("paths", {})
    if not paths:
        return []
    draw_path, drawn, solved = design.draw_path, design.drawn, evaluation.extras["solved"]
    rates = dict(zip(drawn, solved["drawn mazes"][evaluation.own], strict=True))

    def draw(path):
        shown = [
            plots.Picture(
                draw_path(jax.device_get(drawn[name]), cells), f"{name}: {rates[name]:.2f}"
            )
            for name, cells in paths.items()
        ]
        rows = [
            shown[first : first + _PATHS_IN_A_ROW]
            for first in range(0, len(shown), _PATHS_IN_A_ROW)
        ]
        titles = [
            "One attempt at each maze, and the share of all that solved it",
            *(" " * n for n in range(1, len(rows))),
        ]
        plots.gallery(path, dict(zip(titles, rows, strict=False)))

    text = "Golden is where the student went in one attempt, from where it is drawn."
    alternative = "Paths of the student through mazes drawn by hand"
    return [Section("Paths", [Drawing("paths.png", alternative, draw)], text)]


def _designed(finished: Finished) -> list[Section]:
    """Levels of the highest and of the lowest score."""
    scored, world = _scored(finished), finished.named_world
    if scored is None or world.draw is None:
        return []
    image, key = world.draw, world.key and world.key()

    def draw(path):
        rows = {}
        order = plots.extremes(scored.scores, LEVELS_SHOWN)
        for which, indices in zip(("Highest", "Lowest"), order, strict=True):
            rows[f"{which} {scored.meaning}"] = [
                plots.Picture(image(take(scored.levels, one)), f"{scored.scores[one]:.2f}")
                for one in indices
            ]
        plots.gallery(path, rows, key)

    alternative = f"Levels of highest and lowest {scored.meaning}"
    return [Section("Levels at the end", [Drawing("levels.png", alternative, draw)])]


def _scored(finished: Finished) -> _Scored | None:
    held = jax.device_get(getattr(unwatched(finished.state), "designer", None))
    if isinstance(held, LearnableLevels):
        return _Scored(held.task.level, np.asarray(held.learnability), "learnability")
    if isinstance(held, LevelReplayState):
        known = np.flatnonzero(held.buffer.is_scored)
        meaning = getattr(finished.run.method, "score", "regret").replace("_", " ")
        if known.size:
            levels = take(held.buffer.task.level, known)
            return _Scored(levels, np.asarray(held.buffer.score)[known], meaning)
    return None
