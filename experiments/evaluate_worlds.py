"""The command's test on any worlds: a table for people, and a folder with all of it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rlsuite.experiments.contenders import Source, contenders_of
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import say_lines, watching, wide_console
from rlsuite.experiments.evaluation import (
    EVALUATION,
    SCORE,
    Evaluation,
    Table,
    standings,
    to_json,
)
from rlsuite.experiments.files import check_writable, sealed, write_text, writing
from rlsuite.experiments.plot_style import contender_colours
from rlsuite.experiments.plots_worlds import scores
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.report import written
from rlsuite.experiments.specs import Drawing, Section, WorldSpec
from rlsuite.experiments.sweeping.folder import check_is_neither
from rlsuite.experiments.words import counted, table_in_markdown
from rlsuite.experiments.world_test import WorldTestConfig, check_contenders, world_test

_EXPLAINED = (
    "Interquartile mean and 95 % stratified bootstrap interval over levels and fresh agents. "
    "Scores are 0 for a random policy, measured in the same test, and 1 for the reference of the "
    "world; without one, returns are shown as they are. Over worlds, each counts by the mean over "
    "its levels."
)


def evaluate_on_worlds(
    source: Source,
    others: Sequence[Source],
    names: Sequence[str],
    settings: WorldTestConfig,
    out: Path | None,
    *,
    command: str,
    overwrite: bool = False,
    console: Console | None = None,
) -> Path:
    """Tests what agents can learn by on worlds, prints the table and writes the folder of it.

    Args:
      source: what is tested.
      others: what it is compared with.
      names: of the worlds.
      settings: for how long, and with how many agents.
      out: the folder, with `evaluation.json`, `report.md` and `scores.png`; by default
        `evaluations/` and what the source is called.
      command: by which this is done again.
      overwrite: whether an evaluation that the folder holds may be replaced.
      console: where to print; the terminal by default.

    Raises:
      UserError: if a world can't be served by all of them, or the folder is taken or can't be
        written, before anything is computed.
    """
    console = console or wide_console()
    out = out or Path("evaluations") / source.word
    check_is_neither(out)
    if (out / EVALUATION).exists() and not overwrite:
        raise UserError(
            f"'{out}' holds an evaluation; replace it with '--overwrite', or choose another '--out'"
        )
    contenders = contenders_of(source, others)
    worlds = [_world(name, source) for name in names]
    check_contenders(contenders, worlds)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    check_writable(out)
    with watching(console) as watch:
        evaluation = world_test(contenders, worlds, settings, watch)
    # Shown even if it can't be saved, and saved even if it can't be shown.
    try:
        console.print(_table(evaluation))
        say_lines((*standings(evaluation), *evaluation.notes), console)
    finally:
        write_text(out / EVALUATION, sealed(to_json(evaluation)))
    path = _report(evaluation, out, command)
    console.print(str(path), markup=False)
    return path


def _world(name: str, source: Source) -> WorldSpec:
    """A world, with the parameters of the run that is tested where it is the run's own."""
    if source.run is not None and source.run.run.tasks == name:
        return source.run.named_world
    return find_world(name)


def _table(evaluation: Evaluation) -> RichTable:
    """Worlds in rows, contenders in columns: there may be many worlds."""
    shown = RichTable(title=Text("interquartile mean [95 % interval]", "table.title"))
    shown.add_column("")
    shown.add_column("")
    for name, _ in evaluation.contenders:
        shown.add_column(Text(name), justify="right")
    for table in evaluation.tables:
        cells = [str(table.estimates[name]) for name, _ in evaluation.contenders]
        shown.add_row(Text(table.name), _kind(table), *cells)
    return shown


def _kind(table: Table) -> str:
    return "score" if table.shown_unit == SCORE else table.shown_unit


def _report(evaluation: Evaluation, out: Path, command: str) -> Path:
    names = [name for name, _ in evaluation.contenders]
    rows = [
        [table.name, _kind(table), *(str(table.estimates[name]) for name in names)]
        for table in evaluation.tables
    ]
    table = table_in_markdown(["", "", *names], rows)
    lines = [f"- {line}" for line in (*standings(evaluation), *evaluation.notes)]
    parts = [
        f"# {evaluation.own} on {counted(len(evaluation.notes), 'world')}",
        f"```\n{command}\n```",
        written(Section("Scores", _drawings(evaluation), table), out),
        _EXPLAINED,
        "\n".join(lines),
    ]
    write_text(out / "report.md", "\n\n".join(parts) + "\n")
    return out / "report.md"


def _drawings(evaluation: Evaluation) -> list[Drawing]:
    shown = {
        table.name: table.estimates for table in evaluation.tables if table.shown_unit == SCORE
    }
    if not shown:
        return []
    colours = contender_colours(evaluation.of_role("own", "rival"), evaluation.of_role("baseline"))
    return [Drawing("scores.png", "Scores by world", partial(scores, sets=shown, colours=colours))]
