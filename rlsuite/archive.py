r"""Archives of cells: what was the best way there, and how often it was seen.

A cell is what states have in common that are worth telling apart. The archive remembers, for each,
the state in which it was entered by the best trajectory so far, and that trajectory's actions, so
that one can return to it (Ecoffet et al., arXiv 1901.10995 and 2004.12919).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.selection import where_each

NOWHERE = -1
"""Instead of a cell, where a trajectory is over."""

BEGINNING = -1
"""Instead of a cell, for a trajectory that begins where episodes do."""


class CellArchive(NamedTuple):
    """What is known of each cell. Those that were never entered have a length of -1.

    Attributes:
      state: of the world, when the cell was entered by its trajectory.
      score: sum of rewards of the trajectory.
      length: how many actions it has.
      action: its actions; what comes after them means nothing.
      seen: trajectories that came through the cell, those that began there included.
      chosen: trajectories that began there.
      chosen_since_new: those of them since the last that improved the archive.
      beginning: state of the world where episodes begin, whatever comes to that cell later.
    """

    state: PyTree[Shaped[Array, "cell ..."]]
    score: Float[Array, " cell"]
    length: Int[Array, " cell"]
    action: Int[Array, "cell step"]
    seen: Int[Array, " cell"]
    chosen: Int[Array, " cell"]
    chosen_since_new: Int[Array, " cell"]
    beginning: PyTree

    def state_at(self, start: Int[Array, " trajectory"]) -> PyTree[Shaped[Array, "trajectory ..."]]:
        """States in which trajectories begin from some cells, or from the `BEGINNING`."""
        firsts = jax.tree.map(
            lambda first: jnp.broadcast_to(first, (start.size, *first.shape)), self.beginning
        )
        chosen = jax.tree.map(lambda states: states[start], self.state)
        return where_each(start == BEGINNING, firsts, chosen)

    def way(self, cell: ArrayLike) -> Int[Array, " step"]:
        """The actions of a cell's trajectory, as worlds take them; `length` says how many."""
        return self.action[cell].astype(jnp.int32)

    @property
    def entered(self) -> Bool[Array, " cell"]:
        """Whether there is a way there."""
        return self.length >= 0


class Trajectories(NamedTuple):
    """What was done from some cells on.

    Attributes:
      start: the cell each of them began in, or the `BEGINNING`.
      action: after so many steps.
      reward: likewise.
      cell: that the step led to; `NOWHERE` once the trajectory is over.
      state: of the world after the step.
    """

    start: Int[Array, " trajectory"]
    action: Int[Array, "trajectory step"]
    reward: Float[Array, "trajectory step"]
    cell: Int[Array, "trajectory step"]
    state: PyTree[Shaped[Array, "trajectory step ..."]]


Weigh = Callable[[CellArchive], Float[Array, " cell"]]
"""How likely cells are chosen, up to a factor; what was never entered is left out anyway. Where
nothing weighs anything, trajectories begin where episodes do."""


def new_archive(
    state: Any, cell: Int[Array, ""], num_cells: int, max_length: int, num_actions: int
) -> CellArchive:
    """An archive that knows one cell, where all trajectories begin.

    Args:
      state: of the world at the start.
      cell: that the start lies in.
      num_cells: how many there may be.
      max_length: the most actions of a trajectory.
      num_actions: that there are; as few bytes are used as will hold them, since all ways are
        written in every step.
    """
    none = jnp.zeros(num_cells, jnp.int32)
    return CellArchive(
        state=jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (num_cells, *jnp.shape(leaf))), state
        ),
        score=jnp.zeros(num_cells),
        length=jnp.full(num_cells, -1, jnp.int32).at[cell].set(0),
        action=jnp.zeros((num_cells, max_length), np.min_scalar_type(-num_actions)),
        seen=none.at[cell].set(1),
        chosen=none,
        chosen_since_new=none,
        beginning=jax.tree.map(jnp.asarray, state),
    )


def choose(
    key: PRNGKeyArray, entered: Bool[Array, " cell"], weights: Float[Array, " cell"], number: int
) -> Int[Array, " chosen"]:
    """Cells that were entered, drawn with replacement in proportion to weights.

    Where no cell that was entered has a weight, it is the `BEGINNING`. One number is drawn for each
    and looked up in the sums of weights: `jax.random.categorical` draws one for each pair of a draw
    and a cell.
    """
    weights = jnp.where(entered, weights, 0.0)
    sums = jnp.cumsum(weights)
    drawn = sums[-1] * jax.random.uniform(key, (number,))
    # Rounding may take a draw to the very end, behind which there is nothing.
    last = weights.size - 1 - jnp.argmax(weights[::-1] > 0)
    chosen = jnp.minimum(jnp.searchsorted(sums, drawn, side="right"), last)
    return jnp.where(sums[-1] > 0, chosen, BEGINNING)


def insert(archive: CellArchive, found: Trajectories, *, reset_counters: bool) -> CellArchive:
    """The archive after some trajectories: ways as if they had been told one after the other.

    A cell takes over a trajectory that comes there with a higher score, or with the same in fewer
    steps; of equal ones the first. Each is seen once by a trajectory, however often it is passed.
    Whether a trajectory has found something new is judged by what was known before all of them.

    Args:
      archive: before.
      found: trajectories that began in its cells.
      reset_counters: whether cells that have changed count from zero again (arXiv 2004.12919).
    """
    num_cells, max_length = archive.action.shape
    begins = found.start == BEGINNING
    from_score = jnp.where(begins, 0.0, archive.score[found.start])
    from_length = jnp.where(begins, 0, archive.length[found.start])
    score = from_score[:, None] + jnp.cumsum(found.reward, axis=1)
    steps = jnp.arange(1, found.cell.shape[1] + 1)
    length = from_length[:, None] + steps
    allowed = (found.cell != NOWHERE) & (length <= max_length)
    cell = jnp.where(allowed, found.cell, num_cells)
    winner = best_of_cells(cell.reshape(-1), (score.reshape(-1), -length.reshape(-1)), num_cells)
    is_there = winner < cell.size
    trajectory, step = jnp.divmod(jnp.where(is_there, winner, 0), cell.shape[1])
    better = is_there & _beats(
        score[trajectory, step], length[trajectory, step], archive.score, archive.length
    )
    start = found.start[trajectory]
    at = jnp.minimum(cell, num_cells - 1)
    new = allowed & _beats(score, length, archive.score[at], archive.length[at])
    seen, chosen, since_new = _counted(archive, found.start, cell, new.any(axis=1))
    kept = ~(better & reset_counters)
    return CellArchive(
        state=where_each(
            better, jax.tree.map(lambda leaf: leaf[trajectory, step], found.state), archive.state
        ),
        score=jnp.where(better, score[trajectory, step], archive.score),
        length=jnp.where(better, length[trajectory, step], archive.length),
        action=jnp.where(
            better[:, None],
            _followed(archive.action[start], from_length[trajectory], found.action[trajectory]),
            archive.action,
        ),
        seen=seen * kept,
        chosen=chosen * kept,
        chosen_since_new=since_new * kept,
        beginning=archive.beginning,
    )


def _beats(
    score: Float[Array, "*way"],
    length: Int[Array, "*way"],
    old_score: Float[Array, "*way"],
    old_length: Int[Array, "*way"],
) -> Bool[Array, "*way"]:
    shorter = (score == old_score) & (length < old_length)
    return (old_length < 0) | (score > old_score) | shorter


def best_of_cells(
    cell: Int[Array, " item"], criteria: Sequence[Shaped[Array, " item"]], num_cells: int
) -> Int[Array, " cell"]:
    """Of all that comes to a cell at once, the best.

    Args:
      cell: that each item comes to; `num_cells` for none.
      criteria: more is better; each decides between those that are equal in all before it, and
        among the equal in all the first item is the best.
      num_cells: how many there may be.

    Returns:
      The item, and where none comes the number of items.
    """
    best = jnp.ones(cell.shape, bool)
    for values in criteria:
        values = jnp.where(best, values, _lowest(values.dtype))
        best &= values == jax.ops.segment_max(values, cell, num_cells + 1)[cell]
    place = jnp.where(best, jnp.arange(cell.size), cell.size)
    return jnp.minimum(jax.ops.segment_min(place, cell, num_cells + 1)[:num_cells], cell.size)


def _lowest(dtype: jnp.dtype) -> float | int:
    return -jnp.inf if jnp.issubdtype(dtype, jnp.floating) else int(jnp.iinfo(dtype).min)


def _followed(
    first: Int[Array, "cell step"], length: Int[Array, " cell"], then: Int[Array, "cell more"]
) -> Int[Array, "cell step"]:
    """Actions of the one trajectory up to its length, and those of the other from there on."""
    places = jnp.arange(first.shape[1])
    after = jnp.clip(places - length[:, None], 0, then.shape[1] - 1)
    later = jnp.take_along_axis(then, after, axis=1).astype(first.dtype)
    return jnp.where(places < length[:, None], first, later)


def _counted(
    archive: CellArchive,
    start: Int[Array, " trajectory"],
    cell: Int[Array, "trajectory step"],
    found_new: Bool[Array, " trajectory"],
) -> tuple[Int[Array, " cell"], Int[Array, " cell"], Int[Array, " cell"]]:
    """How often cells were seen, chosen, and chosen since something new was found from there."""
    num_cells = archive.seen.size
    earlier = jnp.tril(jnp.ones((cell.shape[1], cell.shape[1]), bool), -1)
    again = (cell[:, :, None] == cell[:, None, :]) & earlier
    first_time = ~again.any(axis=2) & (cell != start[:, None])
    seen = archive.seen.at[jnp.where(first_time, cell, num_cells)].add(1, mode="drop")
    counted = jnp.where(start == BEGINNING, num_cells, start)
    seen, chosen, since_new = (
        counts.at[counted].add(1, mode="drop")
        for counts in (seen, archive.chosen, archive.chosen_since_new)
    )
    since_new = since_new.at[jnp.where(found_new, counted, num_cells)].set(0, mode="drop")
    return seen, chosen, since_new


def inverse_root_of_seen(archive: CellArchive) -> Float[Array, " cell"]:
    r"""Weights :math:`1 / \sqrt{\mathrm{seen} + 1}` (arXiv 2004.12919)."""
    return jax.lax.rsqrt(archive.seen + 1.0)


def uniform_weights(archive: CellArchive) -> Float[Array, " cell"]:
    """All cells alike."""
    return jnp.ones(archive.seen.shape)


def only_start(archive: CellArchive) -> Float[Array, " cell"]:
    """Always from the beginning: an explorer that never returns."""
    return jnp.zeros(archive.seen.shape)


class CountWeight(NamedTuple):
    r"""What one count adds to a weight: :math:`w (v + \epsilon_1)^{-p} + \epsilon_2`.

    Attributes:
      weight: :math:`w`.
      power: :math:`p`.
    """

    weight: float = 0.0
    power: float = 0.5


_NO_WEIGHT = CountWeight()


def power_of_counts(
    seen: CountWeight = _NO_WEIGHT,
    chosen: CountWeight = _NO_WEIGHT,
    chosen_since_new: CountWeight = _NO_WEIGHT,
    *,
    offset: float = 1e-3,
    floor: float = 1e-5,
    constant: float = 1.0,
) -> Weigh:
    r"""Weights :math:`1 + \sum_a w_a (v_a + \epsilon_1)^{-p_a} + \epsilon_2` (arXiv 1901.10995).

    Its public code has no constant, and a power of 1 for `chosen_since_new`. Terms for neighbours
    that are missing, and the factor of a cell's level, are not here.

    Args:
      seen: :math:`w_a` and :math:`p_a` of the count `seen`.
      chosen: likewise.
      chosen_since_new: likewise.
      offset: :math:`\epsilon_1`.
      floor: :math:`\epsilon_2`, of each term.
      constant: in place of the 1.
    """

    def weigh(archive):
        counts = (archive.seen, archive.chosen, archive.chosen_since_new)
        terms = zip((seen, chosen, chosen_since_new), counts, strict=True)
        return constant + sum(
            term.weight * (count + offset) ** -term.power + floor for term, count in terms
        )

    return weigh
