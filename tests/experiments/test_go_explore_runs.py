"""Go-Explore from the command to the report."""

import numpy as np
import pytest

from rlsuite.experiments.cli import main
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.report import report
from tests.experiments.running import plan_of, train


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(plan_of("go-explore", steps=20, log_every=10), tmp_path_factory.mktemp("run"))


def test_what_returns_is_tested_beside_what_does_not(finished, quiet):
    found = evaluate(finished, console=quiet)
    names = ["Go-Explore", "all cells alike", "always from the start", "counts go on", "one cell"]
    names.append("cells: blocks")
    assert [name for name, _ in found.contenders] == names
    score, cells, steps = found.tables
    assert cells.estimates[names[0]].value > cells.estimates[names[2]].value
    assert all(results.shape == (1, 2) for results in score.results.values())
    assert not steps.higher_is_better and steps.name.startswith("steps to a score of ")
    for curves in found.curves:
        assert list(curves.lines) == names
        assert all(np.isfinite(line.value).all() for line in curves.lines.values())
    text = report(open_run(finished.directory)).read_text()
    for name in ("map.png", "first_visits.png"):
        assert name in text and (finished.directory / name).stat().st_size > 5000
    assert "curves_0.png" in text and "Learning curve" in text


def test_any_world_of_discrete_actions_has_cells(capsys, tmp_path):
    for world in ("DeepSea-bsuite", "MountainCar-v0"):
        experiment = plan_of("go-explore", tasks=world).experiment
        assert experiment.world_steps_per_step == 8 * 30
    # Steps are counted as the world makes them.
    assert experiment.world_steps({"world_steps": 77.0}) == 77
    out = str(tmp_path / "run")
    assert main(["train", "go-explore", "smoke", "--tasks", "Pendulum-v1", "--out", out]) == 2
    assert "must be a world of discrete actions" in capsys.readouterr().err
    chance = ["--tasks", "UmbrellaChain-bsuite", "--out", out]
    assert main(["train", "go-explore", "smoke", *chance]) == 2
    assert "it draws at random where steps lead" in capsys.readouterr().err
    # A run that began before this was asked can still be opened.
    assert plan_of("go-explore", tasks="UmbrellaChain-bsuite").experiment.method
    assert main(["train", "robustify", "smoke", "--tasks", "MountainCar-v0", "--out", out]) == 2
    assert "it draws at random where episodes begin" in capsys.readouterr().err
