r"""What is paid for what is new: over the whole of training, or within one episode.

A bonus belongs to the state that a step has led to. It is measured on a rollout as a whole, in
which the bonus sees where episodes end; so one that goes by episodes carries what it knows of each
worker's from rollout to rollout (Henaff, Jiang and Raileanu, arXiv 2306.03236).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.cells import Passage
from rlsuite.method import Metrics
from rlsuite.rollout import Transition

BonusState = Any
"""What a bonus knows: counts, networks, and of each worker what belongs to its episode."""


def learn_nothing(key: PRNGKeyArray, state: BonusState, steps: Transition) -> BonusState:
    """For whatever is told all there is by measuring."""
    del key, steps
    return state


class Bonus(NamedTuple):
    """A bonus as pure functions, for a single agent.

    Attributes:
      init: `(key, num_workers) -> state` before any step.
      measure: `(state, transitions) -> (state, bonuses)` for a rollout `[time, worker]`. What
        belongs to an episode starts anew within it, where `transitions.ended` says so.
      learn: `(key, state, transitions) -> state`, what the rollout teaches once it is measured.
      metrics: `state -> metrics` of its own, single numbers.
    """

    init: Callable[[PRNGKeyArray, int], BonusState]
    measure: Callable[[BonusState, Transition], tuple[BonusState, Float[Array, "time worker"]]]
    learn: Callable[[PRNGKeyArray, BonusState, Transition], BonusState] = learn_nothing
    metrics: Callable[[BonusState], Metrics] = lambda state: {}


Pay = Callable[[Int[Array, "*batch"]], Float[Array, "*batch"]]
"""What is paid for a state of which there were so many visits, the present one among them."""


def inverse_root(count: Int[Array, "*batch"]) -> Float[Array, "*batch"]:
    r""":math:`1 / \sqrt{N}`."""
    return jax.lax.rsqrt(count.astype(jnp.float32))


def first_visit(count: Int[Array, "*batch"]) -> Float[Array, "*batch"]:
    r""":math:`\mathbb{1}[N = 1]`."""
    return (count == 1).astype(jnp.float32)


def passages(steps: Transition) -> Passage:
    """From which cell to which each step went.

    Raises:
      ValueError: if the world doesn't say so.
    """
    if not isinstance(steps.extra, Passage):
        raise ValueError(
            "transitions.extra: it is not allowed to be anything but a Passage; the world must be "
            "a CellWorld"
        )
    return steps.extra


def global_counts(num_cells: int, pay: Pay = inverse_root) -> Bonus:
    r"""Pays for cells by how often they were entered in the whole of training.

    .. math::
        b(s) = 1 / \sqrt{N(\psi(s))}

    Visits of all workers in a step are counted first, and then paid alike. Counts are of steps:
    where episodes begin is not counted.

    Args:
      num_cells: of the world, which must be a `CellWorld`.
      pay: for a count.

    Returns:
      A bonus whose state is N, and which reports `cells_entered`.
    """

    def init(key, num_workers):
        del key, num_workers
        return jnp.zeros(num_cells, jnp.int32)

    def measure(counts, steps):
        def step(counts, entered):
            counts = counts.at[entered].add(1)
            return counts, pay(counts[entered])

        return jax.lax.scan(step, counts, passages(steps).entered)

    def metrics(counts):
        return {"cells_entered": (counts > 0).sum().astype(jnp.float32)}

    return Bonus(init, measure, metrics=metrics)


class EpisodicCounts(NamedTuple):
    """Visits of each worker's episode, and whether that has not begun yet."""

    counts: Int[Array, "worker cell"]
    is_fresh: Bool[Array, " worker"]


def episodic_counts(num_cells: int, pay: Pay = first_visit) -> Bonus:
    r"""Pays for cells by how often they were visited within the episode.

    .. math::
        b(s) = \mathbb{1}[N_e(\psi(s)) = 1]

    Where an episode begins is its first visit, which nothing is paid for; coming back there is its
    second.

    Args:
      num_cells: of the world, which must be a `CellWorld`.
      pay: for a count; `inverse_root` is RIDE's.

    Returns:
      A bonus whose state is an `EpisodicCounts`.
    """

    def init(key, num_workers):
        del key
        none = jnp.zeros((num_workers, num_cells), jnp.int32)
        return EpisodicCounts(none, jnp.ones(num_workers, bool))

    def measure(state, steps):
        workers = jnp.arange(state.is_fresh.size)

        def step(state, inputs):
            passage, ended = inputs
            counts = state.counts.at[workers, passage.left].add(state.is_fresh)
            counts = counts.at[workers, passage.entered].add(1)
            paid = pay(counts[workers, passage.entered])
            return EpisodicCounts(jnp.where(ended[:, None], 0, counts), ended), paid

        return jax.lax.scan(step, state, (passages(steps), steps.ended))

    return Bonus(init, measure)


def metrics_of_parts(parts: Mapping[str, Metrics]) -> Metrics:
    """The metrics of several parts; a name that several of them have follows that of its part."""
    times = Counter(name for metrics in parts.values() for name in metrics)
    return {
        name if times[name] == 1 else f"{part}_{name}": value
        for part, metrics in parts.items()
        for name, value in metrics.items()
    }


def _combined(
    bonuses: Sequence[Bonus],
    combine: Callable[[Float[Array, "bonus time worker"]], Float[Array, "time worker"]],
) -> Bonus:
    """Several bonuses as one, each with its own state."""

    def init(key, num_workers):
        keys = jax.random.split(key, len(bonuses))
        return tuple(bonus.init(k, num_workers) for bonus, k in zip(bonuses, keys, strict=True))

    def measure(states, steps):
        parts = [bonus.measure(state, steps) for bonus, state in zip(bonuses, states, strict=True)]
        states, paid = zip(*parts, strict=True)
        return tuple(states), combine(jnp.stack(paid))

    def learn(key, states, steps):
        keys = jax.random.split(key, len(bonuses))
        parts = zip(bonuses, keys, states, strict=True)
        return tuple(bonus.learn(k, state, steps) for bonus, k, state in parts)

    def metrics(states):
        parts = enumerate(zip(bonuses, states, strict=True), start=1)
        return metrics_of_parts(
            {f"part{place}": bonus.metrics(state) for place, (bonus, state) in parts}
        )

    return Bonus(init, measure, learn, metrics)


def product(*bonuses: Bonus) -> Bonus:
    r"""Pays :math:`\prod_k b_k`, such as the product of a global and an episodic bonus."""
    return _combined(bonuses, lambda paid: paid.prod(axis=0))


def weighted_sum(weights: Sequence[float], *bonuses: Bonus) -> Bonus:
    r"""Pays :math:`\sum_k \beta_k b_k`.

    Args:
      weights: :math:`\beta_k`.
      *bonuses: :math:`b_k`.

    Raises:
      ValueError: if there are not as many weights as bonuses.
    """
    if len(weights) != len(bonuses):
        raise ValueError(
            f"weights: {len(weights)} of them are not allowed; there must be {len(bonuses)}, one "
            "for each bonus"
        )

    def combine(paid):
        return jnp.tensordot(jnp.array(weights, paid.dtype), paid, axes=1)

    return _combined(bonuses, combine)


def unless_terminated(bonus: Bonus) -> Bonus:
    """Pays nothing for a step that terminates an episode, such as one into lava, else the same.

    What is counted or learned stays as it is.
    """

    def measure(state, steps):
        state, paid = bonus.measure(state, steps)
        return state, jnp.where(steps.terminated, 0.0, paid)

    return bonus._replace(measure=measure)
