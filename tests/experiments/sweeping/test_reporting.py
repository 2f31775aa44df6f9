"""The report of a sweep that was never trained for: what it says, draws and writes."""

import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import EVALUATION, Curve, Curves, to_json
from rlsuite.experiments.files import sealed, write_text
from rlsuite.experiments.sweeping import reporting, scores
from rlsuite.experiments.sweeping.figures import over_lives
from rlsuite.experiments.sweeping.folder import log_file, run_folder
from rlsuite.experiments.sweeping.grid import jobs
from rlsuite.experiments.sweeping.reporting import report_sweep
from rlsuite.experiments.sweeping.results import common_tests, find_results
from tests.experiments.sweeping.fabricated import (
    COUNTING,
    METHODS,
    STEPS,
    evaluation,
    noisy,
    sweep_of,
    table,
    trained,
)

MEANS = {"up": 0.8, "down $x$": 0.4}
BASELINE = noisy(0.6, seed=99)
CLAIMS = [
    ("Up is above down", "up", "down $x$", ()),
    ("Down is above the baseline", "down $x$", "by hand", ("levels",)),
]


def made_up(setting, seed):
    """On normalised levels, a world, and levels for two horizons; one job has not begun."""
    if (setting, seed) == ("down $x$", 1):
        return None
    mean, noise = MEANS[setting], 10 * seed + len(setting)
    tables = [
        table(
            {"own": noisy(mean * scale, seed=noise + number), "by hand": scale * BASELINE},
            name,
            optimal=1.0,
            horizon=horizon,
        )
        for number, (name, scale, horizon) in enumerate(
            [("levels", 1.0, None), ("5 updates", 0.5, 5), ("50 updates", 1.0, 50)]
        )
    ]
    world = table({"own": noisy(500 * mean, 1, 8, seed=noise)}, "World-v0", unit="reward")
    line = Curve([1, 2, 3], [mean, mean, mean + seed], [0, 0, 0], [1, 1, 2])
    lives = Curves("Returns over lives", "update", "return", {"own": line, "by hand": line})
    return evaluation([*tables, world], ["by hand"], curves=[lives])


@pytest.fixture(scope="module")
def sweep():
    return sweep_of(list(MEANS), seeds=(0, 1), claims=CLAIMS)


@pytest.fixture(scope="module")
def directory(sweep, tmp_path_factory):
    folder = trained(tmp_path_factory.mktemp("sweeps") / "counting-smoke", sweep, made_up)
    write_text(log_file(folder, jobs(sweep)[-1]), "started\ndied of something\n")
    return folder


@pytest.fixture(scope="module")
def text(directory):
    return report_sweep(directory, METHODS).read_text()


def test_a_report_says_what_was_claimed_and_what_was_found(text):
    assert text.startswith("# Counting by settings")
    assert "(https://arxiv.org/abs/2310.02782)" in text and "> Counting on is better" in text
    assert "**Up is above down: supported, for these runs alone.**" in text
    assert "**Down is above the baseline: contradicted, for these runs alone.**" in text
    assert re.search(r"\| up, 2 seeds \| 0\.\d\d \[0\.\d\d, 0\.\d\d\] \|", text)
    assert "| down $x$, 1 seed |" in text and "| by hand |" in text
    assert "Optimality gap" in text
    assert (
        "fraction of the optimal return (levels, 5 updates, 50 updates); reward (World-v0)" in text
    )


def test_a_report_of_an_incomplete_sweep_says_so(text):
    assert "3 of 4 jobs are done" in text and "incomplete sweep" in text
    line = "- down $x$, seed 1: it has not begun; its log ends with: died of something"
    assert line in text


def test_a_report_says_how_it_can_be_made_again(text):
    for line in (
        "rlsuite sweep counting.toml smoke",
        "rlsuite report sweeps/counting-smoke",
        "rlsuite train counting smoke --seed 0 --out runs/down-x-seed0",
        "rlsuite evaluate runs/down-x-seed0",
    ):
        assert f"\n{line}\n" in text
    assert re.search(r"- Versions: rlsuite [\d.]+, python 3", text)
    assert "- Device: " in text and "- Commit: " in text
    assert f"| up | 1 | {STEPS} of {STEPS} |" in text


def test_figures_are_as_wide_as_a_column_and_captions_say_what_is_in_them(text, directory):
    names = ["results", "horizons", "curves_1", "profiles", "learning_curves"]
    shown = re.findall(r"!\[[^]]+\]\((\w+)\.png\)\n\n\*(.+)\* \(\[PDF\]\((\w+)\.pdf\)\)", text)
    assert [name for name, _, _ in shown] == names == [pdf for _, _, pdf in shown]
    for name, caption, _ in shown:
        with Image.open(directory / f"{name}.png") as image:
            assert image.size[0] == pytest.approx(3.25 * 300, abs=1)
            assert len(image.convert("L").getcolors()) > 20
        assert (directory / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert "marker" in caption and ("band" in caption or name == "results")


def test_curves_of_runs_are_put_together(text, directory, sweep):
    (test,) = common_tests(find_results(directory, sweep, METHODS).tested)
    ((shown, lines),) = test.curves
    assert shown.y_label == "return"
    assert {name: len(found) for name, found in lines.items()} == {
        "up": 2,
        "down $x$": 1,
        "by hand": 1,
    }
    figure = over_lives(shown, lines, {})
    mean = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(mean, [0.8, 0.8, 1.3])


def test_scores_come_back_as_the_evaluations_have_them(text, directory, sweep):
    rows = pq.read_table(directory / scores.FILE).to_pandas()
    found = find_results(directory, sweep, METHODS)
    (test,) = common_tests(found.tested)
    num_results = 3 * 24 + 8
    assert len(rows) == 3 * num_results + 3 * 24
    for run in test.runs:
        mine = rows[(rows.setting == run.setting) & (rows.training_seed == run.job.seed)]
        for one in run.evaluation.tables:
            of_table = mine[mine.table == one.name].sort_values(["level", "agent_seed"])
            expected = one.results["own"]
            np.testing.assert_array_equal(of_table.score, expected.ravel())
            assert set(of_table.unit) == {one.unit} and set(of_table.step) == {STEPS}
            assert of_table.stratum.tolist() == np.repeat(one.strata, expected.shape[1]).tolist()
            if one.optimal is None:
                assert of_table.normalised_score.isna().all() and of_table.horizon.isna().all()
            else:
                np.testing.assert_array_equal(of_table.normalised_score, expected.ravel())
    baseline = rows[rows.role == "baseline"]
    assert set(baseline.setting) == {"by hand"} and baseline.training_seed.isna().all()
    at_5 = baseline[baseline.horizon == 5].sort_values(["level", "agent_seed"])
    np.testing.assert_array_equal(at_5.score, 0.5 * BASELINE.ravel())


def test_the_command_reports_sweeps_and_makes_the_same_again(text, directory, capsys):
    picture = (directory / "results.pdf").read_bytes()
    (directory / "report.md").unlink()
    assert main(["report", str(directory)], specs=[COUNTING]) == 0
    assert capsys.readouterr().out.strip() == str(directory / "report.md")
    assert (directory / "report.md").read_text() == text
    assert (directory / "results.pdf").read_bytes() == picture


def test_a_folder_without_a_sweep_is_none(tmp_path):
    with pytest.raises(UserError, match="holds no sweep"):
        report_sweep(tmp_path, METHODS)


def test_a_sweep_of_which_nothing_is_done_is_reported(tmp_path):
    sweep = sweep_of(["up", "down"], seeds=[0], claims=[("Up", "up", "down", ())])
    trained(tmp_path, sweep, lambda setting, seed: None)
    text = report_sweep(tmp_path, METHODS).read_text()
    assert "0 of 2 jobs are done" in text and "**Up: not judged.**" in text
    assert not list(tmp_path.glob("*.png")) and not (tmp_path / scores.FILE).exists()


def test_runs_that_stopped_or_were_tested_too_early_are_lacking(tmp_path):
    sweep = sweep_of(["up"], seeds=(0, 1, 2, 3))
    trained(tmp_path, sweep, lambda setting, seed: evaluation([table({"own": noisy(1.0)})]))
    folders = [run_folder(tmp_path, job) for job in jobs(sweep)]
    (folders[1] / EVALUATION).unlink()
    early = evaluation([table({"own": noisy(1.0)})], step=3)
    write_text(folders[2] / EVALUATION, sealed(to_json(early)))
    (folders[3] / "config.json").write_text("{")
    found = find_results(tmp_path, sweep, METHODS)
    assert [run.job.seed for run in found.tested] == [0]
    reasons = [one.reason for one in found.lacking]
    for reason, expected in zip(
        reasons,
        ["has not been tested", f"tested at step 3, and trained to {STEPS}", "not begun"],
        strict=True,
    ):
        assert expected in reason


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without their figures, which take longer than all else."""

    def named(picture, directory, ending=""):
        return f"({picture.name}{ending}.png)"

    monkeypatch.setattr(reporting, "written", named)


def test_copies_without_checkpoints_are_reported_as_far_as_they_were_trained(tmp_path):
    sweep = sweep_of(["up"], seeds=(0, 1))
    trained(tmp_path, sweep, made_up)
    folders = [run_folder(tmp_path, job) for job in jobs(sweep)]
    for folder in folders:
        shutil.rmtree(folder / "checkpoints")
    (folders[1] / "metrics.jsonl").write_text('{"step": 1}\n')
    found = find_results(tmp_path, sweep, METHODS)
    assert [result.job.seed for result in found.tested] == [0]
    assert ["it is saved at step 1 of" in one.reason for one in found.lacking] == [True]


def test_only_what_was_tested_alike_stands_side_by_side(tmp_path, undrawn):
    """Tables of one name on other levels, or by other evaluations, are other tests."""
    fields = {"other test": {"evaluation.num_seeds": "5"}}
    names = ["one", "as one", "other levels", "other test"]
    sweep = sweep_of(names, seeds=[0], fields=fields)

    def found(setting, seed):
        optimal = 2.0 if setting == "other levels" else 1.0
        return evaluation([table({"own": noisy(1.0, seed=seed)}, optimal=optimal)])

    trained(tmp_path, sweep, found)
    tests = common_tests(find_results(tmp_path, sweep, METHODS).tested)
    assert [test.settings for test in tests] == [
        ["one", "as one"],
        ["other levels"],
        ["other test"],
    ]
    assert tests[0].results(tests[0].tables[0], "one").shape == (1, 6, 4)
    text = report_sweep(tmp_path, METHODS).read_text()
    assert "## Results of one, as one" in text and "(results-3.png)" in text


def test_baselines_that_differ_between_runs_are_named(tmp_path, undrawn):
    sweep = sweep_of(["up"], seeds=[0, 1])

    def found(setting, seed):
        results = {"own": noisy(1.0), "by hand": noisy(1.0, seed=seed)}
        return evaluation([table(results)], ["by hand"])

    trained(tmp_path, sweep, found)
    (test,) = common_tests(find_results(tmp_path, sweep, METHODS).tested)
    assert test.uneven == ["by hand"]
    assert (
        "Not the same in all runs, and shown of the first: by hand."
        in report_sweep(tmp_path, METHODS).read_text()
    )
