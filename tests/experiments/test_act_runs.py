"""From training to the report of both attacks by cheap talk, at the smallest sizes."""

import numpy as np
import pytest
from PIL import Image

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.meta_test import EvaluationConfig
from rlsuite.experiments.methods.cheap_talk.victims_test import what_was_gained
from rlsuite.experiments.report import report
from rlsuite.lifetime import LifeConfig
from tests.experiments.running import plan_of, train


def finished_run(folder, method, console):
    plan = plan_of(
        method,
        steps=1,
        max_lifetime=3,
        min_lifetime=3,
        parts={
            "life": LifeConfig(2, 32),
            "meta": {"population_size": 2},
            "ppo": {"num_epochs": 1},
        },
        evaluation=EvaluationConfig(num_seeds=3, num_episodes=2, num_agents=2),
    )
    finished = train(plan, folder)
    evaluate(finished, console=console)
    return finished


@pytest.fixture(scope="module")
def channel(tmp_path_factory, quiet):
    """A finished and tested run of the train-time attack."""
    return finished_run(tmp_path_factory.mktemp("act-train") / "run", "act-train", quiet)


@pytest.fixture(scope="module")
def shaper(tmp_path_factory, quiet):
    """A finished and tested run of the test-time attack."""
    return finished_run(tmp_path_factory.mktemp("act-test") / "run", "act-test", quiet)


def test_victims_of_a_channel_stand_beside_controls(channel):
    evaluation = channel.evaluation
    names = [table.name for table in evaluation.tables]
    assert names == ["CartPole-v1", "CartPole-v1 over the life"]
    assert [role for _, role in evaluation.contenders] == ["own", *["baseline"] * 3]
    for table in evaluation.tables:
        own, *others = table.results
        assert own == "learned channel"
        assert others == ["no channel", "zero messages", "random channels"]
        for returns in table.results.values():
            assert np.shape(returns) == (1, 3) and np.isfinite(returns).all()
            assert len(set(returns[0])) > 1
    for line in evaluation.curves[0].lines.values():
        assert line.x[-1] == 3
        assert (np.array(line.low) <= line.high).all()


def test_what_victims_learn_by_themselves_is_said(channel):
    evaluation = channel.evaluation
    final = np.mean(evaluation.tables[0].results["no channel"])
    (note,) = evaluation.notes
    assert note.startswith(f"Without a channel victims return {final:.2f} after 3 updates, and ")


def test_first_returns_are_those_of_the_update_by_which_all_have_one():
    curve = np.array([[np.nan, 10.0, 30.0, 50.0], [np.nan, np.nan, 20.0, 90.0]])
    (note,) = what_was_gained(curve, np.array([60.0, 100.0]))
    assert note == (
        "Without a channel victims return 80.00 after 4 updates, and 25.00 in update 3, the first "
        "by which all of them had ended an episode."
    )
    assert what_was_gained(np.full((2, 3), np.nan), np.array([1.0, 2.0])) == []


def test_messages_are_within_the_scale_in_every_slice(channel):
    slices = channel.evaluation.extras["messages"]
    assert [one["input"] for one in slices] == [0, 1, 2, 3]
    for one in slices:
        assert np.shape(one["messages"]) == (2, len(one["values"]))
        assert np.abs(one["messages"]).max() <= 2 * np.pi


def test_a_shaper_stands_beside_a_random_one(shaper):
    evaluation = shaper.evaluation
    names = [table.name for table in evaluation.tables]
    assert names == ["CartPole-v1, goal", "CartPole-v1, own reward"]
    for table in evaluation.tables:
        assert list(table.results) == ["learned shaper", "random shaper"]
    goals = evaluation.extras["goals"]["random shaper"]
    assert np.shape(goals["goal"]) == np.shape(goals["reached"]) == (6, 1)
    assert np.abs(goals["goal"]).max() <= 2.4


def test_reports_show_what_talk_does_and_speak_of_no_optimum(channel, shaper):
    for finished, names in ((channel, ("curves_0", "messages")), (shaper, ("goals",))):
        text = report(finished).read_text()
        assert "## Test" in text and "optimal" not in text
        for name in (*names, "returns"):
            assert f"({name}.png)" in text
            with Image.open(finished.directory / f"{name}.png") as image:
                assert min(image.size) > 100 and len(image.convert("L").getcolors()) > 20


def test_attacks_of_other_kinds_are_not_compared(channel, shaper, quiet):
    with pytest.raises(UserError, match="has learned another kind of thing"):
        evaluate(channel, [shaper], console=quiet)
