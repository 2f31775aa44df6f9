"""Runs of agents in repeated games: trained, resumed, tested and drawn at the smallest sizes."""

import numpy as np
import pytest

from rlsuite.envs.games import SCRIPTS
from rlsuite.experiments.conformance import check_run, check_test
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.methods.games.coordination import Coordination, coordination, naive_pairs
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
    found = Played({"pair": 2, "single": 1}, scores, np.zeros((1, 3, 3, 2, 2), int))
    np.testing.assert_allclose(found.against("single", ["pair", "single"]), [[(0.4 + 0.8) / 2]])
    np.testing.assert_allclose(found.against("pair", ["pair", "single"]), [[0.2, 0.6]])
    np.testing.assert_allclose(found.matrix(0, 0), [[0.4, 0.4], [0.4, 0.8]])


def test_best_scores_are_those_of_best_responses():
    best = best_scores(["always 0", "tit for tat"], 10)
    np.testing.assert_allclose(best[PD], (100 + 82) / 2 / 100)
    np.testing.assert_allclose(best_scores(["alternating 0 1"], 10)[BOS], 0.85)


def test_pairs_take_turns_or_settle_or_do_neither():
    alike = np.array([[0.5, 0.5], [0.9, 0.1], [0.65, 0.3], [0.2, 0.4]])
    assert coordination(alike) == Coordination(0.5, 0.25, 0.25)
    assert "50% take turns" in str(coordination(alike))


def test_learners_of_one_kind_coordinate_where_it_is_easy():
    """Where one outcome is best for both."""
    game = np.array([[[4, 1], [1, 2]], [[4, 1], [1, 2]]], np.float32)
    settings = GamesEvaluationConfig(num_pairs=8, num_gradient_steps=200)
    paid, together = naive_pairs(game[None], settings, 6)
    assert (together.sum(axis=-1) > 0.9).all()
    assert paid.mean() > 3
