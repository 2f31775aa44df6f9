"""The test of Go-Explore: what it finds, beside explorers that lack one of its parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.archive import only_start, uniform_weights
from rlsuite.compiling import jit
from rlsuite.envs.cells import ONE_CELL, named_cells
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table, curve_of
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Test, Watch, required
from rlsuite.method import Method, train
from rlsuite.ranges import Count


class Otherwise(NamedTuple):
    """How an explorer differs from that of a run: fields of its configuration, and parts."""

    fields: Mapping[str, Any] = {}
    parts: Mapping[str, Any] = {}


BASELINES = {
    "all cells alike": Otherwise(parts={"weigh": uniform_weights}),
    "always from the start": Otherwise(parts={"weigh": only_start}),
    "counts go on": Otherwise({"reset_counters": False}),
    "one cell": Otherwise(parts={"cells": ONE_CELL}),
}
_POINTS_SHOWN = 40


def _with_other_cells(finished: Finished) -> dict[str, Otherwise]:
    """Explorers with the cells that the world has other names for, than the run has."""
    known = list(named_cells(required(finished.named_world).world))
    own = finished.run.method.cells or (known[0] if known else None)
    return {f"cells: {name}": Otherwise({"cells": name}) for name in known if name != own}


@dataclass(frozen=True)
class GoExploreEvaluationConfig:
    """How exploration is tested.

    Attributes:
      num_seeds: explorations of each explorer, other ones than the run's own.
    """

    num_seeds: Count = 16


Course = Mapping[str, Float[np.ndarray, "seed step"]]
"""Metrics of several explorations."""


def make_test(make_method: Callable[..., Method]) -> Test:
    """The test of runs whose methods are made so: `(run, world, **parts) -> Method`."""

    def explored(finished: Finished, otherwise: Otherwise, tested: Finished) -> Course:
        config = replace(finished.run.method, **otherwise.fields)
        run, world = replace(finished.run, method=config), required(finished.named_world)
        method = make_method(run, world, **otherwise.parts)
        keys = jax.random.split(role_key("searches"), tested.run.evaluation.num_seeds)
        program = jit(jax.vmap(lambda key: train(method, tested.run.steps)(key)[1]))
        return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), program(keys))

    def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
        """What a run's method finds in as many steps, by itself and with parts left out."""
        asked = [(who, run, Otherwise()) for who, run in finished.beside(rivals).items()]
        asked += [
            (Contender(name, "baseline"), finished, otherwise)
            for name, otherwise in (BASELINES | _with_other_cells(finished)).items()
        ]
        watch.expect(len(asked))
        courses = {}
        for who, run, otherwise in asked:
            done = watch.begin(who.name)
            courses[who.name] = explored(run, otherwise, finished)
            done()
        return Evaluation(
            contenders=[who for who, _, _ in asked],
            tables=_tables(courses, required(finished.named_world).name),
            curves=_curves(courses),
            notes=[
                "Each explorer makes as many choices of cells as the run, with seeds of its own. "
                "Those who don't come to the best score count as if they did at their end. "
                "Cells are the world's usual ones, whatever cells an explorer goes by.",
            ],
        )

    return test


def _tables(courses: Mapping[str, Course], stratum: str) -> list[Table]:
    best = max(course["best_score"].max() for course in courses.values())

    def table(name, unit, of, higher_is_better=True):
        results = {who: of(course)[None] for who, course in courses.items()}
        return Table(
            name=name,
            unit=unit,
            results=results,
            strata=[stratum],
            higher_is_better=higher_is_better,
        )

    def steps_to_best(course):
        # Those who don't come to it count as if they did at the end.
        reached = course["best_score"] >= best
        place = np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1] - 1)
        return np.take_along_axis(course["seen_steps"], place[:, None], axis=1)[:, 0]

    return [
        table("score", "score", lambda course: course["best_score"][:, -1]),
        table("cells", "cells", lambda course: course["counted"][:, -1]),
        table(f"steps to a score of {best:g}", "world steps", steps_to_best, False),
    ]


def _curves(courses: Mapping[str, Course]) -> list[Curves]:
    def curves(metric, label):
        lines = {}
        for who, course in courses.items():
            values, steps = course[metric].T, course["seen_steps"].mean(axis=0)
            shown = np.unique(np.linspace(0, len(values) - 1, _POINTS_SHOWN).round().astype(int))
            lines[who] = curve_of(steps[shown].tolist(), values[shown])
        return Curves(label, "world steps", label, lines)

    return [curves("best_score", "best score"), curves("counted", "cells entered")]
