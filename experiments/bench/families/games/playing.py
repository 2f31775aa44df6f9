"""The speed of tournaments of repeated games."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from rlsuite.compiling import jit
from rlsuite.envs.games import SCRIPTS, Machine, ordinal_games, view_from
from rlsuite.envs.games.machines import machines_of
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median
from rlsuite.games import scripted, tournament

CERTAIN = [script for script in SCRIPTS.values() if not script.is_random]
"""Scripts that draw nothing."""


def games(num_games: int = 144, num_rounds: int = 10, repeats: int = REPEATS) -> Figures:
    """Rounds per second of all scripts against all that draw nothing, at strict ordinal games.

    Beside the compiled program stand two loops of NumPy over the same matches: one after the other,
    as a plain script has them, and all at once as arrays.

    Args:
      num_games: of the table's; a plain loop plays the first of them alone.
      num_rounds: of each match.
      repeats: timed calls of each.
    """
    payoffs = ordinal_games()[:num_games]
    seconds = alternate_seconds(
        compiled(payoffs, num_rounds),
        partial(one_by_one, payoffs[:1], tables(payoffs[:1], num_rounds), num_rounds),
        partial(in_numpy, payoffs, tables(payoffs, num_rounds), num_rounds),
        repeats=repeats,
    )
    rounds_of_a_game = len(CERTAIN) ** 2 * num_rounds
    ours, alone, arrays = (
        amount * rounds_of_a_game / row
        for amount, row in zip((num_games, 1, num_games), seconds, strict=True)
    )
    return {
        "million_rounds_per_second": median(ours) / 1e6,
        "thousand_rounds_per_second_of_a_numpy_loop": median(alone) / 1e3,
        "million_rounds_per_second_of_numpy_arrays": median(arrays) / 1e6,
        "ratio_to_a_numpy_loop": median(ours / alone),
        "ratio_to_numpy_arrays": median(ours / arrays),
    }


def tables(payoffs: Float[np.ndarray, "game 2 2 2"], num_rounds: int) -> Machine:
    """The scripts' machines as arrays of NumPy, `[game, seat, script, …]`."""
    rounds = jnp.int32(num_rounds)
    views = jax.tree.map(
        lambda *leaves: jnp.stack(leaves, axis=1),
        *(view_from(jnp.asarray(payoffs), jnp.int32(seat), rounds) for seat in (0, 1)),
    )
    return jax.tree.map(np.asarray, jax.vmap(jax.vmap(partial(machines_of, CERTAIN)))(views))


def compiled(
    payoffs: Float[np.ndarray, "game 2 2 2"], num_rounds: int
) -> Callable[[], Float[jax.Array, "first second game"]]:
    """Totals of the first players, by one program."""
    players = [scripted(script) for script in CERTAIN]

    def play(key):
        record = tournament(players, payoffs, key, num_rounds=num_rounds)
        return record.totals[:, :, 0, :, 0]

    program = jit(play)
    return lambda: program(jax.random.key(0))


def one_by_one(
    payoffs: Float[np.ndarray, "game 2 2 2"], machines: Machine, num_rounds: int
) -> Float[np.ndarray, "first second game"]:
    """The same totals, match by match."""
    number = len(CERTAIN)
    totals = np.zeros((number, number, len(payoffs)))
    for game, paid in enumerate(payoffs):
        chances, successors = (np.asarray(table)[game] for table in machines)
        for first in range(number):
            for second in range(number):
                here = there = 0
                for _ in range(num_rounds):
                    own = int(chances[0, first, here] > 0.5)
                    other = int(chances[1, second, there] > 0.5)
                    totals[first, second, game] += paid[0, own, other]
                    here = successors[0, first, here, own, other]
                    there = successors[1, second, there, other, own]
    return totals


def in_numpy(
    payoffs: Float[np.ndarray, "game 2 2 2"], machines: Machine, num_rounds: int
) -> Float[np.ndarray, "first second game"]:
    """The same totals, with all matches in arrays."""
    number, chances, successors = len(CERTAIN), *map(np.asarray, machines)
    first, second, game = np.meshgrid(
        np.arange(number), np.arange(number), np.arange(len(payoffs)), indexing="ij"
    )
    here, there = np.zeros_like(first), np.zeros_like(first)
    totals = np.zeros(first.shape)
    for _ in range(num_rounds):
        own = (chances[game, 0, first, here] > 0.5).astype(int)
        other = (chances[game, 1, second, there] > 0.5).astype(int)
        totals += payoffs[game, 0, own, other]
        here = successors[game, 0, first, here, own, other]
        there = successors[game, 1, second, there, other, own]
    return totals
