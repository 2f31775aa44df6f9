"""The speed of players at bandits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.bandits import begin, mean_payoffs, ucb1
from rlsuite.compiling import jit
from rlsuite.envs.bandits import SwitchStates, last_switch_bandit, random_monotone
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median

STATES = SwitchStates(3, 4)
NUM_ARMS = 3


def bandits(num_games: int = 4096, num_rounds: int = 1000, repeats: int = REPEATS) -> Figures:
    """Rounds per second of UCB1 at last-switch-dependent bandits with three arms.

    Beside the compiled program stand two loops of NumPy that do the same: one game alone, as a
    plain script has it, and all games as arrays.

    Args:
      num_games: side by side.
      num_rounds: of each game in one call; a tenth of that in NumPy.
      repeats: timed calls of each.
    """
    keys = jax.random.split(jax.random.key(0), num_games)
    payoffs = jax.vmap(lambda key: random_monotone(key, NUM_ARMS, STATES))(keys)
    few_rounds = max(1, num_rounds // 10)
    table = np.asarray(payoffs)
    seconds = alternate_seconds(
        compiled(payoffs, num_rounds),
        partial(in_numpy, table[:1], few_rounds),
        partial(in_numpy, table, few_rounds),
        repeats=repeats,
    )
    ours, alone, arrays = (
        amount / row
        for amount, row in zip(
            (num_games * num_rounds, few_rounds, num_games * few_rounds), seconds, strict=True
        )
    )
    return {
        "million_rounds_per_second": median(ours) / 1e6,
        "thousand_rounds_per_second_of_a_numpy_loop": median(alone) / 1e3,
        "million_rounds_per_second_of_numpy_arrays": median(arrays) / 1e6,
        "ratio_to_a_numpy_loop": median(ours / alone),
        "ratio_to_numpy_arrays": median(ours / arrays),
    }


def compiled(
    payoffs: Float[jax.Array, "game arm state"], num_rounds: int
) -> Callable[[], Float[jax.Array, " game"]]:
    """Games from their start as one program, which returns mean payoffs."""
    bandit, player = last_switch_bandit(NUM_ARMS, STATES), ucb1(NUM_ARMS)

    def play(keys):
        games = jax.vmap(lambda key, one: begin(bandit, player, key, one))(keys, payoffs)
        return mean_payoffs(bandit, player, games, 1, num_rounds)[1][0]

    program, keys = jit(play), jax.random.split(jax.random.key(1), len(payoffs))
    return lambda: program(keys)


def in_numpy(
    payoffs: Float[np.ndarray, "game arm state"], num_rounds: int
) -> Float[np.ndarray, " game"]:
    """The same games, round by round; returns mean payoffs."""
    random, games = np.random.default_rng(0), np.arange(len(payoffs))
    places = np.full((len(payoffs), NUM_ARMS), STATES.size - 1)
    counts, means = np.zeros(places.shape, int), np.zeros(places.shape)
    total: Any = np.zeros(len(payoffs))
    for now in range(num_rounds):
        bonus = np.sqrt(2 * np.log(max(now, 1)) / np.maximum(counts, 1))
        action = np.where(counts == 0, np.inf, means + bonus).argmax(axis=1)
        mean = payoffs[games, action, places[games, action]]
        paid = random.random(len(payoffs)) < mean
        counts[games, action] += 1
        means[games, action] += (paid - means[games, action]) / counts[games, action]
        was_played = places < STATES.num_plays
        once_more = np.where(was_played, np.maximum(places - 1, 0), STATES.num_plays - 1)
        alone = np.where(was_played, STATES.num_plays, np.minimum(places + 1, STATES.size - 1))
        is_played = np.arange(NUM_ARMS) == action[:, None]
        places = np.where(is_played, once_more, alone)
        total += mean
    return total / num_rounds
