"""The report of a run: `report.md` with its figures, from what lies in the run's folder."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from rlsuite.experiments import plots
from rlsuite.experiments.amending import as_tested
from rlsuite.experiments.errors import UserError, in_one_line, say
from rlsuite.experiments.evaluation import Evaluation, Table, standings, tested_at
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.files import inside, replacing, write_text
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.metrics import missing_steps
from rlsuite.experiments.options import typed
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.statistics import Estimate
from rlsuite.experiments.symptoms import examined
from rlsuite.experiments.words import counted, table_in_markdown


def report(run: Finished) -> Path:
    """Writes `report.md` and its figures into a run's folder; returns its path.

    Shows what there is: the learning curve always, what the method has to show of what was learned,
    and the test once `rlsuite evaluate` has been run.
    """
    run, evaluation, damage = _as_tested(run)
    sections = [
        *_learning_curves(run),
        *run.spec.pictures(run, evaluation),
        *([] if damage else _test(run, evaluation)),
    ]
    parts = [
        _heading(run),
        *_lost(run),
        *_symptoms(run),
        *(written(section, run.directory) for section in sections),
    ]
    if damage:
        parts.append(f"## Test\n\n{damage}")
    path = run.directory / "report.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _as_tested(run: Finished) -> tuple[Finished, Evaluation | None, str | None]:
    """As `as_tested`; if that can't be, the run alone and why, which is also said at once."""
    try:
        return *as_tested(run), None
    except UserError as error:
        say(str(error))
        return run, None, str(error)


def _lost(run: Finished) -> list[str]:
    """A sentence about steps of which there is no line where one is looked for."""
    every = run.run.log_every
    lost = missing_steps(run.metrics, every, run.latest_step or 0)
    if not lost:
        return []
    first = ", ".join(map(str, lost[:10])) + (", …" if len(lost) > 10 else "")
    return [
        f"There are no lines of {counted(len(lost), 'step')} in the metrics, though "
        f"log_every is {every}: {first}. They were damaged and left out, or log_every was another."
    ]


def _symptoms(run: Finished) -> list[str]:
    """A sentence about each sign that nothing could be learned."""
    noticed = map(str, examined(run.spec.symptoms, run.metrics))
    return [f"{text[0].upper()}{text[1:]}." for text in noticed]


def written(section: Section, directory: Path) -> str:
    """Draws the figures of a section into a folder; the section in Markdown."""
    for drawing in section.drawings:
        file = Path(drawing.file)
        with replacing(inside(directory, file.parent) / file.name) as path:
            drawing.draw(path)
    pictures = [f"![{drawing.alternative}]({drawing.file})" for drawing in section.drawings]
    return "\n\n".join(filter(None, [f"## {section.title}", *pictures, section.text]))


def _heading(run: Finished) -> str:
    document, lines = run.document, run.metrics
    last = lines[-1] if lines else {"step": 0, "seconds": 0.0}
    rates = (line.get("agent_updates_per_second") for line in lines)
    speed = [rate for rate in rates if rate is not None]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    device = {"count": "?", "kind": "device", **document["device"]}
    command = in_one_line(" ".join(map(str, document["command"]))).replace("`", "'")
    settings = {name: to_text(leaf.value) for name, leaf in leaves(run.run).items()}
    settings |= {f"tasks.{name}": to_text(value) for name, value in run.world_parameters.items()}
    fields = table_in_markdown(["field", "value"], settings.items())
    seconds = last.get("seconds") or 0.0
    summary = f"Step {last['step']} of {run.run.steps} after {seconds:.0f} s of training"
    if speed:
        summary += f", at a median of {np.median(speed):,.0f} agent updates per second"
    return (
        f"# {run.title}, preset {run.preset}, seed {run.run.seed}\n\n"
        f"{summary}.\n\n<details><summary>Configuration</summary>\n\n"
        f"{fields}\n\n"
        f"Begun {document['created']} on {device['count']} × {device['kind']} by "
        f"`{command}`, commit {document.get('commit') or 'not known'}; "
        f"{versions}\n\n</details>"
    )


def _learning_curves(run: Finished) -> list[Section]:
    lines = run.metrics
    if not plots.logged_metrics([lines]):
        return []
    drawing = Drawing(
        "learning_curve.png",
        "Metrics over steps",
        lambda path: plots.learning_curves(path, {run.title: [lines]}, run.spec.panels),
    )
    return [Section("Learning curve", [drawing])]


def _test(run: Finished, evaluation: Evaluation | None) -> list[Section]:
    if evaluation is None:
        if run.spec.test is None:
            return []
        text = f"Test it with `{typed('evaluate', run.directory)}`, then write this report again."
        return [Section("Test", [], text)]
    estimates = {table.name: table.estimates for table in evaluation.tables}
    colours = plots.contender_colours(
        evaluation.of_role("own", "rival"), evaluation.of_role("baseline")
    )
    drawings = test_drawings(evaluation.tables, estimates, _lifetimes(run), colours)
    for index, curves in enumerate(evaluation.curves):
        drawings.append(
            Drawing(
                f"curves_{index}.png",
                curves.name,
                partial(plots.curves, shown=curves, colours=colours),
            )
        )
    text = "\n\n".join(
        [
            tested_at(evaluation, run.run.steps),
            markdown_table(evaluation.tables, estimates),
            "\n".join(f"- {line}" for line in standings(evaluation)),
            " ".join([caption(evaluation.tables), *evaluation.notes]),
        ]
    )
    return [Section("Test", drawings, text)]


def caption(tables: Sequence[Table]) -> str:
    """What the numbers of tables are, in sentences."""
    return (
        f"Numbers are of the {units(tables)}: interquartile mean and 95 % stratified bootstrap "
        "interval over levels and seeds."
    )


def units(tables: Sequence[Table]) -> str:
    """What the numbers of tables are of, table by table where that differs."""
    by_unit: dict[str, list[str]] = {table.shown_unit: [] for table in tables}
    for table in tables:
        by_unit[table.shown_unit].append(table.name)
    if len(by_unit) == 1:
        return next(iter(by_unit))
    return "; ".join(f"{unit} ({', '.join(names)})" for unit, names in by_unit.items())


def test_drawings(
    tables: Sequence[Table],
    estimates: Mapping[str, Mapping[str, Estimate]],
    trained: tuple[int, int] | None,
    colours: Mapping[str, str],
) -> list[Drawing]:
    """Figures of a test: bars for each table, and lines over the horizon.

    Args:
      tables: of the test, which tell units and horizons.
      estimates: what is drawn, by table and contender.
      trained: the shortest and longest lifetime in training, where there are any.
      colours: by contender.
    """
    shown = [table for table in tables if table.horizon is None]
    normalised = [table for table in shown if table.optimal is not None]
    others = [table for table in shown if table.optimal is None]
    lasting = [table for table in tables if table.horizon is not None]
    drawings = []
    if normalised:
        bars = {table.name: estimates[table.name] for table in normalised}
        drawings.append(
            Drawing(
                "test.png",
                f"Test: {normalised[0].shown_unit}",
                partial(plots.bars, sets=bars, unit=normalised[0].shown_unit, colours=colours),
            )
        )
    if others:
        apart = {table.name: estimates[table.name] for table in others}
        unit = others[0].unit if len({table.unit for table in others}) == 1 else "return"
        drawings.append(
            Drawing(
                "returns.png",
                f"Test: {unit}",
                partial(plots.bars_apart, sets=apart, unit=unit, colours=colours),
            )
        )
    if lasting and trained is not None:
        horizons = {
            table.horizon: estimates[table.name] for table in tables if table.horizon is not None
        }
        unit = lasting[0].shown_unit
        drawings.append(
            Drawing(
                "horizons.png",
                "Test over the horizon",
                partial(plots.horizons, sets=horizons, trained=trained, unit=unit, colours=colours),
            )
        )
    return drawings


def _lifetimes(run: Finished) -> tuple[int, int] | None:
    return None if run.world is None else run.world.lifetime_range


def markdown_table(tables: Sequence[Table], estimates: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Contenders in rows, tables in columns."""
    contenders = dict.fromkeys(name for table in tables for name in estimates[table.name])
    rows = [
        [name, *(str(estimates[table.name].get(name, "")) for table in tables)]
        for name in contenders
    ]
    return table_in_markdown(["", *(table.name for table in tables)], rows)
