"""The report of a sweep: `report.md`, figures for a paper, and the raw scores, from its folder."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from rlsuite.experiments.files import replacing, write_text
from rlsuite.experiments.plot_style import contender_colours, save
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.report import caption, markdown_table
from rlsuite.experiments.statistics import bootstrap, optimality_gap
from rlsuite.experiments.sweeping import pictures, scores, verdicts
from rlsuite.experiments.sweeping.circumstances import circumstances
from rlsuite.experiments.sweeping.folder import open_sweep
from rlsuite.experiments.sweeping.grid import Sweep, jobs
from rlsuite.experiments.sweeping.results import (
    CommonTest,
    Found,
    common_tests,
    find_results,
    numbered,
)
from rlsuite.experiments.words import counted

DOTS_PER_INCH = 300


def report_sweep(directory: Path, methods: Methods) -> Path:
    """Writes `report.md`, its figures and `scores.parquet` into the folder of a sweep.

    Shows what there is, and says what is missing.

    Args:
      directory: the folder.
      methods: those that are known.

    Returns:
      The path of `report.md`.

    Raises:
      UserError: if the folder holds no sweep, or can't be written.
    """
    sweep = open_sweep(directory)
    found = find_results(directory, sweep, methods)
    tests = common_tests(found.tested)
    settings = [setting.name for setting in sweep.settings]
    parts = [
        _heading(sweep, found),
        *_claims(sweep, tests),
        *_results(directory, tests, settings),
        *_training(directory, found, settings),
    ]
    if tests:
        scores.write_scores(directory / scores.FILE, tests)
        parts.append(_raw_scores())
    parts.append(circumstances(directory, sweep, found))
    path = directory / "report.md"
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _heading(sweep: Sweep, found: Found) -> str:
    parts = [f"# {sweep.title}"]
    if sweep.claim:
        source = (
            f"The claim of [arXiv {sweep.paper}](https://arxiv.org/abs/{sweep.paper})"
            if sweep.paper
            else "The claim"
        )
        parts.append(f"{source}:\n\n> {sweep.claim}")
    size = f", size `{sweep.size}`" if sweep.size else ""
    total, lacking = len(jobs(sweep)), len(found.lacking)
    parts.append(
        f"Sweep `{sweep.name}`{size}: {len(sweep.settings)} settings with the seeds "
        f"{', '.join(map(str, sweep.seeds))}. {total - lacking} of {total} jobs are done."
    )
    if lacking:
        lines = [
            f"- {one.job.setting.name}, seed {one.job.seed}: {one.reason}" for one in found.lacking
        ]
        parts.append(
            "**This report is of an incomplete sweep.** Missing or failed:\n\n" + "\n".join(lines)
        )
    return "\n\n".join(parts)


def _claims(sweep: Sweep, tests: Sequence[CommonTest]) -> Iterator[str]:
    if not sweep.claims:
        return
    yield "## Verdicts"
    judged = [verdicts.judge(claim, tests) for claim in sweep.claims]
    for verdict in judged:
        yield verdicts.sentence(verdict)
        if verdict.tables:
            yield verdicts.rows(verdict)
    if any(verdict.tables for verdict in judged):
        yield verdicts.HOW


def _results(
    directory: Path, tests: Sequence[CommonTest], settings: Sequence[str]
) -> Iterator[str]:
    for number, test in enumerate(tests, 1):
        is_only = len(tests) == 1
        yield "## Results" if is_only else f"## Results of {', '.join(test.settings)}"
        yield from _result(test)
        # Of all settings, so that each has one colour in all figures.
        colours = contender_colours(settings, test.baselines)
        for picture in pictures.of_test(test, colours):
            yield written(picture, directory, "" if is_only else f"-{number}")


def _result(test: CommonTest) -> Iterator[str]:
    shown = {table: _counted(test, of_each) for table, of_each in test.estimates.items()}
    yield markdown_table(test.tables, shown)
    yield " ".join([caption(test.tables), *_remarks(test)])
    yield from _gaps(test)


def _counted(test: CommonTest, estimates: Mapping) -> dict:
    """Settings with how many runs they have, and baselines."""
    return {
        f"{name}, {counted(test.num_trained(name), 'seed')}"
        if name in test.settings
        else name: value
        for name, value in estimates.items()
    }


def _remarks(test: CommonTest) -> Iterator[str]:
    yield "Those of settings with several runs speak of training seeds as well."
    if any(test.num_trained(name) == 1 for name in test.settings):
        yield "A setting with one run says nothing of other training seeds."
    if test.uneven:
        names = ", ".join(test.uneven)
        yield f"Not the same in all runs, and shown of the first: {names}."
    notes = [note for run in test.runs for note in run.evaluation.notes]
    yield from dict.fromkeys(notes)


def _gaps(test: CommonTest) -> Iterator[str]:
    """What results lack to the optimum, where that is known; means see what middle halves don't."""
    known = [table for table in test.tables if table.optimal is not None]
    if not known:
        return
    gaps = {
        table.name: _counted(
            test,
            {
                name: bootstrap(results, numbered(table.strata), statistic=optimality_gap)
                for name in test.estimates[table.name]
                if (results := test.results(table, name)) is not None
            },
        )
        for table in known
    }
    yield (
        "Optimality gap, the mean of what each result lacks to the optimal return as a fraction of "
        "it (lower is better), with the same kind of interval; unlike the interquartile mean it "
        "sees the levels on which nothing is learned:"
    )
    yield markdown_table(known, gaps)


def _training(directory: Path, found: Found, settings: Sequence[str]) -> Iterator[str]:
    picture = pictures.of_training(found, contender_colours(settings))
    if picture is not None:
        yield "## Training"
        yield written(picture, directory)


def _raw_scores() -> str:
    return (
        f"## Raw scores\n\n[{scores.FILE}]({scores.FILE}) has a row for each result: "
        f"{', '.join(f'`{name}`' for name in scores.SCHEMA.names)}. What was tested alike has one "
        "number in `test`; a baseline, which is the same for all runs of a test, stands there once "
        "and without a training seed."
    )


def written(picture: pictures.Picture, directory: Path, ending: str = "") -> str:
    """Draws a picture as PNG and PDF into a folder; the picture in Markdown, with its caption."""
    name = f"{picture.name}{ending}"
    for kind in ("png", "pdf"):
        with replacing(directory / f"{name}.{kind}") as path:
            _draw(picture, path)
    return f"![{picture.title}]({name}.png)\n\n*{picture.caption}* ([PDF]({name}.pdf))"


def _draw(picture: pictures.Picture, path: Path) -> None:
    figure: Figure = picture.draw()
    save(figure, path, DOTS_PER_INCH)
