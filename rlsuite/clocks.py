"""Clocks of worlds: where a state keeps its own, and what of the world's rules reads it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval
from jax.tree_util import KeyPath
from jaxtyping import Array, PyTree, Shaped


def clock_of(state: PyTree) -> Shaped[Array, "*batch"] | None:
    """The steps that a state has counted; none if it has no clock."""
    position = _position(state)
    return None if position is None else jax.tree.leaves(state)[position]


def with_clock(state: PyTree, clock: Shaped[Array, "*batch"]) -> PyTree:
    """A state that has a clock, with another one."""
    leaves, structure = jax.tree.flatten(state)
    leaves[_known_position(state)] = clock
    return jax.tree.unflatten(structure, leaves)


def without_clock(state: PyTree) -> list[Any]:
    """The leaves of a state but its clock."""
    leaves = jax.tree.leaves(state)
    position = _position(state)
    return leaves if position is None else leaves[:position] + leaves[position + 1 :]


def reads_clock(function: Callable[..., PyTree], state: PyTree, *arguments: PyTree) -> bool:
    """Whether any output of `function(state, *arguments)` depends on the state's clock.

    Nothing is computed: the function's program is traced, and cut down to what its outputs need. So
    the answer may be yes where a dependence is one in name only (a clock times zero, printed, or in
    a loop that carries the whole state), but never no where there is one.

    Args:
      function: on arrays, such as a step of a world.
      state: it has a clock.
      *arguments: whatever else the function takes.
    """
    inputs = jax.eval_shape(lambda *inputs: inputs, state, *arguments)
    program = jax.make_jaxpr(function)(*inputs).jaxpr
    _, needed = partial_eval.dce_jaxpr(program, [True] * len(program.outvars))
    # The state comes first, so that its leaves are the first inputs of the program.
    return needed[_known_position(state)]


def _position(state: PyTree) -> int | None:
    """Where among a state's leaves the outermost one is that is called `time` and a number."""
    leaves = [
        (len(path), position)
        for position, (path, leaf) in enumerate(jax.tree_util.tree_leaves_with_path(state))
        if _name(path) == "time" and jnp.issubdtype(jnp.result_type(leaf), jnp.number)
    ]
    outermost = [position for depth, position in leaves if depth == min(leaves)[0]]
    return outermost[0] if len(outermost) == 1 else None


def _known_position(state: PyTree) -> int:
    position = _position(state)
    if position is None:
        raise ValueError(f"state: {type(state).__name__} is not allowed; it must have a clock")
    return position


def _name(path: KeyPath) -> Any:
    last = path[-1] if path else None
    return getattr(last, "name", getattr(last, "key", None))
