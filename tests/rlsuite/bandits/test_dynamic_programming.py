"""What is best, beside brute force over all that can be played."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import best_average, best_sequence, best_total
from rlsuite.envs.bandits import NAMED, Graph, SwitchStates, last_switch_graph, random_monotone


@pytest.fixture(scope="module")
def graph() -> Graph:
    states = SwitchStates(2, 2)
    return last_switch_graph(states, random_monotone(jax.random.key(3), 2, states))


def total(graph, state, actions):
    found = 0.0
    for action in actions:
        found += float(graph.payoffs[state, action])
        state = int(graph.successors[state, action])
    return found


def test_totals_and_sequences_are_those_of_brute_force(graph):
    start, num_rounds = 15, 6
    brute = max(total(graph, start, plays) for plays in product(range(3), repeat=num_rounds))
    assert best_total(graph, num_rounds)[start] == pytest.approx(brute, rel=1e-5)
    plays = best_sequence(graph, jnp.int32(start), num_rounds).tolist()
    assert total(graph, start, plays) == pytest.approx(brute, rel=1e-5)


def test_averages_are_those_of_long_best_sequences(graph):
    average = best_average(graph)
    assert average.high - average.low < 1e-5
    assert best_total(graph, 4000)[15] / 4000 == pytest.approx(float(average.low), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("satiating_trio", 0.6800),
        ("greedy_trap", 0.5),
        ("pinwheel_2_4_4", 1.0),
        ("pinwheel_2_3_6", 0.875),
    ],
)
def test_averages_of_named_instances(name, expected):
    instance = NAMED[name]()
    graph = last_switch_graph(instance.states, jnp.asarray(instance.payoffs))
    low, high = map(float, jax.jit(best_average)(graph))
    assert low == pytest.approx(expected, abs=6e-5) and high == pytest.approx(low, abs=1e-5)


def test_a_graph_of_one_state_pays_its_best_action():
    graph = Graph(jnp.zeros((1, 2), jnp.int32), jnp.array([[0.25, 0.75]]))
    np.testing.assert_allclose(best_average(graph), 0.75)
    np.testing.assert_allclose(best_total(graph, 4), 3.0)
