"""Searches from the command to the report."""

import numpy as np
import pytest

from rlsuite.experiments.amending import lengthened
from rlsuite.experiments.cli import main
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.methods.quality_diversity.configs import MapElitesConfig, with_room
from rlsuite.experiments.methods.quality_diversity.evaluation import sentences_on_losses
from rlsuite.experiments.report import report
from rlsuite.quality_diversity.batches import BatchConfig
from tests.experiments.running import plan_of, train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(plan_of("map-elites"), tmp_path_factory.mktemp("run"))


def test_a_search_is_tested_beside_others_area_by_area(finished, quiet):
    found = evaluate(finished, console=quiet)
    names = ["MAP-Elites", "novelty search by position", "random search"]
    assert [name for name, _ in found.contenders] == names
    tables = {table.name: table for table in found.tables}
    assert tables["best reward by area"].results["MAP-Elites"].shape == (4, 2)
    np.testing.assert_array_equal(tables["best reward by area"].optimal, [36, 32, 37, 37])
    early, late = (tables[name].estimates for name in ("early coverage", "coverage"))
    assert all(late[name].value > early[name].value for name in names)
    kept = tables["coverage of what is kept"].results["MAP-Elites"]
    np.testing.assert_array_equal(kept, tables["coverage"].results["MAP-Elites"])
    # Whoever has no emitters spends no budget on them.
    assert "evenness of emitters' budget" not in tables
    for curves in found.curves:
        assert list(curves.lines) == names
        # As many evaluations for all.
        assert len({tuple(line.x) for line in curves.lines.values()}) == 1
    text = report(open_run(finished.directory)).read_text()
    for name in ("kept.png", "kept_by_all.png", "curves_0.png"):
        assert name in text and (finished.directory / name).stat().st_size > 5000


def test_worlds_have_to_say_where_they_are(capsys, tmp_path):
    out = str(tmp_path / "run")
    assert main(["train", "map-elites", "smoke", "--tasks", "Pendulum-v1", "--out", out]) == 2
    assert "must be a world that says where it is" in capsys.readouterr().err
    experiment = plan_of("map-elites", tasks="RedundantArm-v0").experiment
    assert experiment.world_steps_per_step == 24 * 100
    sizes = ["--batches.batch_size", "7"]
    assert main(["train", "map-elites", "smoke", *sizes, "--out", out]) == 2
    assert "evaluations_per_step: 24 is not allowed" in capsys.readouterr().err


def test_archives_have_room_for_all_steps(capsys, tmp_path):
    long = ["--steps", "7", "--out", str(tmp_path / "run")]
    assert main(["train", "novelty-search", "smoke", *long]) == 2
    expected = "exploration.archive_capacity: 64 is not allowed; it must be at least 70"
    assert f" {expected}" in capsys.readouterr().err
    # A run that began before this was asked can still be opened.
    create_run(tmp_path / "older", plan_of("novelty-search", steps=7).describe())
    older = open_run(tmp_path / "older")
    assert older.experiment.method and lengthened(older, "7").run.steps == 7
    # Whoever asks for more steps is told what whoever plans them is.
    create_run(tmp_path / "shorter", plan_of("novelty-search", steps=6).describe())
    for held in ("older", "shorter"):
        assert main(["resume", str(tmp_path / held), "--steps", "8"]) == 2
        assert "archive_capacity: 64 is not allowed; it must be at least 80" in (
            capsys.readouterr().err
        )
    # Searches that stand beside one without such an archive get what they need.
    sizes = MapElitesConfig(batches=BatchConfig(6, 12, 24)).exploration
    assert with_room(sizes, 4).archive_capacity == 1280
    assert with_room(sizes, 200).archive_capacity == 200 * 2 * 5


def test_what_had_no_place_is_said():
    courses = {
        "one": {"lost": np.array([[0.0, 2.0], [0.0, 5.0]])},
        "other": {"lost": np.zeros((2, 2))},
        "elites": {},
    }
    said = sentences_on_losses(courses)
    assert len(said) == 1 and "Archives of one were too small: 4 solutions" in said[0]
