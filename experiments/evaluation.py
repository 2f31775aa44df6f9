"""What a test of what was learned has found: contenders with roles, tables with units, curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.statistics import Estimate, bootstrap

Role = Literal["own", "rival", "baseline"]
"""The run's own, another run's, or what is the same for all runs that are tested alike."""

SCORE = "score, 0 for a random policy and 1 for the reference"
"""The unit of results that are measured from a random policy's."""

FORMAT, FORMAT_VERSION = "rlsuite-evaluation", 4
EVALUATION = "evaluation.json"
"""The file of a run's folder that its evaluation is kept in, sealed by its digest."""


class Contender(NamedTuple):
    """Something that was tested, and what it is in the test."""

    name: str
    role: Role


@dataclass(frozen=True)
class Table:
    """Results of all contenders on some levels.

    Attributes:
      name: what the levels are called.
      unit: what a result is, such as `return`.
      results: by contender, `[level, seed]`.
      strata: of each level, the distribution it was drawn from.
      optimal: the best result there can be on each level, or another one to measure by;
        estimates are of fractions of it.
      higher_is_better: whether a higher result is a better one.
      horizon: the lifetime in agent updates, for tables that differ by it alone.
      random: the result of a random policy on each level, from which fractions are counted; none
        counts them from zero.
    """

    name: str
    unit: str
    results: Mapping[str, Float[np.ndarray, "level seed"]]
    strata: Sequence[str]
    optimal: Float[np.ndarray, " level"] | None = None
    higher_is_better: bool = True
    horizon: int | None = None
    random: Float[np.ndarray, " level"] | None = None

    @property
    def shown_unit(self) -> str:
        """What estimates are of."""
        if self.optimal is None:
            return self.unit
        return f"fraction of the optimal {self.unit}" if self.random is None else SCORE

    def normalised(self, contender: str) -> Float[np.ndarray, "level seed"]:
        """Results as fractions of the way to the optimum; as they are, where that is not known."""
        # In one precision, whether it comes from a test or from a file.
        results = np.asarray(self.results[contender], np.float64)
        if self.optimal is None:
            return results
        optimal = np.asarray(self.optimal, np.float64)[:, None]
        if self.random is None:
            return results / optimal
        random = np.asarray(self.random, np.float64)[:, None]
        return (results - random) / (optimal - random)

    @cached_property
    def estimates(self) -> Mapping[str, Estimate]:
        """By contender, the interquartile mean with its interval over levels and seeds."""
        return {name: estimate([self.normalised(name)], self.strata) for name in self.results}


def estimate(runs: Sequence[Float[np.ndarray, "level seed"]], strata: Sequence[str]) -> Estimate:
    """The interquartile mean over runs, levels and seeds, with its stratified interval."""
    return bootstrap(np.stack(runs), np.unique(strata, return_inverse=True)[1])


class Curve(NamedTuple):
    """A line with its 95 % interval."""

    x: Sequence[float]
    value: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def curve_of(x: Sequence[float], values: Float[np.ndarray, "point *sample"]) -> Curve:
    """A line of interquartile means over samples, with their intervals."""
    estimates = [bootstrap(row.reshape(1, 1, -1), np.zeros(1, int)) for row in values]
    value, low, high = zip(*estimates, strict=True)
    return Curve(list(x), list(value), list(low), list(high))


@dataclass(frozen=True)
class Curves:
    """Lines of several contenders.

    Attributes:
      name: what they show.
      x_label: of the axis across, with its unit.
      y_label: of the axis up, with its unit.
      lines: by contender.
      statistic: what a line is of the results behind it.
    """

    name: str
    x_label: str
    y_label: str
    lines: Mapping[str, Curve]
    statistic: str = "interquartile mean"


@dataclass(frozen=True)
class Evaluation:
    """The test of a run.

    Attributes:
      contenders: the run's own first.
      tables: in the order they are shown in; their names differ.
      curves: likewise.
      notes: sentences that belong under the tables.
      extras: what the method's own pictures need, in terms of JSON.
      step: of the run, at which it was tested; `rlsuite evaluate` says it.
      settings: fields of the run's configuration, with texts, that the test was made with in place
        of the run's own.
    """

    contenders: Sequence[Contender]
    tables: Sequence[Table]
    curves: Sequence[Curves] = ()
    notes: Sequence[str] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def of_role(self, *roles: Role) -> list[str]:
        """The names of contenders with one of these roles."""
        return [name for name, role in self.contenders if role in roles]

    @property
    def own(self) -> str:
        """The name of the run's own contender."""
        return self.of_role("own")[0]


def tested_at(evaluation: Evaluation, last: int) -> str:
    """A sentence that says at which step a run was tested, and clearly if that isn't the `last`."""
    if evaluation.step == last:
        return f"Tested at step {last}."
    return f"Tested at step {evaluation.step}, which is not the last step of the run, {last}."


def standings(evaluation: Evaluation) -> list[str]:
    """One sentence per table: where the run stands against each of the others."""
    lines = []
    for table in evaluation.tables:
        own = table.estimates[evaluation.own]
        verdicts = [
            f"{_verdict(own, table.estimates[name], table.higher_is_better)} {name}"
            for name, _ in evaluation.contenders
            if name != evaluation.own and name in table.results
        ]
        if verdicts:
            lines.append(f"{table.name}: {evaluation.own} is {', '.join(verdicts)}.")
    return lines


def _verdict(own: Estimate, other: Estimate, higher_is_better: bool) -> str:
    if own.low > other.high:
        return "above" if higher_is_better else "above (worse than)"
    if own.high < other.low:
        return "below" if higher_is_better else "below (better than)"
    return "level with (intervals overlap)"


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as nested dictionaries that `json` can write, with its estimates."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "step": evaluation.step,
        "contenders": [contender._asdict() for contender in evaluation.contenders],
        "tables": [_table_to_json(table) for table in evaluation.tables],
        "curves": [
            {
                "name": curves.name,
                "x_label": curves.x_label,
                "y_label": curves.y_label,
                "lines": {name: line._asdict() for name, line in curves.lines.items()},
                "statistic": curves.statistic,
            }
            for curves in evaluation.curves
        ],
        "notes": list(evaluation.notes),
        "extras": dict(evaluation.extras),
        **({"settings": dict(evaluation.settings)} if evaluation.settings else {}),
    }


def _table_to_json(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "unit": table.unit,
        "better": "higher" if table.higher_is_better else "lower",
        "horizon": table.horizon,
        "strata": list(table.strata),
        "optimal": None if table.optimal is None else np.asarray(table.optimal).tolist(),
        **({} if table.random is None else {"random": np.asarray(table.random).tolist()}),
        "results": {name: np.asarray(found).tolist() for name, found in table.results.items()},
        "estimate_unit": table.shown_unit,
        "estimates": {name: found._asdict() for name, found in table.estimates.items()},
    }


def from_json(document: Mapping[str, Any]) -> Evaluation:
    """The inverse of `to_json`.

    Raises:
      UserError: if the document is of another format.
    """
    if document.get("format") != FORMAT or document.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"the evaluation is of format version {document.get('format_version', 1)}; this "
            f"rlsuite reads version {FORMAT_VERSION}: run 'rlsuite evaluate' again"
        )
    return Evaluation(
        contenders=[Contender(**contender) for contender in document["contenders"]],
        tables=[
            Table(
                name=table["name"],
                unit=table["unit"],
                results={name: np.array(found) for name, found in table["results"].items()},
                strata=table["strata"],
                optimal=None if table["optimal"] is None else np.array(table["optimal"]),
                higher_is_better=table["better"] == "higher",
                horizon=table["horizon"],
                random=np.array(table["random"]) if "random" in table else None,
            )
            for table in document["tables"]
        ],
        curves=[
            Curves(
                name=curves["name"],
                x_label=curves["x_label"],
                y_label=curves["y_label"],
                lines={name: Curve(**line) for name, line in curves["lines"].items()},
                statistic=curves.get("statistic", Curves.statistic),
            )
            for curves in document["curves"]
        ],
        notes=document["notes"],
        extras=document["extras"],
        step=document["step"],
        settings=document.get("settings", {}),
    )
