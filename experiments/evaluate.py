"""Testing what runs have learned: a table for people, `evaluation.json` for everything else."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from rlsuite.experiments.amending import tested_with
from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.evaluation import (
    EVALUATION,
    Contender,
    Evaluation,
    standings,
    tested_at,
    to_json,
)
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.files import check_writable, sealed, write_text
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.specs import Test, Watch
from rlsuite.experiments.streams import shown


def evaluate(
    run: Finished,
    rivals: Sequence[Finished] = (),
    *,
    settings: Mapping[str, str] = MappingProxyType({}),
    console: Console | None = None,
) -> Evaluation:
    """Tests a run and prints the table; the figures go to `evaluation.json` in its folder.

    Rivals that are tested alike, and have no evaluation yet, get theirs from the same test.

    Args:
      run: what is tested.
      rivals: runs to compare with.
      settings: texts by fields such as `evaluation.num_levels`, in place of the runs' own; the
        evaluation says which, where they differ from the first run's.
      console: where to print; the terminal by default.

    Raises:
      UserError: if there is no such field, the method isn't tested, one of the rivals has learned
        something of another kind, or the folder can't be written.
    """
    console = console or wide_console()
    own = leaves(run.run)
    run, *rivals = (tested_with(one, settings) for one in (run, *rivals))
    _check(run, rivals)
    asked = leaves(run.run)
    values = {name: asked[name].value for name in settings}
    others = {name: to_text(value) for name, value in values.items() if value != own[name].value}
    evaluation = replace(_tested(run, rivals, console), settings=others)
    # Shown even if it can't be saved, and saved even if it can't be shown.
    try:
        _show(evaluation, run.run.steps, console)
    finally:
        _save(run.directory, evaluation)
    for rival, contender in zip(rivals, evaluation.of_role("rival"), strict=True):
        if tested_alike(run, rival) and not _has_evaluation(rival):
            _keep_for(rival, _seen_from(evaluation, contender, rival, rival.title), console)
    return evaluation


def evaluate_each(runs: Sequence[Finished], *, console: Console | None = None) -> None:
    """Tests runs of one method that are tested alike at once, which is sooner than one by one.

    Each one's folder gets an evaluation of its own, beside baselines that are tested once.

    Args:
      runs: at least one.
      console: where to print; the terminal by default.

    Raises:
      UserError: as `evaluate`.
    """
    console = console or wide_console()
    run, *others = runs
    _check(run, others)
    for one in others:
        check_writable(one.directory)
    evaluation = _tested(run, others, console)
    names = [evaluation.own, *evaluation.of_role("rival")]
    for name, one in zip(names, runs, strict=True):
        found = _seen_from(evaluation, name, one, evaluation.own)
        _save(one.directory, replace(found, extras=evaluation.extras) if one is run else found)
    _show(evaluation, run.run.steps, console)


def _tested(run: Finished, rivals: Sequence[Finished], console: Console) -> Evaluation:
    with watching(console) as watch:
        return replace(_test_of(run)(run, rivals, watch), step=run.state_step)


def _check(run: Finished, rivals: Sequence[Finished]) -> None:
    """Makes sure that runs can be tested together, and kept."""
    _test_of(run)
    for rival in rivals:
        if rival.spec.kind != run.spec.kind:
            raise UserError(
                f"'{rival.directory}' has learned another kind of thing ({rival.spec.kind}) than "
                f"'{run.directory}' ({run.spec.kind})"
            )
    check_writable(run.directory)


def _test_of(run: Finished) -> Test:
    if run.spec.test is None:
        raise UserError(f"'{run.directory}': runs of {run.spec.name} aren't tested")
    return run.spec.test


def _has_evaluation(run: Finished) -> bool:
    """Whether there is one that can be read."""
    try:
        return run.evaluation is not None
    except UserError:
        return False


def _keep_for(rival: Finished, evaluation: Evaluation, console: Console) -> None:
    try:
        _save(rival.directory, evaluation)
    except UserError as error:  # Others' folders may be theirs alone to write.
        say(str(error))
    else:
        console.print(f"kept for '{rival.directory}' as well", markup=False)


def _show(evaluation: Evaluation, last: int, console: Console) -> None:
    console.print(_table(evaluation))
    say_lines((tested_at(evaluation, last), *standings(evaluation), *evaluation.notes), console)


def say_lines(lines: Iterable[str], console: Console) -> None:
    """Prints what belongs under a table."""
    for line in lines:
        console.print(shown(line, console.encoding), markup=False)


def tested_alike(first: Finished, second: Finished) -> bool:
    """Whether two runs were trained on the same tasks, and are tested in the same way."""

    def conditions(finished: Finished):
        run = finished.run
        lifetimes = (run.min_lifetime, run.max_lifetime)
        return run.tasks, dict(finished.world_parameters), lifetimes, run.evaluation

    return conditions(first) == conditions(second)


def _save(directory: Path, evaluation: Evaluation) -> None:
    write_text(directory / EVALUATION, sealed(to_json(evaluation)))


def _seen_from(evaluation: Evaluation, tested: str, run: Finished, name: str) -> Evaluation:
    """An evaluation as that of one of the runs in it, which comes first, beside baselines alone.

    Args:
      evaluation: of several runs.
      tested: what the run is called there.
      run: whose it is to be.
      name: what it calls the run.
    """
    baselines = evaluation.of_role("baseline")
    shown_as = {tested: name} | {one: one for one in baselines}

    def chosen(found: Mapping[str, Any]) -> dict[str, Any]:
        return {new: found[old] for old, new in shown_as.items() if old in found}

    return replace(
        evaluation,
        contenders=[Contender(name, "own"), *(Contender(one, "baseline") for one in baselines)],
        tables=[replace(table, results=chosen(table.results)) for table in evaluation.tables],
        curves=[replace(curves, lines=chosen(curves.lines)) for curves in evaluation.curves],
        extras={},
        step=run.state_step,
    )


def _table(evaluation: Evaluation) -> RichTable:
    tables = evaluation.tables
    units = list(dict.fromkeys(table.shown_unit for table in tables))
    common = f"{units[0]}, " if len(units) == 1 else ""
    # As text of its own: what is in brackets in a name is no style.
    title = Text(f"{common}interquartile mean [95 % interval]", "table.title")
    shown = RichTable(title=title)
    shown.add_column("")
    for table in tables:
        lines = [table.name, *([table.shown_unit] if len(units) > 1 else [])]
        count = len(table.strata)
        lines.append(f"{count} levels" if count > 1 else "")
        shown.add_column(Text("\n".join(filter(None, lines))), justify="right")
    for name, _ in evaluation.contenders:
        cells = [str(table.estimates[name]) if name in table.estimates else "" for table in tables]
        shown.add_row(Text(name), *cells)
    if any(table.optimal is not None for table in tables):
        known = [table.optimal is not None for table in tables]
        shown.add_row("optimal", *("1.00" if is_known else "not known" for is_known in known))
    return shown


def wide_console() -> Console:
    """The terminal; a log or a pipe gets lines wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


@contextmanager
def watching(console: Console) -> Iterator[Watch]:
    """A bar on a terminal, a line as each part begins elsewhere; both say how long it will take."""
    if not console.is_terminal:
        parts = _Parts(console)
        yield Watch(parts.begin, parts.expect)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("testing", total=None)

        def begin(description):
            progress.update(bar, description=shown(description, console.encoding))
            return lambda: progress.advance(bar)

        yield Watch(begin, lambda num_parts: progress.update(bar, total=num_parts))


class _Parts:
    """Lines that say which part of a test begins, and how long the rest may take."""

    def __init__(self, console: Console):
        self._console, self._began = console, time.monotonic()
        self._done, self._expected = 0, 0

    def expect(self, num_parts: int) -> None:
        self._expected = self._done + num_parts

    def begin(self, description: str) -> Callable[[], None]:
        left = ""
        if self._done and self._expected > self._done:
            seconds = (time.monotonic() - self._began) / self._done
            rest = timedelta(seconds=round(seconds * (self._expected - self._done)))
            left = f", about {rest} left"
        text = shown(f"{description} …{left}", self._console.encoding)
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        return self.finish

    def finish(self) -> None:
        self._done += 1
