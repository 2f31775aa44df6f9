"""Doing work only for those that need it, inside compiled code."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Int, PyTree


def take(items: PyTree, places: ArrayLike) -> PyTree:
    """What stands at some places of the leading axis of every leaf."""
    return jax.tree.map(lambda leaf: leaf[places], items)


def put(items: PyTree, places: Int[Array, "*place"], new: PyTree) -> PyTree:
    """The items with others at some places; those whose place is out of range are dropped."""
    return jax.tree.map(lambda old, leaf: old.at[places].set(leaf, mode="drop"), items, new)


def map_selected(
    function: Callable[..., PyTree],
    selected: Bool[Array, " item"],
    arguments: tuple[PyTree, ...],
    otherwise: PyTree,
    *,
    group_size: int | None = None,
) -> PyTree:
    """`vmap(function)(*arguments)` where selected, `otherwise` elsewhere, paying for the selected.

    A `vmap` followed by a `where` does the work for every item. Here the selected ones are taken in
    groups until none is left, so the cost follows their number, and is nothing for none.

    Args:
      function: from one item's arguments to its result.
      selected: which items to work on.
      arguments: pytrees with a leading `item` axis.
      otherwise: results of the others, with a leading `item` axis.
      group_size: items worked on at a time; by default about an eighth of them.

    Returns:
      Results with a leading `item` axis, of `otherwise`'s structure.
    """
    num_items = selected.size
    group_size = group_size or -(-num_items // 8)
    order = jnp.argsort(~selected, stable=True)
    num_selected = selected.sum()

    def unfinished(carry):
        start, _ = carry
        return start < num_selected

    def work(carry):
        start, results = carry
        place = start + jnp.arange(group_size)
        items = order[jnp.minimum(place, num_items - 1)]
        new = jax.vmap(function)(*take(arguments, items))
        # A group's rest holds items that are not selected: writing out of range drops them.
        target = jnp.where(place < num_selected, items, num_items)
        return start + group_size, put(results, target, new)

    return jax.lax.while_loop(unfinished, work, (0, otherwise))[1]


def where_each(condition: Bool[Array, " item"], first: PyTree, second: PyTree) -> PyTree:
    """Items of the one where the condition holds, else of the other; all leaves lead with them."""

    def choose(a, b):
        return jnp.where(condition.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, first, second)


def every(
    period: int,
    count: Int[Array, ""],
    function: Callable[[PyTree], PyTree],
    operand: PyTree,
    otherwise: PyTree,
) -> PyTree:
    """`function(operand)` where the count is a multiple of a period, elsewhere `otherwise`.

    Its cost is paid where it is due, also under `vmap`, where a `cond` would run it every time; it
    is run for all if it is due for one.

    Args:
      period: at least 1.
      count: what is counted, such as steps.
      function: what is computed of the operand.
      operand: all that the cost depends on; what the function reads elsewhere may be computed
        every time.
      otherwise: of the same structure, shapes and types as the function's result.
    """
    if period == 1:
        return function(operand)

    def is_due(count):
        return jax.lax.rem(count, count.dtype.type(period)) == 0

    return _once(is_due, lambda count: count + 1, count, function, operand, otherwise)


def when(
    is_due: Bool[Array, ""],
    function: Callable[[PyTree], PyTree],
    operand: PyTree,
    otherwise: PyTree,
) -> PyTree:
    """`function(operand)` where it is due, elsewhere `otherwise`.

    As `every`, it pays where it is due, also under `vmap`; it is run for all if it is due for one.

    Args:
      is_due: whether it is.
      function: what is computed of the operand.
      operand: all that the cost depends on; what the function reads elsewhere may be computed
        every time.
      otherwise: of the same structure, shapes and types as the function's result.
    """
    return _once(lambda due: due, jnp.logical_not, is_due, function, operand, otherwise)


def _once(
    is_due: Callable[[Array], Array],
    advance: Callable[[Array], Array],
    turn: Array,
    function: Callable[[PyTree], PyTree],
    operand: PyTree,
    otherwise: PyTree,
) -> PyTree:
    """A loop of one turn, if that is due, or none; the next one is not due."""

    def work(carry):
        # A compiler moves what is the same in all turns out of a loop, and so would compute it even
        # where there is no turn: tied to the turn it isn't the same.
        turn, tied = jax.lax.optimization_barrier((carry[0], operand))
        return advance(turn), function(tied)

    return jax.lax.while_loop(lambda carry: is_due(carry[0]), work, (turn, otherwise))[1]
