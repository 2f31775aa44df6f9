"""From training to the comparison of runs, on the real methods at the smallest sizes."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from rlsuite.experiments.build import build
from rlsuite.experiments.cli import main
from rlsuite.experiments.compare import compare
from rlsuite.experiments.configs import DriftEvaluationConfig, LevelEvaluationConfig
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.level_sets import LEAST_OPTIMAL_RETURN, level_sets
from rlsuite.experiments.meta_test import YARDSTICKS
from rlsuite.experiments.meta_test_lpg import _rival_names
from rlsuite.experiments.presets import preset
from rlsuite.experiments.report import report
from rlsuite.experiments.runner import abstract_state, run
from rlsuite.experiments.storage import Checkpoints, create_run, read_metrics
from rlsuite.lifetime import LifeConfig

pytestmark = pytest.mark.usefixtures("quick_compilation")

TINY = LevelEvaluationConfig(
    num_levels=3,
    num_draws=1,
    num_seeds=2,
    num_workers=4,
    max_lifetime=5,
    num_episodes=4,
    num_agents=8,
    a2c_rates=(1.0,),
    a2c_entropies=(0.0, 0.01),
)


def tiny_config(method):
    """Four steps on short lives, so that tasks get scored."""
    config = preset(method, "smoke")
    return replace(
        config,
        steps=4,
        log_every=2,
        checkpoint_every=2,
        evaluation=TINY,
        life=replace(config.life, num_workers=4),
        meta=replace(config.meta, num_agents=4, num_updates=10),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished GROOVE run and an LPG run."""
    folders = {}
    for method in ("groove", "lpg"):
        config = tiny_config(method)
        folder = tmp_path_factory.mktemp(method)
        create_run(folder, method, "smoke", config)
        run(build(config), config, folder, console=Console(quiet=True))
        folders[method] = folder
    return folders


@pytest.fixture(scope="module")
def evaluation(runs):
    return evaluate(runs["groove"], [runs["lpg"]], console=Console(quiet=True))


def bits(leaf):
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def test_real_runs_log_their_metrics(runs):
    lines = read_metrics(runs["groove"])
    assert [line["step"] for line in lines] == [2, 4]
    assert all(np.isfinite(line["meta_loss"]) for line in lines)
    assert any(line["score"] is not None for line in lines)


def test_groove_interrupted_and_resumed_ends_with_the_same_bits(runs, tmp_path):
    config = tiny_config("groove")
    create_run(tmp_path, "groove", "smoke", config)
    for steps in (2, 4):
        # A run that stops here has the checkpoint that an interrupted one leaves.
        outcome = run(
            build(config), replace(config, steps=steps), tmp_path, console=Console(quiet=True)
        )
        assert outcome.step == steps
    abstract = abstract_state(build(config).method)
    with Checkpoints(tmp_path) as resumed, Checkpoints(runs["groove"]) as straight:
        pairs = zip(
            jax.tree.leaves(resumed.restore(abstract)),
            jax.tree.leaves(straight.restore(abstract)),
            strict=True,
        )
        assert all(bits(ours) == bits(theirs) for ours, theirs in pairs)


def test_evaluation_holds_every_contender_on_every_set(runs, evaluation):
    assert json.loads((runs["groove"] / "evaluation.json").read_text()) == evaluation
    held_out, tabular, mazes = evaluation["sets"].values()
    assert [len(s["levels"]) for s in (held_out, tabular, mazes)] == [3, 5, 8]
    for result in (held_out, tabular, mazes):
        assert list(result["returns"]) == [
            "GROOVE",
            "LPG, random levels",
            "untrained objective",
            "A2C, tuned",
        ]
        for returns in result["returns"].values():
            returns = np.array(returns)
            assert returns.shape == (len(result["levels"]), 2)
            # Averages of few episodes may be lucky, but not by much.
            assert (returns <= np.array(result["optimal"])[:, None] * 2 + 1).all()
        for estimate in result["estimates"].values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_evaluation_is_reproducible(runs, evaluation):
    again = evaluate(runs["groove"], [runs["lpg"]], console=Console(quiet=True))
    assert again == evaluation


def test_held_out_levels_do_not_depend_on_the_run():
    first, second = (level_sets("small", TINY)[0].tasks.level for _ in range(2))
    assert np.array_equal(first.walls, second.walls)


def test_levels_of_all_sets_pay_and_lives_are_cut():
    for level_set in level_sets("small", TINY):
        assert (level_set.optimal >= LEAST_OPTIMAL_RETURN).all()
        assert (level_set.tasks.lifetime == TINY.max_lifetime).all()


def test_report_shows_curve_levels_and_meta_test(runs, evaluation):
    text = report(runs["groove"]).read_text()
    for section in ("# GROOVE", "## Learning curve", "## Levels", "## Meta-test"):
        assert section in text
    for name in ("learning_curve.png", "levels.png", "meta_test.png"):
        assert f"({name})" in text
        with Image.open(runs["groove"] / name) as image:
            assert min(image.size) > 100 and len(image.convert("L").getcolors()) > 20


def test_report_before_the_meta_test_says_what_to_do(runs):
    text = report(runs["lpg"]).read_text()
    assert "rlsuite evaluate" in text and "## Meta-test" not in text


def test_comparison(runs, evaluation, tmp_path):
    text = compare([runs["groove"], runs["groove"]], tmp_path / "out").read_text()
    assert "| GROOVE, 2 seeds |" in text and "| A2C, tuned |" in text
    assert (tmp_path / "out" / "learning_curves.png").exists()
    with pytest.raises(UserError, match="has not been meta-tested"):
        compare([runs["groove"], runs["lpg"]], tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out: cannot write"):
        compare([runs["groove"]], tmp_path / "file")


def test_runs_tested_in_another_way_are_not_compared(runs, evaluation, tmp_path):
    other = tmp_path / "other"
    config = replace(tiny_config("groove"), evaluation=replace(TINY, num_seeds=1))
    create_run(other, "groove", "smoke", config)
    (other / "evaluation.json").write_bytes((runs["groove"] / "evaluation.json").read_bytes())
    with pytest.raises(UserError, match="meta-tested in another way"):
        compare([runs["groove"], other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_rivals_of_one_method_keep_their_own_names(runs):
    lpg, groove = runs["lpg"], runs["groove"]
    assert _rival_names([lpg]) == ["LPG, random levels"]
    assert len(set(_rival_names([lpg, groove]))) == 2
    assert _rival_names([groove]) == [f"GROOVE ({groove})"]


def test_a_gymnax_world_can_be_trained_on_and_meta_tested(tmp_path):
    folder = tmp_path / "cartpole"
    line = (
        "train lpg smoke --tasks CartPole-v1 --steps 2 --log_every 1 --meta.num_agents 2 "
        "--life.num_workers 2 --meta.num_episodes 2"
    )
    assert main([*line.split(), "--out", str(folder)]) == 0
    assert len(read_metrics(folder)) == 2


@pytest.fixture(scope="module")
def drift_run(tmp_path_factory):
    """A finished and meta-tested run of TA-LPO."""
    folder = tmp_path_factory.mktemp("ta-lpo") / "run"
    config = preset("ta-lpo", "smoke")
    config = replace(
        config,
        steps=1,
        min_lifetime=2,
        max_lifetime=2,
        life=LifeConfig(2, 8),
        meta=replace(config.meta, population_size=2),
        ppo=replace(config.ppo, num_epochs=1, num_mini_batches=1),
        evaluation=DriftEvaluationConfig(
            num_seeds=2,
            max_lifetime=2,
            horizons=(1, 3),
            num_episodes=2,
            num_agents=2,
            worlds=("Catch-bsuite",),
        ),
    )
    create_run(folder, "ta-lpo", "smoke", config)
    run(build(config), config, folder, console=Console(quiet=True))
    evaluate(folder, console=Console(quiet=True))
    return folder


def test_drifts_are_meta_tested_on_other_worlds_and_budgets(drift_run):
    document = json.loads((drift_run / "evaluation.json").read_text())
    assert list(document["sets"]) == ["CartPole-v1", "Catch-bsuite", "1 updates", "3 updates"]
    for result in document["sets"].values():
        own, *others = result["returns"]
        assert own == "TA-LPO" and others == ["no drift", "PPO", "DPO"]
        assert set(others) <= set(YARDSTICKS)
        assert all(np.shape(returns) == (1, 2) for returns in result["returns"].values())
    assert [len(course["policy_entropy"]) for course in document["courses"].values()] == [1, 3]


def test_report_shows_what_a_drift_has_learned(drift_run, tmp_path):
    text = report(drift_run).read_text()
    for name in ("drift.png", "life_courses.png", "returns.png", "horizons.png"):
        assert f"({name})" in text
        with Image.open(drift_run / name) as image:
            assert min(image.size) > 100 and len(image.convert("L").getcolors()) > 20
    compared = compare([drift_run], tmp_path / "out").read_text()
    assert "| TA-LPO, 1 seeds |" in compared and "| DPO |" in compared


def test_objectives_of_different_kinds_are_not_compared(runs, drift_run):
    with pytest.raises(UserError, match="has not learned an objective of LPG's kind"):
        evaluate(runs["lpg"], [drift_run], console=Console(quiet=True))
    with pytest.raises(UserError, match="has not learned a drift"):
        evaluate(drift_run, [runs["lpg"]], console=Console(quiet=True))
