"""Several runs beside each other: configurations, each with its seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlsuite.experiments import plots
from rlsuite.experiments.amending import as_tested
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import tested_alike
from rlsuite.experiments.evaluation import Evaluation, Table, estimate
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.files import reason, write_text
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.folder import check_named_once
from rlsuite.experiments.options import typed
from rlsuite.experiments.report import caption, markdown_table, test_drawings, written
from rlsuite.experiments.specs import BOOKKEEPING, Drawing, Section
from rlsuite.experiments.statistics import Estimate
from rlsuite.experiments.sweeping.folder import check_is_neither
from rlsuite.experiments.words import counted, table_in_markdown

Groups = Mapping[str, Sequence[int]]
"""Which runs belong together, by a label."""

# What may differ between runs that are still seeds of one configuration.
_OF_A_SEED = BOOKKEEPING | {"seed"}


def compare(runs: Sequence[Finished], out: Path) -> Path:
    """Writes `comparison.md` with its figures: learning curves and tests by configuration.

    Runs that differ in their seeds alone are taken as seeds of one configuration; configurations
    are told apart by what differs. Baselines are shown once, from the first run.

    Args:
      runs: tested runs on the same tasks, tested alike.
      out: the folder to write to; it is made if need be.

    Returns:
      The path of `comparison.md`.

    Raises:
      UserError: if a run has not been tested, or not like the others, or `out` is no folder.
    """
    runs, evaluations = zip(*map(_as_tested, runs), strict=True)
    for run in runs:
        if run.spec.kind != runs[0].spec.kind or not tested_alike(run, runs[0]):
            raise UserError(
                f"'{run.directory}' was trained on other tasks or tested in another way than "
                f"'{runs[0].directory}'"
            )
    _check_apart(runs, out)
    _make_folder(out)
    groups = grouped(runs)
    tables = evaluations[0].tables
    pooled = {table.name: _pooled(table, evaluations, groups) for table in tables}
    panels = {name: title for run in runs for name, title in run.spec.panels.items()}
    curves = {
        label: [runs[index].metrics for index in members] for label, members in groups.items()
    }
    colours = plots.contender_colours(groups, evaluations[0].of_role("baseline"))
    lifetimes = runs[0].world and runs[0].world.lifetime_range
    sections = [
        Section("Settings", [], _settings(runs, groups)),
        *_learning_curves(curves, panels, colours),
        Section(
            "Test",
            test_drawings(tables, pooled, lifetimes, colours),
            "\n\n".join(
                [
                    markdown_table(tables, pooled),
                    f"{caption(tables)} Those of several runs speak of training seeds as well.",
                    "Each run alone:",
                    markdown_table(tables, _single_runs(runs, evaluations, groups)),
                ]
            ),
        ),
    ]
    path = out / "comparison.md"
    write_text(path, "\n\n".join(written(section, out) for section in sections) + "\n")
    return path


def _learning_curves(
    curves: Mapping[str, plots.Runs], panels: Mapping[str, str], colours: Mapping[str, str]
) -> list[Section]:
    if not plots.logged_metrics(lines for runs in curves.values() for lines in runs):
        return []
    drawing = Drawing(
        "learning_curves.png",
        "Metrics over steps, mean and range over seeds",
        lambda path: plots.learning_curves(path, curves, panels, colours=colours),
    )
    return [Section("Learning curves", [drawing])]


def grouped(runs: Sequence[Finished]) -> Groups:
    """Runs by configuration, told apart by what differs and counted by seeds."""
    configurations = [_configuration(run) for run in runs]
    distinct: list[dict[str, Any]] = []
    for configuration in configurations:
        if configuration not in distinct:
            distinct.append(configuration)
    members = [
        [index for index, found in enumerate(configurations) if found == one] for one in distinct
    ]
    labels = [_label(one, distinct) for one in distinct]
    return {
        f"{label}, {counted(len(indices), 'seed')}": indices
        for label, indices in zip(labels, members, strict=True)
    }


def _configuration(run: Finished) -> dict[str, Any]:
    fields = {name: leaf.value for name, leaf in leaves(run.run).items() if name not in _OF_A_SEED}
    return {"method": run.title, **fields}


def _label(configuration: Mapping[str, Any], all_of_them: Sequence[Mapping[str, Any]]) -> str:
    """The method, and the fields by which it differs from others of that method."""
    method = configuration["method"]
    alike = [other for other in all_of_them if other["method"] == method]
    differing = [
        f"{name} {to_text(value)}"
        for name, value in configuration.items()
        if any(other[name] != value for other in alike)
    ]
    return f"{method} ({', '.join(differing)})" if differing else method


def _settings(runs: Sequence[Finished], groups: Groups) -> str:
    """What the configurations have in common by method, and which folders belong to which."""
    lines = []
    for label, members in groups.items():
        folders = ", ".join(
            f"`{runs[index].directory}` (seed {runs[index].run.seed})" for index in members
        )
        fields = {name: to_text(leaf.value) for name, leaf in leaves(runs[members[0]].run).items()}
        rows = [row for row in fields.items() if row[0] != "seed"]
        lines.append(
            f"**{label}**: {folders}\n\n<details><summary>Configuration</summary>\n\n"
            f"{table_in_markdown(['field', 'value'], rows)}\n\n</details>"
        )
    return "\n\n".join(lines)


def _as_tested(run: Finished) -> tuple[Finished, Evaluation]:
    tested, evaluation = as_tested(run)
    if evaluation is None:
        raise UserError(
            f"'{run.directory}' has not been tested; '{typed('evaluate', run.directory)}'"
        )
    return tested, evaluation


def _check_apart(runs: Sequence[Finished], out: Path) -> None:
    check_is_neither(out)
    check_named_once([run.directory for run in runs])


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot write to '{path}': {reason(error)}") from error


def _pooled(first: Table, evaluations: Sequence[Evaluation], groups: Groups) -> dict[str, Estimate]:
    """Estimates over all runs of each configuration, then baselines."""
    tables = [_named(evaluation, first.name) for evaluation in evaluations]
    pooled = {
        label: estimate(
            [tables[index].normalised(evaluations[index].own) for index in members], first.strata
        )
        for label, members in groups.items()
    }
    baselines = evaluations[0].of_role("baseline")
    return pooled | {name: first.estimates[name] for name in baselines if name in first.estimates}


def _named(evaluation: Evaluation, name: str) -> Table:
    return next(table for table in evaluation.tables if table.name == name)


def _single_runs(
    runs: Sequence[Finished], evaluations: Sequence[Evaluation], groups: Groups
) -> dict[str, dict[str, Estimate]]:
    """The estimate of each run alone, as its own evaluation gave it."""
    labels: dict[int, str] = {}
    for label, members in groups.items():
        for index in members:
            name = f"{label.rpartition(',')[0]}, seed {runs[index].run.seed}"
            taken = name in labels.values()
            labels[index] = f"{name} ({runs[index].directory})" if taken else name
    return {
        table.name: {
            labels[index]: _named(evaluation, table.name).estimates[evaluation.own]
            for index, evaluation in enumerate(evaluations)
        }
        for table in evaluations[0].tables
    }
