"""Whose turn it is: candidates, and emitters that have passed their trial."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.quality_diversity.emitters import NONE, Emitters, Preference
from rlsuite.quality_diversity.exploration import Explored, Explorer, Rewarded, references
from rlsuite.quality_diversity.novelty import first_front, novelty


class Turn(NamedTuple):
    """What changes within a step of exploitation.

    Attributes:
      emitters: all of them.
      waiting: candidates.
      running: the emitter whose turn it is, `NONE` if another has to be chosen.
      left: of the budget.
      evaluations: that were made so far.
    """

    emitters: Emitters
    waiting: Bool[Array, " rewarded"]
    running: Int[Array, ""]
    left: Int[Array, ""]
    evaluations: Int[Array, ""]


class Known(NamedTuple):
    """What stays as it is while rewards are exploited.

    Attributes:
      rewarded: items of that archive.
      preference: for each of them as a candidate and as a founder.
      code: behaviours of the population and both archives.
      is_there: which of them are there.
    """

    rewarded: Rewarded
    preference: Float[Array, " rewarded"]
    code: Float[Array, "reference number"]
    is_there: Bool[Array, " reference"]


def known_now(
    key: PRNGKeyArray, explorer: Explorer, explored: Explored, preference: Preference
) -> Known:
    """What is known when a step of exploitation begins."""
    rewarded, filled = explored.rewarded.items, explored.rewarded.filled
    code = rewarded.solution.code
    own = jnp.arange(len(filled))
    new = novelty(code, code, filled, explorer.config.num_neighbours, own=own)
    preferred = preference(key, new, rewarded.solution.born)
    return Known(rewarded, preferred, *references(explorer, explored, explored.population))


def next_turn(key: PRNGKeyArray, turn: Turn, known: Known, reserved: int) -> Turn:
    """The turn with an emitter that runs, if there is one, a candidate, and any budget left.

    Args:
      key: by which an emitter is drawn.
      turn: before.
      known: what stays as it is.
      reserved: of the budget, which candidates leave to emitters that have passed, if any have.
    """
    emitters, ready = turn.emitters, turn.emitters.alive & ~turn.emitters.on_trial
    chooses = (turn.running == NONE) & (turn.left > 0)
    free = ~emitters.alive
    tries = chooses & turn.waiting.any() & free.any() & ((turn.left > reserved) | ~ready.any())
    candidate = jnp.where(turn.waiting, known.preference, -jnp.inf).argmax()
    slot = free.argmax()
    front = first_front(known.preference[emitters.founder], emitters.improvement, ready)
    drawn = jnp.where(front, jax.random.uniform(key, front.shape), -1.0).argmax()
    goes_on = chooses & ~tries & ready.any()
    target = jnp.where(tries, slot, len(free))
    fresh = {
        "founder": candidate.astype(jnp.int32),
        "on_trial": True,
        "generation": 0,
        "first": 0.0,
        "improvement": 0.0,
        "record": -jnp.inf,
        "most_novel": 0.0,
        "priority": -1.0,
    }
    emitters = emitters._replace(
        **{
            name: getattr(emitters, name).at[target].set(value, mode="drop")
            for name, value in fresh.items()
        }
    )
    is_over = turn.left <= 0
    running = jnp.where(tries, slot, jnp.where(goes_on, drawn, turn.running))
    still_on_trial = (turn.running != NONE) & emitters.on_trial[jnp.maximum(turn.running, 0)]
    return turn._replace(
        emitters=emitters,
        waiting=turn.waiting.at[jnp.where(tries, candidate, turn.waiting.size)].set(
            False, mode="drop"
        ),
        running=jnp.where(is_over & ~still_on_trial, NONE, running).astype(jnp.int32),
    )
