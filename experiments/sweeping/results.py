"""What the runs of a sweep have found, put together where they were tested alike.

Evaluations may have tables of one name that are different tests, such as victims in one world who
live for longer. Only runs that were tested alike stand beside each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import tested_alike
from rlsuite.experiments.evaluation import Curve, Curves, Evaluation, Table, estimate
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import holds_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.statistics import Estimate
from rlsuite.experiments.sweeping.folder import log_file, run_folder
from rlsuite.experiments.sweeping.grid import Job, Sweep, jobs
from rlsuite.experiments.sweeping.rows import last_words


class Result(NamedTuple):
    """A run of a sweep with the test of its last step."""

    job: Job
    run: Finished
    evaluation: Evaluation

    @property
    def setting(self) -> str:
        """The name of its setting."""
        return self.job.setting.name

    def table(self, name: str) -> Table | None:
        """Its table of that name, if it has one."""
        return next((table for table in self.evaluation.tables if table.name == name), None)


class Lacking(NamedTuple):
    """A job that has not come to its end, and why, as far as that is known."""

    job: Job
    reason: str


class Found(NamedTuple):
    """What there is of a sweep.

    Attributes:
      runs: those that can be read, whether they are finished or not.
      tested: those that were tested at their last step.
      lacking: jobs without what their end would leave.
    """

    runs: Sequence[tuple[Job, Finished]]
    tested: Sequence[Result]
    lacking: Sequence[Lacking]


def find_results(directory: Path, sweep: Sweep, methods: Methods) -> Found:
    """Reads the runs in the folder of a sweep; what can't be read is lacking."""
    runs: list[tuple[Job, Finished]] = []
    tested: list[Result] = []
    lacking: list[Lacking] = []
    for job in jobs(sweep):
        try:
            run = _run(directory, job, methods)
            runs.append((job, run))
            evaluation = _evaluation(run)
            if evaluation is not None:
                tested.append(Result(job, run, evaluation))
        except UserError as error:
            lacking.append(Lacking(job, f"{error}{_last_words(directory, job)}"))
    return Found(runs, tested, lacking)


def _run(directory: Path, job: Job, methods: Methods) -> Finished:
    folder = run_folder(directory, job)
    if not holds_run(folder):
        raise UserError("it has not begun")
    run = open_run(folder, methods)
    if run.run.seed != job.seed or run.spec.name != methods.find(job.setting.method).name:
        raise UserError(f"its folder holds another run, {run.spec.name} of seed {run.run.seed}")
    return run


def _evaluation(run: Finished) -> Evaluation | None:
    """The test of a run at its last step; none if runs of its method aren't tested.

    Raises:
      UserError: if it is to be made.
    """
    last = run.run.steps
    step = run.furthest_step if run.lacks_checkpoints else run.latest_step or 0
    if step < last:
        raise UserError(f"it is saved at step {step} of {last}")
    if run.spec.test is None:
        return None
    evaluation = run.evaluation
    if evaluation is None:
        raise UserError("it is trained, and has not been tested")
    if evaluation.step != last:
        raise UserError(f"it was tested at step {evaluation.step}, and trained to {last}")
    if evaluation.settings:
        others = ", ".join(evaluation.settings)
        raise UserError(f"it was tested with settings that are not the sweep's: {others}")
    return evaluation


def _last_words(directory: Path, job: Job) -> str:
    """The last line of a job's log, where it has one."""
    words = last_words(log_file(directory, job))
    return f"; its log ends with: {words}" if words else ""


@dataclass(frozen=True)
class CommonTest:
    """Runs that were tested alike, by setting, and what was the same for all of them.

    Attributes:
      runs: of all settings in it, in the order of the sweep.
    """

    runs: Sequence[Result]

    @cached_property
    def settings(self) -> list[str]:
        """The names of its settings."""
        return list(dict.fromkeys(run.setting for run in self.runs))

    @cached_property
    def baselines(self) -> list[str]:
        """The names of what is the same for all, as far as no setting is called so."""
        names = [name for run in self.runs for name in run.evaluation.of_role("baseline")]
        return [name for name in dict.fromkeys(names) if name not in self.settings]

    @cached_property
    def tables(self) -> list[Table]:
        """A table of each name, which tells what its levels and numbers are."""
        return list(
            {table.name: table for run in self.runs for table in run.evaluation.tables}.values()
        )

    def of(self, setting: str) -> list[Result]:
        """The runs of a setting."""
        return [run for run in self.runs if run.setting == setting]

    def num_trained(self, setting: str, table: str | None = None) -> int:
        """How many trainings stand behind a setting: runs, or agents that were trained apart.

        Args:
          setting: its name.
          table: in which they were tested; none takes the first.
        """
        return sum(
            _num_trained(run, run.table(table or self.tables[0].name)) for run in self.of(setting)
        )

    def results(self, table: Table, contender: str) -> Float[np.ndarray, "run level seed"] | None:
        """What the runs of a setting, or a baseline, came to on a table, normalised if that can be.

        None if it was not tested there. Of a baseline, which is the same for all, there is one run.
        """
        owners = [(run, run.evaluation.own) for run in self.of(contender)]
        if not owners:
            owners = [(run, contender) for run in self.runs]
        found = [
            theirs.normalised(name)
            for run, name in owners
            if (theirs := run.table(table.name)) is not None and name in theirs.results
        ]
        if not found:
            return None
        return np.stack(found if contender in self.settings else found[:1])

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """By table and contender, settings first: interquartile means with their intervals."""
        return {
            table.name: {
                name: estimate(list(results), table.strata)
                for name in (*self.settings, *self.baselines)
                if (results := self.results(table, name)) is not None
            }
            for table in self.tables
        }

    @cached_property
    def curves(self) -> list[tuple[Curves, dict[str, list[Curve]]]]:
        """What curves show and, by contender, the curve of each run; of baselines of the first."""
        found: dict[str, tuple[Curves, dict[str, list[Curve]]]] = {}
        for run in self.runs:
            for curves in run.evaluation.curves:
                _, lines = found.setdefault(curves.name, (curves, {}))
                if run.evaluation.own in curves.lines:
                    lines.setdefault(run.setting, []).append(curves.lines[run.evaluation.own])
        for curves, lines in found.values():
            lines |= {name: [curves.lines[name]] for name in self.baselines if name in curves.lines}
        return list(found.values())

    @cached_property
    def uneven(self) -> list[str]:
        """Baselines that are not the same in all runs, of which the first is shown."""
        return [name for name in self.baselines if any(self._differs(name, t) for t in self.tables)]

    def _differs(self, baseline: str, table: Table) -> bool:
        found = [
            theirs.results[baseline]
            for run in self.runs
            if (theirs := run.table(table.name)) is not None and baseline in theirs.results
        ]
        return any(not np.array_equal(one, found[0], equal_nan=True) for one in found)


def _num_trained(run: Result, table: Table | None) -> int:
    if table is None or not run.run.spec.trains_apart:
        return 1
    return table.results[run.evaluation.own].shape[1]


def common_tests(tested: Sequence[Result]) -> list[CommonTest]:
    """Runs put together where they were tested alike."""
    groups: list[list[Result]] = []
    for one in tested:
        group = next((group for group in groups if _alike(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return [CommonTest(group) for group in groups]


def _alike(first: Result, second: Result) -> bool:
    """Whether two runs were tested on the same levels in the same way.

    Levels of known optimal returns are told by these, whatever was trained on; of others it is
    asked that the training was on the same tasks with the same lifetimes.
    """
    if first.run.spec.kind != second.run.spec.kind:
        return False
    tables = {table.name: table for table in second.evaluation.tables}
    shared = [(one, tables[one.name]) for one in first.evaluation.tables if one.name in tables]
    if not shared or not all(_same_levels(one, other) for one, other in shared):
        return False
    if tested_alike(first.run, second.run):
        return True
    are_known = all(one.optimal is not None for one, _ in shared)
    return are_known and first.run.run.evaluation == second.run.run.evaluation


def _same_levels(first: Table, second: Table) -> bool:
    if (first.optimal is None) != (second.optimal is None):
        return False
    if first.optimal is not None and second.optimal is not None:
        optimal = np.asarray(first.optimal), np.asarray(second.optimal)
        if optimal[0].shape != optimal[1].shape or not np.allclose(*optimal):
            return False
    return all(
        getattr(first, name) == getattr(second, name)
        for name in ("unit", "higher_is_better", "horizon")
    ) and list(first.strata) == list(second.strata)


def numbered(strata: Sequence[str]) -> Int[np.ndarray, " level"]:
    """Strata by number, as statistics take them."""
    return np.unique(strata, return_inverse=True)[1]
