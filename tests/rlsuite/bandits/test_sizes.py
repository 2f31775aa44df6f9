"""Players and planners say which of their numbers are too small for them."""

import jax.numpy as jnp
import pytest

from rlsuite import bandits
from rlsuite.bandits.playing import play_rounds
from rlsuite.envs.bandits import Bandit
from rlsuite.envs.bandits.bandit import Graph
from rlsuite.envs.bandits.last_switch import SwitchStates
from rlsuite.methods.lsd_bandits import exploration

STATES = SwitchStates(2, 2)
PLAYER = bandits.ucb1(2)
BANDIT = Bandit(2, lambda instance: (), lambda *_: ())
GRAPH = Graph(successors=jnp.zeros((1, 2), jnp.int32), payoffs=jnp.zeros((1, 2)))
COUNTED = [
    ("num_actions", lambda number: bandits.uniformly_random(number)),
    ("num_actions", lambda number: bandits.ucb1(number)),
    ("num_actions", lambda number: bandits.epsilon_greedy(number)),
    ("num_actions", lambda number: bandits.explore_then_stay(number, 5)),
    ("num_samples", lambda number: bandits.explore_then_stay(2, number)),
    ("num_actions", lambda number: bandits.successive_elimination(number, 5)),
    ("horizon", lambda number: bandits.successive_elimination(2, number)),
    ("num_actions", lambda number: bandits.exp3(number, 5)),
    ("horizon", lambda number: bandits.exp3(2, number)),
    ("num_actions", lambda number: bandits.discounted_ucb(number, 0.9)),
    ("num_actions", lambda number: bandits.sliding_window_ucb(number, 5)),
    ("window", lambda number: bandits.sliding_window_ucb(2, number)),
    ("length", lambda number: bandits.in_blocks(PLAYER, number)),
    ("num_arms", lambda number: bandits.combinatorial_ucb(number, STATES, 2, ignores_first=True)),
    ("length", lambda number: bandits.combinatorial_ucb(2, STATES, number, ignores_first=True)),
    ("num_arms", lambda number: exploration(number, STATES, 1000)),
    ("horizon", lambda number: exploration(2, STATES, number)),
    ("num_repeats", lambda number: exploration(2, STATES, 1000, number)),
    ("window", lambda number: bandits.best_average(GRAPH, window=number)),
    ("num_rounds", lambda number: play_rounds(BANDIT, PLAYER, None, jnp.int32(0), number)),
    ("num_blocks", lambda number: bandits.mean_payoffs(BANDIT, PLAYER, None, number, 5)),
    ("rounds_per_block", lambda number: bandits.mean_payoffs(BANDIT, PLAYER, None, 5, number)),
]


@pytest.mark.parametrize(("name", "use"), COUNTED)
@pytest.mark.usefixtures("nothing_checked")
def test_there_must_be_some_of_everything_that_is_counted(name, use):
    with pytest.raises(ValueError, match=f"^{name}: 0 is not allowed; it must be at least 1$"):
        use(0)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: bandits.discounted_ucb(2, 0.0), "discount: 0.0 is not allowed; .* above 0"),
        (lambda: bandits.discounted_ucb(2, 1.1), "discount: 1.1 is not allowed; .* at most 1"),
        (lambda: bandits.epsilon_greedy(2, 1.1), "epsilon: 1.1 is not allowed; .* from 0 to 1"),
        (lambda: bandits.explore_then_stay(2, 5, -1), "burn_in: -1 is not allowed"),
        (lambda: bandits.successive_elimination(2, 5, -1), "burn_in: -1 is not allowed"),
    ],
)
def test_numbers_out_of_their_range_are_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use()
