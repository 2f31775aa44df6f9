"""Reports of students: the levels that were designed for them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from rlsuite.compiling import jit
from rlsuite.curricula.learnable_levels import LearnableLevels
from rlsuite.curricula.level_replay import LevelReplayState
from rlsuite.experiments import plots
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.design.drawn import levels_drawn
from rlsuite.experiments.methods.design.names import names_of
from rlsuite.experiments.methods.design.scored import scored_section
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.statistics import share
from rlsuite.experiments.words import table_in_markdown
from rlsuite.method import State
from rlsuite.rollout import Level
from rlsuite.selection import take
from rlsuite.watching import unwatched

Draw = Callable[[Level], plots.Image]
"""`level -> image`."""

LEVELS_SHOWN = 6
_PATHS_IN_A_ROW = 4


class _Scored(NamedTuple):
    """Levels with a number each, and what that is."""

    levels: Level
    scores: Float[np.ndarray, " level"]
    meaning: str


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """Levels that a designer holds, paths through those drawn by hand, and what scores see."""
    scores = None if evaluation is None else evaluation.extras.get("scores")
    return [
        *_designed(finished),
        *_paths(finished, evaluation),
        *_named(finished, evaluation),
        *scored_section(scores),
    ]


def _paths(finished: Finished, evaluation: Evaluation | None) -> list[Section]:
    """One attempt at each level drawn by hand, where a test has made some."""
    design = finished.named_world.design
    if evaluation is None or design is None or design.draw_path is None:
        return []
    paths = evaluation.extras.get("paths", {})
    if not paths:
        return []
    draw_path, solved = design.draw_path, evaluation.extras["solved"]
    names = names_of(design)
    if names.drawn not in solved:  # An older test called them otherwise.
        return []
    drawn = levels_drawn(finished.named_world, evaluation.extras.get("drawings"))
    rates = dict(zip(drawn, solved[names.drawn][evaluation.own], strict=True))

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
            f"One attempt at each of the {names.levels}, and the share of all that solved it",
            *(" " * n for n in range(1, len(rows))),
        ]
        plots.gallery(path, dict(zip(titles, rows, strict=False)))

    text = "Golden is where the student went in one attempt, from where it is drawn."
    alternative = f"Paths of the student through {names.levels} drawn by hand"
    return [Section("Paths", [Drawing("paths.png", alternative, draw)], text)]


def _named(finished: Finished, evaluation: Evaluation | None) -> list[Section]:
    """Solve rates of all that were tested, for each level with a name and each kind."""
    if evaluation is None or "num_attempts" not in evaluation.extras:
        return []
    extras, names = evaluation.extras, names_of(finished.named_world.design)
    by_hand = f"{names.levels.capitalize()} drawn by hand"
    found = [
        _by_name(evaluation, by_hand, names.drawn, extras["num_attempts"]),
        # Tests of before there were kinds have no number of them.
        _by_name(
            evaluation,
            names.of_a_kind.capitalize(),
            names.of_a_kind,
            extras.get("num_of_a_kind", 0),
        ),
    ]
    return [section for section in found if section is not None]


def _by_name(evaluation: Evaluation, title: str, levels: str, number: int) -> Section | None:
    """Solve rates on levels of a set, where there are any."""
    rates = evaluation.extras["solved"].get(levels)
    if not rates:
        return None
    names = [name for name, _ in evaluation.contenders]
    strata = next(table.strata for table in evaluation.tables if table.name == levels)
    rows = [
        [level, *(_share(rates[name][place], number) for name in names)]
        for place, level in enumerate(strata)
    ]
    text = (
        f"Shares of {number} attempts at each that solved it, with Wilson's 95 % intervals: "
        "they are of these students, not of others trained alike."
    )
    return Section(title, [], f"{text}\n\n{table_in_markdown(['level', *names], rows)}")


def _share(rate: float, number: int) -> str:
    return str(share(np.arange(number) < round(rate * number)))


def _designed(finished: Finished) -> list[Section]:
    """Levels of the highest score over time, and of the lowest at the end."""
    scored, draw = _scored(finished, finished.state), finished.named_world.draw
    if scored is None or draw is None:
        return []
    return [*_over_time(finished, draw), _at_the_end(finished, draw, scored)]


def _over_time(finished: Finished, image: Draw) -> list[Section]:
    """Levels of the highest score at each checkpoint, where more than one is kept."""
    moments = {step: _scored(finished, state) for step, state in finished.states()}
    scored = {step: one for step, one in moments.items() if one is not None}
    if len(scored) < 2:
        return []
    meaning = next(iter(scored.values())).meaning

    def draw(path):
        rows = {}
        for step, one in scored.items():
            highest, _ = plots.extremes(one.scores, LEVELS_SHOWN)
            rows[f"Highest {meaning} after {step:,} rollouts"] = _shown(
                finished, image, one, highest
            )
        plots.gallery(path, rows, _key(finished))

    alternative = f"Levels of the highest {meaning} over time"
    text = f"Of each level its {meaning} and what else is measured of it."
    drawings = [Drawing("levels_over_time.png", alternative, draw)]
    return [Section("Levels over time", drawings, text)]


def _at_the_end(finished: Finished, image: Draw, scored: _Scored) -> Section:
    def draw(path):
        order = plots.extremes(scored.scores, LEVELS_SHOWN)
        rows = {
            f"{which} {scored.meaning}": _shown(finished, image, scored, indices)
            for which, indices in zip(("Highest", "Lowest"), order, strict=True)
        }
        plots.gallery(path, rows, _key(finished))

    alternative = f"Levels of highest and lowest {scored.meaning}"
    return Section("Levels at the end", [Drawing("levels.png", alternative, draw)])


def _shown(
    finished: Finished, image: Draw, scored: _Scored, indices: Int[np.ndarray, " shown"]
) -> list[plots.Picture]:
    """Some of the levels, each with its score and what is measured of it."""
    world, levels = finished.named_world, take(scored.levels, indices)
    measures = {} if world.design is None else world.design.measures
    measured = {
        name.replace("_", " "): np.asarray(_of_each(of)(levels), float)
        for name, of in measures.items()
    }
    captions = [
        f"{score:.2f}\n" + ", ".join(f"{name} {of[place]:g}" for name, of in measured.items())
        for place, score in enumerate(scored.scores[indices])
    ]
    images = (image(take(levels, place)) for place in range(len(captions)))
    return [plots.Picture(*both) for both in zip(images, captions, strict=True)]


@cache
def _of_each(measure: Callable[[Level], Array]) -> Callable[[Level], Array]:
    """What is measured of levels, compiled once for all rows."""
    return jit(jax.vmap(measure), program="once")


def _key(finished: Finished) -> Mapping[str, plots.Image] | None:
    """What is found in pictures of levels."""
    key = finished.named_world.key
    return key and key()


def _scored(finished: Finished, state: State) -> _Scored | None:
    """The levels that a designer holds, if it scores any."""
    held = jax.device_get(getattr(unwatched(state), "designer", None))
    if isinstance(held, LearnableLevels):
        return _Scored(held.task.level, np.asarray(held.learnability), "learnability")
    if isinstance(held, LevelReplayState):
        known = np.flatnonzero(held.buffer.is_scored)
        meaning = getattr(finished.run.method, "score", "regret").replace("_", " ")
        if known.size:
            levels = take(held.buffer.task.level, known)
            return _Scored(levels, np.asarray(held.buffer.score)[known], meaning)
    return None
