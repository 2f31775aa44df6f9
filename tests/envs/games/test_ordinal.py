"""The table of all strict ordinal games against what the paper's families count."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog

from rlsuite.envs.games import (
    FAMILIES,
    PATTERNS,
    battle_of_the_sexes,
    best_alike,
    best_equilibrium,
    family,
    ordinal_game,
    ordinal_games,
    prisoners_dilemma,
    pure_equilibria,
    social_optimum,
    swap_roles,
)

GAMES = ordinal_games()
PLACES = range(12)
LABELS = """
    ubbcccuuubbu ubbcccbbbbbb ubbcccbbbbbb ubbssttssbbu ubbssttssbbu ubbppppttbbu
    wwwwwwpttccc wwwwwwpssccc wwwwwwpssccc wwwwwwbbbbbb wwwwwwbbbbbb wwwwwwuuuuuu
"""
"""First letters of the families that the paper's public table gives the games, row by row."""


def relabelled(payoffs):
    """All four ways to call the actions of both."""
    return [payoffs[:, ::rows, ::columns] for rows in (1, -1) for columns in (1, -1)]


def test_each_strict_ranking_is_there_once_up_to_what_actions_are_called():
    """Of 24² pairs of rankings, four at a time differ in the names of actions alone."""
    rankings = [np.array(ranking).reshape(2, 2) for ranking in permutations((1, 2, 3, 4))]
    wanted = {
        min(one.tobytes() for one in relabelled(np.stack([a, b]).astype(np.float32)))
        for a in rankings
        for b in rankings
    }
    found = {min(one.tobytes() for one in relabelled(game)) for game in GAMES}
    assert found == wanted and len(wanted) == 144


def test_families_have_as_many_games_as_the_papers():
    assert Counter(map(family, GAMES)) == {
        "win-win": 36,
        "biased": 44,
        "second best": 12,
        "unfair": 19,
        "prisoner's dilemma": 7,
        "tragic": 8,
        "cyclic": 18,
    }


def test_families_are_those_of_the_papers_table():
    letters = {name[0]: name for name in FAMILIES}
    labels = [letters[letter] for letter in "".join(LABELS.split())]
    assert list(map(family, GAMES)) == labels


def test_what_is_best_for_both_is_so_among_all_mixtures_of_outcomes():
    """Beside linear programming, and what can be seen with a pencil."""
    dilemma, battle = np.asarray(prisoners_dilemma()), np.asarray(battle_of_the_sexes())
    assert [rule(dilemma) for rule in (best_equilibrium, best_alike, social_optimum)] == [5, 8, 8]
    assert [rule(battle) for rule in (best_equilibrium, best_alike, social_optimum)] == [8.5] * 3
    for game in GAMES:
        # The most that both get at least, by chances of the four outcomes.
        limits = np.concatenate([-game.reshape(2, 4), np.ones((2, 1))], axis=1)
        found = linprog(
            [0, 0, 0, 0, -1], A_ub=limits, b_ub=[0, 0], A_eq=[[1, 1, 1, 1, 0]], b_eq=[1]
        )
        assert best_alike(game) == pytest.approx(-found.fun)
        assert np.isnan(best_equilibrium(game)) == (family(game) == "cyclic")
        assert not best_equilibrium(game) > social_optimum(game)


def test_families_of_well_known_games():
    patterns = list(PATTERNS)
    symmetric = {name: ordinal_game(row, 11 - row) for row, name in enumerate(patterns)}
    assert family(symmetric["Prisoner's Dilemma"]) == "prisoner's dilemma"
    assert family(symmetric["Battle"]) == family(symmetric["Hero"]) == "biased"
    assert family(symmetric["Chicken"]) == "unfair"
    assert family(symmetric["Stag Hunt"]) == "win-win"
    assert family(symmetric["Deadlock"]) == "second best"


def test_twelve_games_are_symmetric():
    symmetric = [
        (row, column)
        for row in PLACES
        for column in PLACES
        if (np.asarray(swap_roles(game := ordinal_game(row, column))) == game).all()
    ]
    assert symmetric == [(row, 11 - row) for row in PLACES]


def test_swapping_roles_leads_to_another_game_of_the_table_and_back():
    for row in PLACES:
        for column in PLACES:
            game, swapped = ordinal_game(row, column), ordinal_game(11 - column, 11 - row)
            np.testing.assert_array_equal(swap_roles(game), swapped)
            assert family(game) == family(swapped)
    classes = {min(game.tobytes(), np.asarray(swap_roles(game)).tobytes()) for game in GAMES}
    assert len(classes) == 78


def test_families_do_not_depend_on_what_actions_are_called():
    for game in GAMES[::7]:
        assert {family(one) for one in relabelled(game)} == {family(game)}


def test_equilibria_of_the_case_studies():
    assert pure_equilibria(np.asarray(prisoners_dilemma())).tolist() == [[0, 0], [0, 1]]
    assert pure_equilibria(np.asarray(battle_of_the_sexes(8, 9))).tolist() == [[1, 0], [0, 1]]
    np.testing.assert_array_equal(battle_of_the_sexes()[:, 0, 0], [10, 7])
    np.testing.assert_array_equal(battle_of_the_sexes()[:, 1, 1], [7, 10])


def test_games_out_of_the_table_are_refused():
    with pytest.raises(ValueError, match="column: 12 is not allowed; it must be from 0 to 11"):
        ordinal_game(0, 12)
