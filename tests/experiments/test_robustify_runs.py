"""Both phases of Go-Explore from the command to the report."""

import numpy as np
import pytest

from rlsuite.experiments.cli import main
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.report import report
from tests.experiments.running import plan_of, train


def test_policies_are_tested_beside_what_they_were_shown(tmp_path, quiet):
    finished = train(plan_of("robustify"), tmp_path / "run")
    found = evaluate(finished, console=quiet)
    baselines = ["replayed actions", "cloned actions", "PPO from the start"]
    assert [name for name, _ in found.contenders] == ["robustified Go-Explore", *baselines]
    sticky, plain = found.tables
    assert sticky.optimal == pytest.approx(15.311, abs=1e-3) and plain.optimal == 18
    assert all(results.shape == (1, 2) for results in sticky.results.values())
    # What was found is found again where actions don't stick.
    scores = np.asarray(finished.state.first.archive.score).max(axis=1)
    np.testing.assert_allclose(plain.results["replayed actions"][0], scores)
    text = report(open_run(finished.directory)).read_text()
    assert "Learning curve" in text


def test_what_leaves_no_step_for_the_second_phase_is_named(capsys, tmp_path):
    command = ["train", "robustify", "smoke", "--steps", "4", "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "steps: 4 is not allowed; it must be more than explore_steps" in capsys.readouterr().err
