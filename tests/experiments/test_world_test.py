"""The test of anything on any worlds: what is tested, what it is measured by, what is refused."""

import json
from dataclasses import replace

import gymnax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlsuite.experiments.cli import main
from rlsuite.experiments.contenders import contenders_of, find_source
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.evaluation import SCORE, Contender, Evaluation, Table, from_json, to_json
from rlsuite.experiments.files import parse_sealed
from rlsuite.experiments.registry import find_world, worlds_called
from rlsuite.experiments.world_test import check_contenders, settings_of
from rlsuite.experiments.worlds.gymnax_worlds import REFERENCES, WORLDS_THAT_DOWNLOAD
from tests.experiments.pretrained.test_loading import begun
from tests.experiments.running import METHODS

NUMBERS = st.floats(-100, 100, width=32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder that is also the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return begun("lpg", tmp_path_factory.mktemp("run") / "lpg")


@settings(deadline=None)
@given(arrays(np.float64, 3, elements=NUMBERS), st.floats(0.1, 10))
def test_a_random_policy_scores_0_and_the_reference_1(random, gain):
    optimal = random + gain
    results = {"random": random, "reference": optimal, "half": (random + optimal) / 2}
    table = Table(
        name="world",
        unit="return",
        results={name: np.repeat(found[:, None], 2, axis=1) for name, found in results.items()},
        strata=["world"] * 3,
        optimal=optimal,
        random=random,
    )
    for name, score in {"random": 0.0, "reference": 1.0, "half": 0.5}.items():
        np.testing.assert_allclose(table.normalised(name), score, atol=1e-6)
    assert table.shown_unit == SCORE


def test_scores_are_written_and_read_as_they_are():
    table = Table("world", "return", {"PPO": np.ones((1, 2))}, ["world"], np.full(1, 3.0))
    table = replace(table, random=np.full(1, -1.0))
    document = to_json(Evaluation([Contender("PPO", "own")], [table]))
    again = from_json(json.loads(json.dumps(document)))
    assert to_json(again) == document
    assert again.tables[0].estimates["PPO"].value == 0.5


def test_words_stand_for_families_and_names_for_themselves():
    names = worlds_called(["gymnax"])
    assert len(names) >= 15 and len(set(names)) == len(names)
    kinds = {type(find_world(name).world.action_space()).__name__ for name in names}
    assert kinds == {"Discrete", "Box"}
    assert worlds_called(["small", "gymnax", "CartPole-v1"]) == ["small", *names]
    assert set(worlds_called(["all-worlds"])) >= {*names, *worlds_called(["grid"])}
    # A level distribution, as for training.
    assert worlds_called(["all"]) == ["all"]
    with pytest.raises(ConfigError, match="worlds: unknown name 'gymnx'"):
        worlds_called(["small", "gymnx"])


def test_references_are_of_worlds_that_are_there_as_usual():
    assert REFERENCES.keys() <= set(gymnax.registered_envs) - set(WORLDS_THAT_DOWNLOAD)
    assert find_world("CartPole-v1").reference.value == 500
    assert find_world("CartPole-v1", {"gravity": 5.0}).reference is None


def test_agents_of_every_kind_can_live_on_every_world_of_gymnax():
    source, *others = (find_source(name, METHODS) for name in ("ta-lpg", "ppo"))
    worlds = [find_world(name) for name in worlds_called(["gymnax"])]
    check_contenders(contenders_of(source, others), worlds)


@pytest.mark.parametrize(
    ("method", "part", "rate"),
    [
        ("lpg", "agent", "policy_learning_rate"),
        ("lpo", "ppo", "learning_rate"),
        ("act-train", "ppo", "learning_rate"),
        ("a2c", "agent", "policy_learning_rate"),
        ("dpo", "ppo", "learning_rate"),
    ],
)
def test_agents_are_as_in_the_run_on_its_own_world_alone(method, part, rate):
    spec = METHODS.find(method)
    own, other = find_world("CartPole-v1"), find_world("Breakout-MinAtar")
    run = spec.presets["smoke"](own)
    assert spec.learned_by(run, own) == spec.learned_by(run, own)
    faster = replace(getattr(run.method, part), **{rate: 0.123})
    run = replace(run, method=replace(run.method, **{part: faster}))
    assert "0.123" in repr(spec.learned_by(run, own))
    assert "0.123" not in repr(spec.learned_by(run, other))


def test_an_objective_trained_at_another_rate_is_tested_at_it_wherever_agents_are_alike():
    spec = METHODS.find("lpg")
    own, levels, other = (
        find_world(name) for name in ("all_vrandlife", "perfect_maze_1", "CartPole-v1")
    )
    assert own.agent == levels.agent != other.agent
    run = spec.presets["smoke"](own)
    slow = replace(run.method.agent, policy_learning_rate=0.123)
    run = replace(run, method=replace(run.method, agent=slow))
    assert [spec.learned_by(run, world).agent for world in (own, levels, other)] == [
        slow,
        slow,
        other.agent,
    ]


def test_a_run_and_what_is_shipped_and_written_by_hand_on_two_worlds(run, folder, capsys):
    worlds = ["DeepSea-bsuite", "Swimmer-misc"]
    line = ["evaluate", str(run.directory), "--worlds", *worlds, "--against", "ta-lpg", "a2c"]
    sizes = ["--seeds", "2", "--lifetimes", "1", "--episodes", "2"]
    assert main([*line, *sizes]) == 0
    out = folder / "evaluations" / "lpg"
    evaluation = from_json(parse_sealed((out / "evaluation.json").read_bytes()))
    assert list(map(tuple, evaluation.contenders)) == [
        ("LPG", "own"),
        ("ta-lpg", "rival"),
        ("A2C", "baseline"),
        ("random policy", "baseline"),
    ]
    assert [table.name for table in evaluation.tables] == [f"{name}, 1 updates" for name in worlds]
    scored, raw = evaluation.tables
    assert (scored.shown_unit, raw.shown_unit) == (SCORE, "return")
    assert (scored.optimal == 0.99).all()
    np.testing.assert_allclose(scored.normalised("random policy").mean(), 0, atol=1e-6)
    assert all(found.shape == (1, 2) for found in raw.results.values())
    printed, text = capsys.readouterr().out, (out / "report.md").read_text()
    assert "the reference is 0.99, the most its rules allow" in " ".join(printed.split())
    assert "--lifetimes 1 --seeds 2 --episodes 2 --against ta-lpg a2c" in text
    assert "![Scores by world](scores.png)" in text and (out / "scores.png").exists()
    assert not (run.directory / "evaluation.json").exists()

    before = (out / "evaluation.json").read_bytes()
    assert main([*line, *sizes]) == 2
    assert "'evaluations/lpg' holds an evaluation; replace it" in capsys.readouterr().err
    assert (out / "evaluation.json").read_bytes() == before


def test_levels_of_a_world_that_has_many_are_measured_by_the_solver(folder):
    line = "evaluate a2c --worlds small DeepSea-bsuite --levels 3 --seeds 2 --lifetimes 1 2"
    assert main([*line.split(), "--episodes", "2", "--out", "here"]) == 0
    evaluation = from_json(parse_sealed((folder / "here" / "evaluation.json").read_bytes()))
    names = [table.name for table in evaluation.tables]
    assert names[:2] == ["small, 1 updates", "small, 2 updates"]
    assert names[4:] == [f"all worlds with a reference, {number} updates" for number in (1, 2)]
    small, everything = evaluation.tables[0], evaluation.tables[4]
    assert len(small.strata) == len(small.optimal) > 1
    assert (small.optimal > small.random).all()
    np.testing.assert_allclose(
        everything.results["A2C"][0], small.normalised("A2C").mean(axis=0), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ppo", "'ppo' is no run's folder; say on which --worlds it is to be tested"),
        ("lpo", "'lpo' is no run's folder"),
        ("nosuch", "'nosuch' holds no run"),
        ("ppo --seeds 2", "seeds: a value is not allowed without --worlds"),
        ("pqo --worlds small", "did you mean 'ppo'?"),
        ("lpo.safetensors --worlds small", "'lpo.safetensors': there is no such file"),
        ("runs/lpo --worlds small", "'runs/lpo' holds no run"),
        ("ppo --worlds smal", "worlds: unknown name 'smal' (did you mean 'small'?)"),
        ("ppo --worlds small --seeds 0", "seeds: 0 is not allowed"),
        ("ppo --worlds small --levels x", "levels: 'x' is not allowed"),
        ("ppo --worlds small --lifetimes 5 x", "lifetimes: 'x' is not allowed"),
        ("ppo --worlds small --lifetimes 5 5", "a list that names each value once"),
        ("ppo --worlds small --against a2c ppo", "'PPO' is not allowed; it must be named once"),
        ("ppo --worlds small --out file", "cannot write to 'file'"),
        ("ppo --worlds small --import nothing", "'nothing' can't be imported"),
    ],
)
def test_bad_input_is_one_line_and_computes_nothing(folder, capsys, line, message):
    (folder / "file").write_text("mine")
    assert main(["evaluate", *line.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rlsuite: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_worlds_that_a_contender_has_no_use_for_are_named(tmp_path):
    channel = begun("act-train", tmp_path / "channel")
    source = find_source(str(channel.directory), METHODS)
    worlds = [find_world(name) for name in ("CartPole-v1", "Acrobot-v1")]
    check_contenders(contenders_of(source, ()), worlds[:1])
    with pytest.raises(ConfigError, match=r"worlds: Acrobot-v1 is not .* ACT-TRAIN \(observations"):
        check_contenders(contenders_of(source, ()), worlds)
    shaper = begun("act-test", tmp_path / "shaper")
    with pytest.raises(UserError, match="no agents learn by what runs of act-test have learned"):
        find_source(str(shaper.directory), METHODS)


def test_settings_are_read_from_the_words_of_the_command():
    settings = settings_of({"lifetimes": ["5", "10"], "seeds": "3"})
    assert (settings.lifetimes, settings.num_seeds, settings.num_levels) == ((5, 10), 3, 16)
