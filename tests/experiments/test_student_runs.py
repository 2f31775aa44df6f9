"""Students whose levels are designed: their tests' statistics, and what is not allowed of them."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.curricula.learnable_levels import LearnableLevelsConfig
from rlsuite.experiments.cli import main
from rlsuite.experiments.conformance import check_run, check_test
from rlsuite.experiments.errors import BAD_INPUT, ConfigError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.methods.design.drawn import levels_drawn, read_drawings
from rlsuite.experiments.methods.design.kinds import kinds_named
from rlsuite.experiments.methods.design.pictures import pictures
from rlsuite.experiments.methods.design.risk import (
    conditional_value_at_risk,
    curve_over,
    even_edges,
    risk_curve,
)
from rlsuite.experiments.methods.design.scored import (
    TARGETS,
    Scored,
    correlation,
    ranks_over_rates,
    scored_section,
)
from rlsuite.experiments.plans import default_run
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.sweeping.stages import Stage, progress
from tests.experiments.running import METHODS, plan_of


class TestRisk:
    @given(st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 99))
    @settings(max_examples=50, deadline=None)
    def test_it_is_the_mean_of_what_others_say_are_the_worst(self, number, share, seed):
        random = np.random.default_rng(seed)
        chosen_by, measured = random.random((2, number))
        kept = max(1, round(share * number))
        expected = np.mean([m for _, m in sorted(zip(chosen_by, measured, strict=True))[:kept]])
        found = conditional_value_at_risk(chosen_by, measured, share)
        assert found == pytest.approx(expected)

    def test_chance_makes_no_level_bad(self):
        """All levels are alike: those that one set of attempts calls the worst are as good."""
        random = np.random.default_rng(0)
        first, second = random.binomial(10, 0.5, (2, 4000)) / 10
        assert conditional_value_at_risk(first, second, 0.05) == pytest.approx(0.5, abs=0.03)
        # By the same attempts they seem much worse.
        assert conditional_value_at_risk(first, first, 0.05) < 0.25

    def test_the_curve_ends_at_the_mean_and_has_intervals(self):
        rates = np.linspace(0, 1, 200)
        curve = risk_curve(rates, rates)
        assert curve.x == [1, 2, 5, 10, 20, 50, 100]
        assert curve.value[-1] == pytest.approx(0.5) and curve.value == sorted(curve.value)
        assert all(np.array(curve.low) <= np.array(curve.value))
        assert all(np.array(curve.high) >= np.array(curve.value))

    def test_curves_over_a_measure_are_means_between_edges(self):
        measure, results = np.array([1.0, 1, 2, 5, 6, 7]), np.array([0.0, 1, 1, 0, 0, 1])
        edges = even_edges(measure, most=2)
        assert edges == [-np.inf, 3.5, np.inf]
        curve = curve_over(measure, results, edges)
        np.testing.assert_allclose(curve.x, [4 / 3, 6])
        np.testing.assert_allclose(curve.value, [2 / 3, 1 / 3])
        assert even_edges(np.ones(5)) == [-np.inf, np.inf]

    @pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
    def test_levels_without_a_measure_are_on_no_curve(self, missing):
        measure, results = np.array([1.0, 1, 2, 5, 6, 7]), np.array([0.0, 1, 1, 0, 0, 1])
        edges = even_edges(measure, most=2)
        some, of_some = np.append(measure, missing), np.append(results, 1.0)
        assert even_edges(some, most=2) == edges
        assert curve_over(some, of_some, edges) == curve_over(measure, results, edges)
        none = np.full(4, missing)
        assert curve_over(none, np.ones(4), even_edges(none)) == ([], [], [], [])


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("plr", ["--buffer.size", "3"], "buffer.size: 3 is not allowed; it must be at least the 4"),
        ("accel", ["--num_edits", "-1"], "num_edits: -1 is not allowed"),
        (
            "accel",
            ["--num_parents", "5"],
            "num_parents: 5 is not allowed; it must be from 1 to the 4 workers",
        ),
        ("accel", ["--editor", "cell"], "editor: unknown editor 'cell' (did you mean 'cells'?)"),
        ("accel", ["--tasks.max_walls", "15"], "tasks.max_walls: 15 is not allowed; it must be"),
        ("plr", ["--score", "regret"], "score: 'regret' is not allowed"),
        ("plr", ["--score", "exact_regret", "--world", "Maze-v0"], "score: 'exact_regret' is not"),
        ("accel", ["--start", "emty"], "start: unknown start 'emty' (did you mean 'empty'?)"),
        ("repaired", ["--buffer.size", "3"], "buffer.size: 3 is not allowed; it must be at least"),
        ("sfl", ["--levels.size", "9"], "levels.size: 9 is not allowed; it must be at most the 8"),
        ("sfl", ["--levels.search_length", "20"], "levels.search_length: 20 is not allowed; it"),
        ("dr", ["--world", "CartPole-v1"], "tasks.observations: "),
        ("dr", ["--min_lifetime", "5"], "min_lifetime: 5 is not allowed; a student lives as long"),
        ("dr", ["--student.precision", "tf32"], "student.precision: 'tf32' is not allowed"),
        ("dr", ["--ppo.num_mini_batches", "3"], "ppo.num_mini_batches: 3 is not allowed"),
        ("dr", ["--student.num_filters", "2,2,2"], "student.num_filters: (2, 2, 2) is not allowed"),
        ("dr", ["--ppo.normalise_observations", "true"], "ppo.normalise_observations: True is"),
    ],
)
def test_what_is_not_allowed_is_said_in_one_line(method, options, message, capsys, tmp_path):
    folder = tmp_path / "run"
    assert main(["train", method, "smoke", *options, "--out", str(folder)]) == BAD_INPUT
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not folder.exists()


def test_runs_from_before_something_was_refused_can_still_be_opened():
    for planned in (
        plan_of("dr", min_lifetime=5),
        plan_of("sfl", parts={"levels": {"search_length": 20}}),
    ):
        assert planned.experiment.method
        with pytest.raises(ConfigError, match="is not allowed"):
            planned.check()


def test_worlds_whose_levels_cannot_be_edited_are_refused_for_accel(capsys, tmp_path):
    arguments = ["--world", "Maze-v0", "--out", str(tmp_path / "run")]
    assert main(["train", "accel", "smoke", *arguments]) == BAD_INPUT
    assert "tasks: 'Maze-v0' is not allowed; its levels can't be edited" in capsys.readouterr().err
    assert plan_of("dr", tasks="Maze-v0").experiment.world_steps_per_step == 4 * 256


def test_sfl_at_paper_size_is_that_of_its_code():
    run = default_run(METHODS.find("sfl"), "paper")
    config, ppo = run.method, run.method.ppo
    assert run.steps * config.life.num_workers * config.life.rollout_length == pytest.approx(
        3e8, rel=1e-3
    )
    assert (config.life.num_workers, config.life.rollout_length) == (256, 256)
    assert config.student.recurrent_width == 256 and config.student.num_filters == (16,)
    assert (ppo.num_epochs, ppo.num_mini_batches, ppo.learning_rate) == (4, 4, 2.5e-4)
    assert (ppo.discount, ppo.gae_lambda, ppo.entropy_coefficient) == (0.99, 0.95, 0)
    assert (config.clip_epsilon, ppo.value_clip, ppo.value_coefficient) == (0.04, 0.04, 0.25)
    # A search takes about three times the steps of the rollouts until the next.
    levels = config.levels
    searched = levels.num_batches * levels.batch_size * levels.search_length
    assert searched / (levels.period * 256 * 256) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("method", ["dr", "plr", "accel"])
def test_the_paper_preset_has_the_published_sizes(method):
    run = default_run(METHODS.find(method), "paper")
    config = run.method
    assert (run.tasks, run.steps) == ("maze", 30_000)
    assert run.evaluation.num_levels == 10_000
    assert (config.life.num_workers, config.life.rollout_length) == (32, 256)
    assert config.student.recurrent_width == 256 and config.student.num_filters == (16,)
    assert (config.ppo.num_epochs, config.ppo.num_mini_batches) == (5, 1)
    assert (config.ppo.discount, config.ppo.gae_lambda, config.ppo.value_clip) == (0.995, 0.98, 0.2)
    # JaxUED's 0.5 is of half the squared error, ours of the whole.
    assert (config.ppo.value_coefficient, config.ppo.entropy_coefficient) == (0.25, 1e-3)
    if method in ("plr", "accel"):
        buffer = config.buffer
        assert (buffer.size, buffer.replay_probability) == (4000, 0.8)
        assert (buffer.staleness, buffer.temperature, buffer.min_fill) == (0.3, 0.3, 0.5)
        assert not buffer.learn_from_new


def test_rollouts_hold_a_whole_episode():
    for tasks in ("maze", "small_maze", "tiny_maze"):
        run = default_run(METHODS.find("plr"), "laptop", tasks)
        limit = plan_of("plr", tasks=tasks).named_world.world.default_params.max_steps_in_episode
        assert limit < run.method.life.rollout_length <= limit + 8


@pytest.mark.parametrize("size", ["smoke", "laptop", "desk", "paper"])
def test_searches_have_time_for_two_failures_on_any_world(size):
    for tasks in ("maze", "small_maze", "tiny_maze"):
        run = default_run(METHODS.find("sfl"), size, tasks)
        limit = plan_of("plr", tasks=tasks).named_world.world.default_params.max_steps_in_episode
        assert run.method.levels.search_length >= 2 * limit
    assert default_run(METHODS.find("sfl"), "paper").method.levels == LearnableLevelsConfig()


def test_a_run_is_resumed_tested_and_drawn(tmp_path, capsys):
    check_run("accel", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    assert [table.name for table in evaluation.tables] == [
        *("drawn mazes", "random mazes", "drawn mazes, return")
    ]
    assert [curves.name for curves in evaluation.curves] == [
        "solve rate on the worst of random mazes",
        *("solve rate over the walls", "solve rate over the path length"),
    ]
    assert {curves.statistic for curves in evaluation.curves} == {"mean"}
    assert set(evaluation.extras["paths"]) == {"TinyHook", "TinyDoor"}
    finished = open_run(tmp_path / "run")
    assert [step for step, _ in finished.states()] == [1, 2]
    sections = pictures(finished, evaluation)
    assert [section.title for section in sections] == [
        *("Levels over time", "Levels at the end", "Paths", "Mazes drawn by hand")
    ]
    assert sections[-1].text.count("| TinyHook | ") == 1
    # 4 workers for 24 steps, twice.
    assert any("192 steps of its worlds in 2 rollouts" in note for note in evaluation.notes)
    check_scores(tmp_path / "run", capsys)


def check_scores(folder, capsys):
    """Scores are set beside solve rates where a test is asked to, at each checkpoint."""
    for wrong, message in (
        ("num_score", "unknown field 'evaluation.num_score' (did you mean"),
        ("num_scored", "evaluation.num_scored: 1 is not allowed"),
        ("kinds", "evaluation.kinds: unknown kind '1'"),
    ):
        assert main(["evaluate", str(folder), f"--evaluation.{wrong}", "1"]) == BAD_INPUT
        said = capsys.readouterr().err
        assert message in said and said.count("\n") == 1
    mazes = folder / "mazes.toml"
    mazes.write_text('Straight = """\n>.G\n###\n...\n"""')
    asked = ["--evaluation.num_scored", "6", "--evaluation.num_levels=1"]
    asked += ["--evaluation.kinds=SimpleCrossingS11N5", "--evaluation.num_of_a_kind=20"]
    asked.append(f"--evaluation.mazes={os.path.relpath(mazes)}")
    assert main(["evaluate", str(folder), *asked]) == 0
    evaluation = open_run(folder).evaluation
    assert evaluation.settings == {
        "evaluation.num_scored": "6",
        "evaluation.num_levels": "1",
        "evaluation.kinds": "SimpleCrossingS11N5",
        "evaluation.num_of_a_kind": "20",
        "evaluation.mazes": str(mazes),
    }
    # A sweep's test is one with the settings that the sweep has.
    assert progress(folder, METHODS).stage is Stage.TRAINED
    assert set(evaluation.extras["paths"]) == {"Straight"}
    sections = {one.title: one for one in pictures(open_run(folder), evaluation)}
    assert "| Straight | " in sections["Mazes drawn by hand"].text
    sections["Paths"].drawings[0].draw(folder / "paths.png")
    # One random level is still no maze with a name, whose attempts are shown in groups.
    assert {np.shape(found) for found in evaluation.tables[1].results.values()} == {(1, 1)}
    check_kinds(evaluation, sections)
    found = evaluation.extras["scores"]
    assert found["steps"] == [1, 2] and found["number"] == 6
    names = {"max monte carlo", "positive value loss", "l1 value loss", "learnability"}
    for target in TARGETS:
        assert set(found[target]) == names | {"exact regret"}
        assert np.abs(list(found[target].values())).max() <= 1
    (section,) = scored_section(found)
    assert len(section.drawings) == 3 and section.text.count("\n| ") == 6
    for drawing in section.drawings:
        drawing.draw(folder / drawing.file)


def check_kinds(evaluation, sections):
    """Levels of another size than the student's world are tables and a section of their own."""
    solved, returned = (table for table in evaluation.tables if "of a kind" in table.name)
    assert solved.strata == returned.strata == ["SimpleCrossingS11N5"]
    assert {found.shape for found in map(np.asarray, solved.results.values())} == {(1, 10)}
    # 16 steps and at least one turn, of 484.
    assert 0.9 < returned.optimal[0] <= 1 - 0.9 * 17 / 484
    for name, rates in evaluation.extras["solved"]["mazes of a kind"].items():
        assert rates == pytest.approx([np.mean(solved.results[name])])
        assert 0 <= np.mean(returned.results[name]) <= returned.optimal[0]
    assert "| SimpleCrossingS11N5 | " in sections["Mazes of a kind"].text


@pytest.mark.parametrize("size", ["laptop", "paper"])
def test_the_published_size_is_tested_on_the_published_kinds(size):
    run = default_run(METHODS.find("dr"), size)
    known = find_world(run.tasks).design.kinds
    expected = [kind for kind in known if kind != "PerfectMazeXL"] if size == "paper" else []
    assert list(run.evaluation.kinds) == expected and run.evaluation.num_of_a_kind == 100
    assert default_run(METHODS.find("dr"), size, "Maze-v0").evaluation.kinds == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('Two = ">.G ..G ..."', "Two: goal: 2 of them are not allowed; there must be one"),
        ('None = "... ..G ..."', "None: agent: 0 of them are not allowed"),
        ('Odd = ">.G .."', "Odd: "),
        ('Strange = ">.G .x. ..."', "Strange: "),
        ('Closed = ">#. ##. ..G"', "Closed is not allowed; nobody can reach its goal"),
        ('Large = ">...G ..... ..... ..... ....."', "Large: side: 4 is not allowed"),
        ("Number = 3", "Number is not allowed; it must be a drawing"),
        ("", "it must draw at least one level"),
        ("what", "is no TOML file"),
    ],
)
def test_what_is_no_maze_is_named(text, message, tmp_path):
    file = tmp_path / "mazes.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        levels_drawn(find_world("tiny_maze"), read_drawings(str(file)))
    said = str(raised.value)
    assert said.startswith("evaluation.mazes: ") and message in said and "\n" not in said


def test_mazes_can_be_drawn_only_where_levels_are_mazes():
    with pytest.raises(ConfigError, match="levels of 'Maze-v0' can't be drawn"):
        levels_drawn(find_world("Maze-v0"), {"Any": ">G .."})
    assert levels_drawn(find_world("Maze-v0"), None) == {}
    with pytest.raises(ConfigError, match="kinds: 'FourRooms' is not allowed; of 'Maze-v0'"):
        kinds_named(find_world("Maze-v0"), ["FourRooms"])


class TestScored:
    @given(st.integers(3, 30), st.integers(0, 99))
    @settings(max_examples=8, deadline=None)
    def test_correlations_are_of_ranks(self, number, seed):
        """Pearson's of the places in their order, whatever makes the order."""
        first, second = np.random.default_rng(seed).permuted(
            np.tile(np.arange(number, dtype=float), (2, 1)), axis=1
        )
        value, low, high = correlation(np.exp(first), second**3)
        assert value == pytest.approx(np.corrcoef(first, second)[0, 1])
        assert -1 <= low <= high <= 1

    def test_what_is_the_same_everywhere_is_correlated_with_nothing(self):
        assert correlation(np.zeros(4), np.arange(4.0)) == [0, 0, 0]

    def test_scores_that_are_no_number_come_below_all_others(self):
        score, lowest = np.array([np.nan, 2.0, 1.0, np.nan]), np.array([0.0, 2.0, 1.0, 0.0])
        solved = np.array([0.3, 0.9, 0.5, 0.1])
        assert correlation(score, solved) == correlation(lowest, solved)
        assert correlation(np.full(4, np.nan), solved) == [0, 0, 0]
        curves = [ranks_over_rates(Scored(solved, {"": one}), "") for one in (score, lowest)]
        assert curves[0] == curves[1] and np.isfinite(curves[0].value).all()

    def test_ranks_are_means_of_what_is_solved_as_often(self):
        scores = np.array([5.0, 1, 3, 2])
        scored = Scored(np.array([0.0, 0.1, 0.1, 1.0]), {"score": scores})
        curve = ranks_over_rates(scored, "score")
        np.testing.assert_allclose(curve.x, [0, 0.1, 1])
        np.testing.assert_allclose(curve.value, [0.875, (0.125 + 0.625) / 2, 0.375])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--teacher_walls", "15"], "teacher_walls: 15 is not allowed; it must be from 0 to 14"),
        (["--teacher.precision", "tf32"], "teacher.precision: 'tf32' is not allowed"),
        (["--teacher.num_filters", "4,4"], "teacher.num_filters: (4, 4) is not allowed"),
        (["--teacher_ppo.normalise_observations", "true"], "teacher_ppo.normalise_observations: "),
        (["--teacher_ppo.num_mini_batches", "3"], "teacher_ppo.num_mini_batches: 3 is not allowed"),
        (["--world", "Maze-v0"], "tasks: 'Maze-v0' is not allowed"),
    ],
)
def test_what_no_teacher_can_build_is_said_in_one_line(options, message, capsys, tmp_path):
    assert main(["train", "paired", "smoke", *options, "--out", str(tmp_path / "run")]) == BAD_INPUT
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
