"""Reports of LPG and its kin: levels of highest and lowest score, and how lives go."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree, UInt8

from rlsuite.curricula.buffer import Buffer
from rlsuite.experiments import plots
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.lives import life_sections
from rlsuite.experiments.methods.learned_policy_gradient.levels import held_out_levels
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.selection import take
from rlsuite.watching import unwatched

LEVELS_SHOWN = 6


class _Scored(NamedTuple):
    """Levels with a number each, and what that is."""

    levels: PyTree
    scores: Float[np.ndarray, " level"]
    image: Callable[[PyTree], UInt8[np.ndarray, "height width 3"]]
    meaning: str


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """A gallery of levels where they can be drawn, and how lives go."""
    return [*_gallery(finished, evaluation), *life_sections(evaluation)]


def _gallery(finished: Finished, evaluation: Evaluation | None) -> list[Section]:
    scored = _buffer_levels(finished) or _held_out_levels(finished, evaluation)
    if scored is None:
        return []
    highest, lowest = plots.extremes(scored.scores, LEVELS_SHOWN)

    def draw(path):
        def shown(indices):
            return [
                plots.Picture(
                    scored.image(take(scored.levels, index)), f"{scored.scores[index]:.2f}"
                )
                for index in indices
            ]

        groups = {
            f"Highest {scored.meaning}": shown(highest),
            f"Lowest {scored.meaning}": shown(lowest),
        }
        plots.gallery(path, groups, finished.named_world.key and finished.named_world.key())

    alternative = f"Levels of highest and lowest {scored.meaning}"
    return [Section("Levels", [Drawing("levels.png", alternative, draw)])]


def _buffer_levels(finished: Finished) -> _Scored | None:
    """Levels in the buffer of the curriculum with their scores, if it has one."""
    state, image = unwatched(finished.state), finished.named_world.draw
    buffer = getattr(state, "curriculum", None)
    if not isinstance(buffer, Buffer) or image is None:
        return None
    known = np.flatnonzero(buffer.is_scored)
    if not known.size:
        return None
    levels = take(jax.device_get(buffer.task.level), known)
    meaning = finished.run.method.score.replace("_", " ")
    return _Scored(levels, np.asarray(buffer.score)[known], image, meaning)


def _held_out_levels(finished: Finished, evaluation: Evaluation | None) -> _Scored | None:
    """Held-out levels with the mean regret of agents against the optimal return."""
    if evaluation is None or finished.named_world.draw is None:
        return None
    held_out = held_out_levels(finished.named_world, finished.run.evaluation)
    if held_out.optimal is None or held_out.world.draw is None:
        return None
    regret = held_out.optimal - evaluation.tables[0].results[evaluation.own].mean(axis=1)
    levels = jax.device_get(held_out.tasks.level)
    return _Scored(levels, regret, held_out.world.draw, "regret on held-out levels")
