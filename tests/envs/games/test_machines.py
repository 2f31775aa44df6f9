"""Machines beside the same players in plain Python."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.games import (
    SCRIPTS,
    battle_of_the_sexes,
    memory_one,
    ordinal_game,
    prisoners_dilemma,
    view_from,
)

MOVES = st.lists(st.integers(0, 1), min_size=1, max_size=12)


def view_of(payoffs=None, seat=0):
    payoffs = prisoners_dilemma() if payoffs is None else jnp.asarray(payoffs)
    return view_from(payoffs, jnp.int32(seat), jnp.int32(10))


def played(machine, others):
    """What a machine plays against a sequence, by its tables."""
    chances, successors = np.asarray(machine.chances), np.asarray(machine.successors)
    place, actions = 0, []
    for other in others:
        actions.append(int(chances[place] > 0.5))
        place = successors[place, actions[-1], other]
    return actions


def win_stay_lose_shift(own, others, payoffs):
    if not own:
        return 0
    paid = payoffs[own[-1]][others[-1]]
    return own[-1] if paid >= np.mean(payoffs) else 1 - own[-1]


PAYOFFS = np.asarray(prisoners_dilemma())[0]
PLAIN = {
    "always 0": lambda own, others: 0,
    "always 1": lambda own, others: 1,
    "defect once": lambda own, others: int(not own),
    "tit for tat": lambda own, others: others[-1] if others else 0,
    "tit for two tats": lambda own, others: int(others[-2:] == [1, 1]),
    "suspicious tit for tat": lambda own, others: others[-1] if others else 1,
    "reverse tit for tat": lambda own, others: 1 - others[-1] if others else 1,
    "hard tit for tat": lambda own, others: int(1 in others[-3:]),
    "grim trigger": lambda own, others: int(1 in others),
    "alternating 0 1": lambda own, others: len(own) % 2,
    "alternating 1 0": lambda own, others: 1 - len(own) % 2,
    "win-stay lose-shift": lambda own, others: win_stay_lose_shift(own, others, PAYOFFS),
}


@pytest.mark.parametrize("name", PLAIN)
@settings(deadline=None, max_examples=20)
@given(others=MOVES)
def test_scripts_play_as_their_names_say(name, others):
    expected = []
    for now in range(len(others)):
        expected.append(PLAIN[name](expected, others[:now]))
    assert played(SCRIPTS[name].machine(view_of()), others) == expected


@settings(deadline=None, max_examples=20)
@given(others=MOVES, more=st.integers(0, 4))
def test_states_that_are_never_reached_change_nothing(others, more):
    machine = SCRIPTS["hard tit for tat"].machine(view_of())
    widened = machine.widened(machine.chances.size + more)
    assert widened.chances.size == 4 + more
    assert played(widened, others) == played(machine, others)


@settings(deadline=None, max_examples=20)
@given(others=MOVES)
def test_a_plan_with_a_memory_of_one_round(others):
    """That of tit for tat looks at the other's action in the last round."""
    machine = memory_one(jnp.array([0.0, 0, 1, 0, 1]))
    assert played(machine, others) == played(SCRIPTS["tit for tat"].machine(view_of()), others)
    own = memory_one(jnp.array([1.0, 0, 0, 1, 1]))
    assert played(own, others) == [1] * len(others)  # What it did before.


def test_the_naive_prober_defects_now_and_then():
    script = SCRIPTS["naive prober"]
    np.testing.assert_allclose(script.machine(view_of()).chances, [0.1, 1.0])
    assert script.is_random and not SCRIPTS["tit for tat"].is_random


def test_scripts_that_look_at_payoffs():
    """In the Battle of the Sexes, from both seats."""
    first, second = (view_of(battle_of_the_sexes(), seat) for seat in (0, 1))
    others = [1, 1, 0, 0]
    assert played(SCRIPTS["stubborn"].machine(first), others) == [0] * 4
    assert played(SCRIPTS["stubborn"].machine(second), others) == [1] * 4
    turns = [played(SCRIPTS["turn-taker"].machine(view), others) for view in (first, second)]
    assert turns == [[0, 1, 0, 1]] * 2
    assert played(SCRIPTS["reply to last"].machine(second), others) == [1, 1, 1, 0]
    # Its rows pay 1 and 2, and 4 and 3 to the first player.
    deadlock = view_of(ordinal_game(3, 8))
    np.testing.assert_array_equal(deadlock.own, [[1, 2], [4, 3]])
    assert played(SCRIPTS["maximin"].machine(deadlock), others) == [1] * 4
