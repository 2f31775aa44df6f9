"""Meta-testing a run: a table for people, and `evaluation.json` for everything else."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rlsuite.experiments.configs import (
    ACTTestRun,
    ACTTrainRun,
    GrooveRun,
    LPGEvolutionRun,
    LPGRun,
    LPORun,
    ObjectiveEvaluationConfig,
    RunConfig,
)
from rlsuite.experiments.meta_test import MetaTest, courses, tested
from rlsuite.experiments.meta_test_act import channel_test, shaper_test
from rlsuite.experiments.meta_test_drifts import drift_meta_test
from rlsuite.experiments.meta_test_lpg import lpg_meta_test
from rlsuite.experiments.statistics import Estimate
from rlsuite.experiments.storage import read_config, write_text

AGENTS_WATCHED = 16


def evaluate(
    directory: Path, against: Sequence[Path] = (), *, console: Console | None = None
) -> dict[str, Any]:
    """Meta-tests a run and prints the table; the figures go to `evaluation.json` in its folder.

    Agents start afresh on each level, learn for its whole lifetime by the frozen objective, and
    are then evaluated. Beside it stand the objectives of other runs, an untrained one, and those
    written by hand. Returns are divided by the optimal ones where a solver knows them. A run of
    cheap talk is tested on fresh victims instead, beside channels that were not learned.

    Args:
      directory: the run.
      against: runs to compare with.
      console: where to print; the terminal by default.

    Returns:
      What `evaluation.json` holds.

    Raises:
      UserError: if one of the other runs has learned something of another kind.
    """
    console = console or _console()
    test = _TESTS[type(read_config(directory))]
    with _progress(console) as progress:
        document = {"run": str(directory), **test(directory, against, progress)}
    write_text(directory / "evaluation.json", json.dumps(document, indent=1) + "\n")
    console.print(_table(document))
    for line in standings(document):
        console.print(line)
    return document


def _objective_test(
    plan: Callable[[Path, Sequence[Path]], MetaTest],
) -> Callable[[Path, Sequence[Path], Progress], dict[str, Any]]:
    def test(directory, against, progress):
        settings = read_config(directory).evaluation
        assert isinstance(settings, ObjectiveEvaluationConfig)
        progress.add_task("preparing …", total=None)
        contenders, sets, notes = plan(directory, against)
        results = {
            level_set.name: tested(level_set, contenders, settings, progress) for level_set in sets
        }
        progress.add_task("watching agents live …", total=None)
        course = courses(sets[0], contenders[0], settings.horizons or (), AGENTS_WATCHED)
        return {**notes, "sets": results, "courses": course}

    return test


_TESTS: dict[type[RunConfig], Callable[[Path, Sequence[Path], Progress], dict[str, Any]]] = {
    LPGRun: _objective_test(lpg_meta_test),
    GrooveRun: _objective_test(lpg_meta_test),
    LPGEvolutionRun: _objective_test(lpg_meta_test),
    LPORun: _objective_test(drift_meta_test),
    ACTTrainRun: channel_test,
    ACTTestRun: shaper_test,
}


def standings(document: dict[str, Any]) -> list[str]:
    """One sentence per level set: where the run stands against each of the others."""
    lines = []
    for name, result in document["sets"].items():
        estimates = {who: Estimate(**value) for who, value in result["estimates"].items()}
        (own_name, own), *others = estimates.items()
        verdicts = [f"{_compare(own, other)} {who}" for who, other in others]
        lines.append(f"{name}: {own_name} is {', '.join(verdicts)}.")
    return lines


def _compare(own: Estimate, other: Estimate) -> str:
    if own.low > other.high:
        return "above"
    return "below" if own.high < other.low else "level with (intervals overlap)"


def _table(document: dict[str, Any]) -> Table:
    sets = document["sets"]
    normalised = {result["optimal"] is not None for result in sets.values()}
    unit = "return (fraction of the optimal, where it is known)"
    if len(normalised) == 1:
        unit = "fraction of the optimal return" if normalised == {True} else "return"
    table = Table(title=f"Meta-test: {unit}, interquartile mean [95 % interval]")
    table.add_column("learned by")
    for name, result in sets.items():
        count = len(result["levels"])
        table.add_column(f"{name}\n{count} levels", justify="right")
    for contender in next(iter(sets.values()))["estimates"]:
        estimates = [Estimate(**result["estimates"][contender]) for result in sets.values()]
        table.add_row(contender, *map(str, estimates))
    if True in normalised:
        table.add_row("optimal", *("1.00" if r["optimal"] else "not known" for r in sets.values()))
    return table


def _console() -> Console:
    """The terminal; a log or a pipe gets lines wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
