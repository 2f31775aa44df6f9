"""From training to the report of both attacks by cheap talk, at the smallest sizes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from rlsuite.experiments.build import build
from rlsuite.experiments.configs import EvaluationConfig
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.meta_test import YARDSTICKS
from rlsuite.experiments.presets import preset
from rlsuite.experiments.report import report
from rlsuite.experiments.runner import run
from rlsuite.experiments.storage import create_run
from rlsuite.lifetime import LifeConfig

pytestmark = pytest.mark.usefixtures("quick_compilation")


def finished_run(folder, method, **changes):
    config = preset(method, "smoke")
    config = replace(
        config,
        steps=1,
        max_lifetime=3,
        min_lifetime=3,
        life=LifeConfig(2, 32),
        meta=replace(config.meta, population_size=2),
        ppo=replace(config.ppo, num_epochs=1),
        evaluation=EvaluationConfig(num_seeds=3, num_episodes=2, num_agents=2),
        **changes,
    )
    create_run(folder, method, "smoke", config)
    run(build(config), config, folder, console=Console(quiet=True))
    return folder


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    """A finished and tested run of the train-time attack."""
    folder = finished_run(tmp_path_factory.mktemp("act-train") / "run", "act-train")
    evaluate(folder, console=Console(quiet=True))
    return folder


@pytest.fixture(scope="module")
def shaper(tmp_path_factory):
    """A finished and tested run of the test-time attack."""
    folder = finished_run(tmp_path_factory.mktemp("act-test") / "run", "act-test")
    evaluate(folder, console=Console(quiet=True))
    return folder


def test_victims_of_a_channel_stand_beside_controls(channel):
    document = json.loads((channel / "evaluation.json").read_text())
    assert list(document["sets"]) == ["CartPole-v1", "CartPole-v1 over the life"]
    for result in document["sets"].values():
        own, *others = result["returns"]
        assert own == "learned channel"
        assert others == ["no channel", "zero messages", "random channels"]
        assert set(others) <= set(YARDSTICKS)
        for returns in result["returns"].values():
            assert np.shape(returns) == (1, 3) and np.isfinite(returns).all()
            assert len(set(returns[0])) > 1
    for curve in document["curves"].values():
        assert curve["update"][-1] == 3
        assert (np.array(curve["low"]) <= curve["high"]).all()


def test_messages_are_within_the_scale_in_every_slice(channel):
    slices = json.loads((channel / "evaluation.json").read_text())["messages"]
    assert [one["input"] for one in slices] == [0, 1, 2, 3]
    for one in slices:
        assert np.shape(one["messages"]) == (2, len(one["values"]))
        assert np.abs(one["messages"]).max() <= 2 * np.pi


def test_a_shaper_stands_beside_a_random_one(shaper):
    document = json.loads((shaper / "evaluation.json").read_text())
    assert list(document["sets"]) == ["CartPole-v1, goal", "CartPole-v1, own reward"]
    for result in document["sets"].values():
        assert list(result["returns"]) == ["learned shaper", "random shaper"]
    goals = document["goals"]["random shaper"]
    assert np.shape(goals["goal"]) == np.shape(goals["reached"]) == (6, 1)
    assert np.abs(goals["goal"]).max() <= 2.4


def test_reports_show_what_talk_does(channel, shaper):
    for folder, names in ((channel, ("victims", "messages")), (shaper, ("goals",))):
        text = report(folder).read_text()
        assert "## Victims" in text and "## Meta-test" in text
        for name in (*names, "returns"):
            assert f"({name}.png)" in text
            with Image.open(folder / f"{name}.png") as image:
                assert min(image.size) > 100 and len(image.convert("L").getcolors()) > 20


def test_attacks_of_other_kinds_are_not_compared(channel, shaper):
    with pytest.raises(UserError, match="has not learned an attack of this kind"):
        evaluate(channel, [shaper], console=Console(quiet=True))
