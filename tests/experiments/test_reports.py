"""From training to the comparison of runs, on the real methods at the smallest sizes."""

import json
import math
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
from PIL import Image

from rlsuite.averages import interquartile_mean
from rlsuite.experiments.cli import main
from rlsuite.experiments.compare import compare, grouped
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.evaluation import EVALUATION, from_json, to_json
from rlsuite.experiments.files import parse_sealed, sealed
from rlsuite.experiments.finished import load, open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.meta_test import Contender, final_returns
from rlsuite.experiments.methods.drifts.meta_test import DriftEvaluationConfig
from rlsuite.experiments.methods.learned_policy_gradient import meta_test as learned_policy_gradient
from rlsuite.experiments.methods.learned_policy_gradient.levels import (
    LEAST_OPTIMAL_RETURN,
    LevelEvaluationConfig,
    held_out_levels,
    level_set,
    level_sets,
)
from rlsuite.experiments.methods.learned_policy_gradient.trainers import learned_by
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.report import report
from rlsuite.experiments.role_keys import HELD_OUT_SEED, TUNING_SEED
from rlsuite.experiments.runner import run
from rlsuite.lifetime import LifeConfig
from tests.experiments.running import plan_of, train

TINY = LevelEvaluationConfig(
    num_levels=3,
    num_draws=1,
    num_seeds=2,
    num_workers=4,
    max_lifetime=5,
    num_episodes=4,
    num_agents=8,
    objective_rates=(0.25, 4.0),
    a2c_rates=(1.0,),
    a2c_entropies=(0.0, 0.01),
)


def tiny_plan(method, **changes):
    """Four steps on short lives, so that tasks get scored."""
    sizes = {"steps": 4, "log_every": 2, "checkpoint_every": 2, "evaluation": TINY}
    parts = {"life": {"num_workers": 4}, "meta": {"num_agents": 4, "num_updates": 10}}
    return plan_of(method, parts=parts, **sizes | changes)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished GROOVE run and an LPG run."""
    return {
        method: train(tiny_plan(method), tmp_path_factory.mktemp(method))
        for method in ("groove", "lpg")
    }


@pytest.fixture(scope="module")
def evaluation(runs, quiet):
    return evaluate(runs["groove"], [runs["lpg"]], console=quiet)


def bits(leaf):
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def assert_is_a_picture(path):
    with Image.open(path) as image:
        assert min(image.size) > 100 and len(image.convert("L").getcolors()) > 20


def test_real_runs_log_their_metrics(runs):
    lines = runs["groove"].metrics
    assert [line["step"] for line in lines] == [2, 4]
    assert all(np.isfinite(line["meta_loss"]) for line in lines)
    assert any(line["score"] is not None for line in lines)


def test_a_folder_says_what_was_run_where_and_by_what(runs):
    document = json.loads((runs["groove"].directory / "config.json").read_text())
    assert (document["format_version"], document["method"]) == (3, "groove")
    assert {"created", "command", "commit", "device", "versions"} <= document.keys()
    assert document["config"]["method"]["meta"]["num_updates"] == 10
    assert runs["groove"].run == tiny_plan("groove").run


def test_what_was_learned_is_loaded_in_one_line(runs):
    learned = load(runs["groove"].directory)
    expected = runs["groove"].state.parameters
    assert all(
        bits(ours) == bits(theirs)
        for ours, theirs in zip(jax.tree.leaves(learned), jax.tree.leaves(expected), strict=True)
    )


def test_groove_interrupted_and_resumed_ends_with_the_same_bits(runs, tmp_path, quiet):
    plan = tiny_plan("groove")
    create_run(tmp_path, plan.describe())
    for steps in (2, 4):
        # A run that stops here has the checkpoint that an interrupted one leaves.
        outcome = run(plan.experiment, replace(plan.run, steps=steps), tmp_path, console=quiet)
        assert outcome.step == steps
    pairs = zip(
        jax.tree.leaves(open_run(tmp_path).state),
        jax.tree.leaves(runs["groove"].state),
        strict=True,
    )
    assert all(bits(ours) == bits(theirs) for ours, theirs in pairs)


def test_evaluation_holds_every_contender_on_every_set(runs, evaluation):
    document = parse_sealed((runs["groove"].directory / "evaluation.json").read_bytes())
    assert document == json.loads(json.dumps(to_json(evaluation)))
    assert to_json(from_json(document)) == document
    roles = [role for _, role in evaluation.contenders]
    assert roles == ["own", "rival", "baseline", "baseline"]
    names = ["GROOVE", f"LPG ({runs['lpg'].directory})", "untrained objective", "A2C, tuned"]
    assert [len(table.strata) for table in evaluation.tables] == [3, 5, 8]
    for table in evaluation.tables:
        assert list(table.results) == names
        assert table.shown_unit == "fraction of the optimal return"
        for returns in table.results.values():
            assert returns.shape == (len(table.strata), 2)
            # Averages of few episodes may be lucky, but not by much.
            assert (returns <= table.optimal[:, None] * 2 + 1).all()
        for estimate in table.estimates.values():
            assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize(
    ("qualities", "best"), [((math.nan, -2.0, 3.0, 3.0, math.nan), 2), ((math.nan, math.nan), 0)]
)
def test_a_choice_without_numbers_is_worse_than_any_other(monkeypatch, qualities, best):
    def known(levels, contender, settings, *, seed):
        return np.array([[contender.learned]])

    monkeypatch.setattr(learned_policy_gradient, "final_returns", known)
    choices = [Contender("one", "own", lambda world: None, quality) for quality in qualities]
    world = find_world("CartPole-v1")
    assert learned_policy_gradient._best(enumerate(choices), world, TINY)[0] == best


def test_an_objective_is_tested_at_the_rate_that_is_best_on_training_levels(runs, evaluation):
    world, rates, trained = find_world("all_vrandlife"), (0.25, 4.0), runs["groove"]
    tuning = level_set("tuning", (world,), world, 3, 5, seed=TUNING_SEED)
    returns = [returns_at(one, tuning, trained, TUNING_SEED) for one in rates]
    qualities = [interquartile_mean(each / tuning.optimal[:, None]) for each in returns]
    best = rates[np.argmax(qualities)]
    chosen = evaluation.extras["policy_rates"]
    assert chosen["GROOVE"] == best and set(chosen.values()) <= set(rates)
    expected = returns_at(best, held_out_levels(world, TINY), trained, HELD_OUT_SEED)
    np.testing.assert_allclose(evaluation.tables[0].results["GROOVE"], expected, rtol=1e-5)
    assert any("times 0.25 or 4" in note for note in evaluation.notes)


def returns_at(rate, levels, trained, seed):
    """Of agents that are built with a rate, rather than told it."""
    by_run = learned_by(trained.run, levels.world)
    agent = replace(by_run.agent, policy_learning_rate=40.0 * rate)
    life = LifeConfig(TINY.num_workers, TINY.rollout_length)
    faster = replace(by_run, agent=agent, life=life)
    contender = Contender("", "own", lambda world: faster, trained.learned)
    return final_returns(levels, contender, TINY, seed=seed)


def test_a_rival_tested_alike_keeps_its_part(runs, evaluation):
    kept = runs["lpg"].evaluation
    assert [name for name, _ in kept.contenders] == ["LPG", "untrained objective", "A2C, tuned"]
    theirs, ours = kept.tables[0], evaluation.tables[0]
    rival = evaluation.contenders[1].name
    np.testing.assert_array_equal(theirs.results["LPG"], ours.results[rival])


def test_a_test_with_other_settings_is_shown_and_compared_by_these(runs, evaluation, tmp_path):
    folders = [tmp_path / "asked", tmp_path / "own"]
    for folder in folders:
        shutil.copytree(runs["lpg"].directory, folder)
    kept = open_run(folders[0]).evaluation
    first, *others = kept.tables
    first = replace(
        first,
        results={name: found[:2] for name, found in first.results.items()},
        strata=first.strata[:2],
        optimal=first.optimal[:2],
    )
    asked = {"evaluation.num_levels": "2"}
    fewer = replace(kept, tables=[first, *others], settings=asked)
    (folders[0] / EVALUATION).write_bytes(sealed(to_json(fewer)).encode())
    run, other = map(open_run, folders)
    assert run.evaluation.settings == asked and not other.evaluation.settings
    report(run)
    with pytest.raises(UserError, match="tested in another way"):
        compare([run, other], tmp_path / "comparison")


@pytest.mark.parametrize(
    ("field", "value", "damage"),
    [("worlds", "TheirWorld-v0", None), ("gone", "1", "unknown field 'evaluation.gone'")],
)
def test_tests_with_what_nobody_knows_any_more_are_still_reported(
    runs, evaluation, tmp_path, capsys, field, value, damage
):
    folder = tmp_path / "older"
    shutil.copytree(runs["lpg"].directory, folder)
    kept = replace(open_run(folder).evaluation, settings={f"evaluation.{field}": value})
    (folder / EVALUATION).write_bytes(sealed(to_json(kept)).encode())
    run = open_run(folder)
    assert "## Test" in report(run).read_text()
    said = capsys.readouterr().err
    if damage is None:
        compare([run], tmp_path / "comparison")
        assert not said
        return
    assert str(folder) in said and damage in said
    with pytest.raises(UserError, match=f"older' was tested with other settings: {damage}"):
        compare([run], tmp_path / "comparison")


def test_settings_that_are_the_runs_own_are_no_others(runs, evaluation, monkeypatch, quiet):
    monkeypatch.setattr("rlsuite.experiments.evaluate._tested", lambda run, *_: run.evaluation)
    monkeypatch.setattr("rlsuite.experiments.evaluate._save", lambda *_: None)
    asked = {"evaluation.num_levels": "3", "evaluation.num_seeds": "1"}
    found = evaluate(runs["lpg"], settings=asked, console=quiet)
    assert found.settings == {"evaluation.num_seeds": "1"}


def test_evaluation_is_reproducible(runs, evaluation, quiet):
    again = evaluate(runs["groove"], [runs["lpg"]], console=quiet)
    assert to_json(again) == to_json(evaluation)


def test_held_out_levels_do_not_depend_on_the_run():
    small = find_world("small")
    first, second = (held_out_levels(small, TINY).tasks.level for _ in range(2))
    assert np.array_equal(first.walls, second.walls)


def test_other_worlds_are_tested_on_too():
    settings = replace(TINY, worlds=("Catch-bsuite", "dense", "Catch-bsuite"))
    catch, dense = level_sets(find_world("small"), settings)[3:]
    assert (catch.name, catch.optimal, len(catch.strata)) == ("Catch-bsuite", None, 1)
    assert (dense.name, len(dense.strata)) == ("dense", TINY.num_draws)
    assert (catch.tasks.lifetime == TINY.max_lifetime).all()


def test_levels_of_all_sets_pay_and_lives_are_cut():
    for one in level_sets(find_world("small"), TINY):
        assert (one.optimal >= LEAST_OPTIMAL_RETURN).all()
        assert (one.tasks.lifetime == TINY.max_lifetime).all()


def test_report_shows_curve_levels_and_test(runs, evaluation):
    text = report(runs["groove"]).read_text()
    for section in ("# GROOVE", "## Learning curve", "## Levels", "## Test"):
        assert section in text
    assert "fraction of the optimal return" in text and "A2C was tuned" in text
    for name in ("learning_curve.png", "levels.png", "test.png"):
        assert f"({name})" in text
        assert_is_a_picture(runs["groove"].directory / name)


def test_report_before_the_test_says_what_to_do(runs, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(runs["lpg"].directory, folder)
    (folder / "evaluation.json").unlink(missing_ok=True)
    text = report(open_run(folder)).read_text()
    assert "rlsuite evaluate" in text and "| A2C, tuned |" not in text


def copied(finished, folder, **changes):
    """A copy of a run's folder with another configuration in it."""
    shutil.copytree(finished.directory, folder)
    path = folder / "config.json"
    document = json.loads(path.read_text())
    document["config"] |= changes
    path.write_text(json.dumps(document))
    return open_run(folder)


def test_runs_are_seeds_of_one_configuration_only_where_nothing_else_differs(
    runs, evaluation, tmp_path
):
    groove = runs["groove"]
    seed_1 = copied(groove, tmp_path / "seed_1", seed=1)
    again = copied(groove, tmp_path / "again")
    method = json.loads((groove.directory / "config.json").read_text())["config"]["method"]
    method["meta"]["learning_rate"] = 0.5
    other = copied(groove, tmp_path / "other", method=method)
    assert grouped([groove, seed_1]) == {"GROOVE, 2 seeds": [0, 1]}
    assert grouped([groove, other, seed_1]) == {
        "GROOVE (meta.learning_rate 0.001), 2 seeds": [0, 2],
        "GROOVE (meta.learning_rate 0.5), 1 seed": [1],
    }
    text = compare([groove, seed_1, again, other, runs["lpg"]], tmp_path / "out").read_text()
    # Neither of two runs with one seed is dropped.
    for name in (
        "| GROOVE (meta.learning_rate 0.001), 3 seeds |",
        "| GROOVE (meta.learning_rate 0.5), 1 seed |",
        "| LPG, 1 seed |",
        "| A2C, tuned |",
        "| GROOVE (meta.learning_rate 0.001), seed 1 |",
        f"| GROOVE (meta.learning_rate 0.001), seed 0 ({again.directory}) |",
        "| meta.learning_rate | 0.5 |",
    ):
        assert name in text
    assert_is_a_picture(tmp_path / "out" / "learning_curves.png")


def test_what_cannot_be_compared(runs, evaluation, tmp_path):
    groove = runs["groove"]
    untested = copied(groove, tmp_path / "untested")
    (untested.directory / "evaluation.json").unlink()
    with pytest.raises(UserError, match="has not been tested"):
        compare([groove, untested], tmp_path / "none")
    settings = json.loads((groove.directory / "config.json").read_text())["config"]["evaluation"]
    other = copied(groove, tmp_path / "other", evaluation=settings | {"num_seeds": 1})
    with pytest.raises(UserError, match="tested in another way"):
        compare([groove, other], tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out: cannot write"):
        compare([groove], tmp_path / "file")


def test_a_gymnax_world_can_be_trained_on_with_other_parameters(tmp_path):
    folder = tmp_path / "cartpole"
    line = (
        "train lpg smoke --tasks CartPole-v1 --tasks.force_mag 20 --steps 2 --log_every 1 "
        "--meta.num_agents 2 --life.num_workers 2 --meta.num_episodes 2"
    )
    assert main([*line.split(), "--out", str(folder)]) == 0
    assert len(read_metrics(folder)) == 2
    finished = open_run(folder)
    assert finished.run.method.life.num_workers == 2
    assert finished.world.sample_task(jax.random.key(0)).level.force_mag == 20


@pytest.fixture(scope="module")
def drift_run(tmp_path_factory, quiet):
    """A finished and tested run of TA-LPO, whose world is also one of the others."""
    plan = plan_of(
        "ta-lpo",
        steps=1,
        min_lifetime=2,
        max_lifetime=2,
        parts={
            "life": LifeConfig(2, 8),
            "meta": {"population_size": 2},
            "ppo": {"num_epochs": 1, "num_mini_batches": 1},
        },
        evaluation=DriftEvaluationConfig(
            num_seeds=2,
            max_lifetime=2,
            horizons=(1, 3),
            num_episodes=2,
            num_agents=2,
            worlds=("Catch-bsuite", "CartPole-v1"),
        ),
    )
    finished = train(plan, tmp_path_factory.mktemp("ta-lpo") / "run")
    evaluate(finished, console=quiet)
    return finished


def test_drifts_are_tested_on_other_worlds_and_budgets(drift_run):
    evaluation = drift_run.evaluation
    names = ["CartPole-v1", "Catch-bsuite", "1 updates", "3 updates"]
    assert [table.name for table in evaluation.tables] == names
    assert [table.horizon for table in evaluation.tables] == [None, None, 1, 3]
    for table in evaluation.tables:
        assert list(table.results) == ["TA-LPO", "no drift", "PPO", "DPO"]
        assert all(np.shape(returns) == (1, 2) for returns in table.results.values())
    courses = evaluation.extras["courses"].values()
    assert [len(course["policy_entropy"]) for course in courses] == [1, 3]


def test_report_shows_what_a_drift_has_learned(drift_run, tmp_path):
    text = report(drift_run).read_text()
    for name in ("drift.png", "life_courses.png", "returns.png", "horizons.png"):
        assert f"({name})" in text
        assert_is_a_picture(drift_run.directory / name)
    assert "optimal" not in text
    compared = compare([drift_run], tmp_path / "out").read_text()
    assert "| TA-LPO, 1 seed |" in compared and "| DPO |" in compared


def test_what_is_of_another_kind_is_refused_before_anything_is_computed(runs, drift_run, quiet):
    for own, rival in ((runs["lpg"], drift_run), (drift_run, runs["lpg"])):
        with pytest.raises(UserError, match="has learned another kind of thing"):
            evaluate(own, [rival], console=quiet)
