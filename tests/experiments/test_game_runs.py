"""Runs of agents in repeated games: trained, resumed, tested and drawn at the smallest sizes."""

import json

import numpy as np
import pytest

from rlsuite.envs.games import SCRIPTS
from rlsuite.experiments.conformance import check_run, check_test
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.methods.games.case_studies import exact_totals
from rlsuite.experiments.methods.games.coordination import (
    coordination,
    naive_pairs,
    share_of_pairs,
)
from rlsuite.experiments.methods.games.families import (
    COLUMNS,
    OPTIMUM,
    bounds,
    by_family,
    kinds,
)
from rlsuite.experiments.methods.games.matches import BOS, PD, Played, best_scores, play
from rlsuite.experiments.methods.games.players import GamesEvaluationConfig
from rlsuite.experiments.plans import plan
from rlsuite.games import scripted
from tests.experiments.running import METHODS


def test_repeated_games_from_training_to_the_report(tmp_path):
    check_run("repeated-games", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    names = [table.name for table in evaluation.tables]
    assert names == [
        *("all games", "Prisoner's Dilemma", "Battle of the Sexes"),
        *("scripts it has met", "strangers"),
    ]
    # Of tit for tat against itself 80, and what it gets from others.
    assert "tit for tat 80" in "".join(evaluation.notes)
    means = evaluation.extras["means"]["tit for tat"]
    assert all(low <= value <= high for value, low, high in means.values())
    for table in evaluation.tables[3:]:
        assert all((table.normalised(name) <= 1 + 1e-6).all() for name in table.results)
    assert "GPT-4" in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"opponents": "tat"}, "opponents: 'tat' is not allowed"),
        ({"games": "chess"}, "games: 'chess' is not allowed"),
        ({"ppo.num_mini_batches": "3"}, "ppo.num_mini_batches: 3 is not allowed; it must be a"),
        ({"num_rounds": "0"}, "num_rounds: 0 is not allowed"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_line(texts, message):
    with pytest.raises(ConfigError) as caught:
        plan(METHODS, "repeated-games", "smoke", texts)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def played():
    names = ("always 0", "always 1", "stubborn", "alternating 0 1")
    return play({}, {name: scripted(SCRIPTS[name]) for name in names}, 10, 1)


def test_scores_of_scripts_by_kind(played):
    assert played.scores.shape == (4, 4, 2, 146)
    dilemma, battle = (100 * played.matrix(game, 0) for game in (PD, BOS))
    np.testing.assert_allclose(dilemma[:2, :2], [[80, 0], [100, 50]])
    np.testing.assert_allclose(battle[2], [100, 0, 0, 50])
    second = 100 * played.matrix(BOS, 1)
    np.testing.assert_allclose(second[2], [0, 100, 0, 50])
    both = played.against("stubborn", ["always 0", "always 1"])[BOS]
    np.testing.assert_allclose(both, [0.5])


def test_kinds_of_several_players_count_as_one():
    """Two players who always get 0.2 and 0.6, and one who gets 0.9."""
    scores = np.zeros((3, 3, 2, 1))
    scores[:2, :, :, 0] = np.array([0.2, 0.6])[:, None, None]
    scores[2, :2, :, 0], scores[2, 2, :, 0] = np.array([0.3, 0.5])[:, None], 0.8
    found = Played({"pair": 2, "single": 1}, scores, np.zeros((1, 3, 3, 2, 2, 1), int))
    np.testing.assert_allclose(found.against("single", ["pair", "single"]), [[(0.4 + 0.8) / 2]])
    np.testing.assert_allclose(found.against("pair", ["pair", "single"]), [[0.2, 0.6]])
    np.testing.assert_allclose(found.matrix(0, 0), [[0.4, 0.4], [0.4, 0.8]])
    np.testing.assert_allclose(found.by_opponent("single", ["pair", "single"]), [[0.4], [0.8]])


def test_totals_are_told_from_either_seat(played):
    names = ("always 0", "always 1", "alternating 0 1")
    for seat, wanted in enumerate(([100, 0, 50], [0, 100, 50])):
        found = [played.totals("stubborn", name, BOS, seat, 100.0).tolist() for name in names]
        assert found == [[total] for total in wanted]


def test_totals_of_scripts_are_those_of_the_papers_matches():
    """Of ten rounds, and of twenty in which GPT-4 equalled tit for tat in one of two files."""
    plain = ["always 0", "always 1", "defect once"]
    kin = ["tit for tat", "tit for two tats", "suspicious tit for tat"]
    assert exact_totals("grim trigger", plain, 10) == [80, 45, 90]
    assert exact_totals("tit for tat", plain, 10) == [80, 45, 74]
    assert exact_totals("tit for tat", kin, 20) == [160, 160, 100]


def test_intervals_are_over_opponents_and_the_games_of_a_family():
    """Where all games of a family score alike, and opponents differ by 0.2 of a game's highest."""
    names = ["pair", "single"]
    scores = np.zeros((2, 2, 2, 146))
    scores[:, :, :, :PD] = (kinds() == "win-win") * 0.5
    scores[:, 1] += 0.2
    played = Played({"pair": 1, "single": 1}, scores, np.zeros((1, 2, 2, 2, 2, 1), int))
    found, shares = by_family(played, "pair", names)
    np.testing.assert_allclose(found["win-win"], [0.6, 0.5, 0.7])
    # Both players' highest payoffs are of one outcome.
    np.testing.assert_allclose(shares["win-win"], found["win-win"])
    np.testing.assert_allclose(found["tragic"], [0.1, 0, 0.2])
    assert found["all"].value == pytest.approx(0.1 + 0.5 * 36 / 144)
    # Families keep their weight.
    np.testing.assert_allclose(found["all"][1:], [0.125, 0.325])


def test_bounds_are_in_order():
    found = bounds()
    for column in COLUMNS:
        equilibrium = found["best pure equilibrium"][column]
        assert equilibrium is None or equilibrium <= found[OPTIMUM][column]
        assert found["best for both alike"][column] <= found[OPTIMUM][column] <= 1
    assert found[OPTIMUM]["win-win"] == found["best pure equilibrium"]["win-win"] == 1
    assert found["best pure equilibrium"]["cyclic"] is None
    json.dumps(found, allow_nan=False)


def test_best_scores_are_those_of_best_responses():
    best = best_scores(["always 0", "tit for tat"], 10)
    np.testing.assert_allclose(best[PD], (100 + 82) / 2 / 100)
    np.testing.assert_allclose(best_scores(["alternating 0 1"], 10)[BOS], 0.85)


def test_pairs_take_turns_or_settle_or_do_neither():
    alike = np.array([[0.5, 0.5], [0.9, 0.1], [0.65, 0.3], [0.2, 0.4]])
    found = coordination(alike)
    assert [one.value for one in found] == [0.5, 0.25, 0.25]
    assert "50% [15%, 85%] take turns" in str(found)


def test_shares_of_pairs_have_intervals_over_agents():
    """One agent of four takes turns with all others, who never do: half of the pairs are its."""
    found = np.zeros((4, 4))
    found[0], found[:, 0] = 1, 1
    share = share_of_pairs(found)
    assert share.value == 0.5 and share.low == 0 and share.high > 0.6
    assert np.isnan(share_of_pairs(np.ones((1, 1))).value)


def test_learners_of_one_kind_coordinate_where_it_is_easy():
    """Where one outcome is best for both."""
    game = np.array([[[4, 1], [1, 2]], [[4, 1], [1, 2]]], np.float32)
    settings = GamesEvaluationConfig(num_pairs=8, num_gradient_steps=200)
    paid, together = naive_pairs(game[None], settings, 6)
    assert (together.sum(axis=-1) > 0.9).all()
    assert paid.mean() > 3
