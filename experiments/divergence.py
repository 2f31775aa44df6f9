"""Whether a run has diverged, asked after every chunk of steps and before anything is saved.

What is learned must have a finite norm, leaf by leaf; the states of optimisers must be finite,
wherever the method keeps them; and so must be the metrics that are watched, in every step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr
from jaxtyping import Array, Bool

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Metrics, State

LEAVES_NAMED = 3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Leaves:
    """Something that is said of each leaf of a tree.

    Attributes:
      flags: whether it is so.
      names: where each leaf is, as `keystr` of `jax.tree_util` has it.
    """

    flags: Bool[Array, " leaf"]
    names: tuple[str, ...] = field(metadata={"static": True})

    def otherwise(self) -> list[str]:
        """The names of the leaves of which it is not so."""
        flags = np.asarray(self.flags)
        return [name for name, flag in zip(self.names, flags, strict=True) if not flag]


class Signs(NamedTuple):
    """By which a chunk of steps shows that its method has diverged.

    Attributes:
      watched: metrics of each step.
      learned: which leaves of what is learned have a finite norm after the last step.
      optimisers: which leaves of the states of optimisers are finite, or were not before the first
        step either.
    """

    watched: Metrics
    learned: Leaves
    optimisers: Leaves


def signs(experiment: Experiment, before: Leaves, state: State, metrics: Metrics) -> Signs:
    """The signs of a chunk.

    Args:
      experiment: says what is learned, and which metrics are watched.
      before: `finite_optimisers` of the state before the first step.
      state: after the last step.
      metrics: of each step.
    """
    after = finite_optimisers(state)
    return Signs(
        watched={name: metrics[name] for name in experiment.watched_among(metrics)},
        learned=_leaves(_named(experiment.learned(state)), _has_norm),
        # What some optimisers begin with, such as the best loss so far, is infinite.
        optimisers=Leaves(after.flags | ~before.flags, after.names),
    )


def finite_optimisers(state: State) -> Leaves:
    """Which leaves of all that optax keeps anywhere in a state are finite."""
    nodes = jax.tree_util.tree_leaves_with_path(state, is_leaf=_is_of_optax)
    of_optax = {keystr(path): node for path, node in nodes if _is_of_optax(node)}
    named = {
        at + name: leaf for at, node in of_optax.items() for name, leaf in _named(node).items()
    }
    return _leaves(named, lambda leaf: jnp.isfinite(leaf).all())


def _is_of_optax(node: Any) -> bool:
    return type(node).__module__.partition(".")[0] == "optax"


def _named(tree: Any) -> dict[str, Array]:
    """The leaves that hold floating-point numbers, by where they are."""
    named = {keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    return {name: leaf for name, leaf in named.items() if jnp.issubdtype(leaf.dtype, jnp.inexact)}


def _leaves(named: Mapping[str, Array], holds: Callable[[Array], Bool[Array, ""]]) -> Leaves:
    flags = [holds(leaf) for leaf in named.values()]
    return Leaves(jnp.stack(flags) if flags else jnp.zeros(0, bool), tuple(named))


def _has_norm(leaf: Array) -> Bool[Array, ""]:
    """Whether no number is NaN, or so large that its square is infinite."""
    wide = leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))
    return jnp.isfinite(jnp.square(jnp.abs(wide)).sum())


def check_finite(step: int, found: Signs, reported: set[str], saved: int | None) -> None:
    """Stops a run that has diverged.

    A NaN among metrics only says that there was nothing to report, but for those that are always
    reported and those that were a number in an earlier step.

    Args:
      step: the last one of the chunk.
      found: the chunk's signs.
      reported: metrics that are always reported, or were before the chunk.
      saved: the step of the last checkpoint, or none if there is none.

    Raises:
      UserError: says what is not finite, and when.
    """
    found = jax.device_get(found)
    for name, values in found.watched.items():
        was_number = (name in reported) | np.logical_or.accumulate(np.isfinite(values))
        wrong = np.isinf(values) | (np.isnan(values) & was_number)
        if wrong.any():
            first = step - len(values) + 1 + int(wrong.argmax())
            since = f" (since step {first})" if first < step else ""
            _stop(f"{name}: {values[wrong][0]} at step {step}{since} is not finite", saved)
    if bad := found.learned.otherwise():
        _stop(f"parameters: the norm of {_listed(bad)} at step {step} is not finite", saved)
    if bad := found.optimisers.otherwise():
        _stop(f"optimiser: {_listed(bad)} at step {step} is not finite", saved)


def _listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    first = [name or "the array" for name in names[:LEAVES_NAMED]]
    if more := len(names) - len(first):
        return f"{', '.join(first)} and {more} more"
    return ", ".join(first)


def _stop(reason: str, saved: int | None) -> NoReturn:
    kept = f"the last checkpoint is of step {saved}" if saved else "there is no checkpoint yet"
    raise UserError(f"{reason}, so the run was stopped; {kept}; a smaller learning rate may help")
