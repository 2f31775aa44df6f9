"""Whether a run has diverged, asked after every chunk of steps and before anything is saved.

What is learned must have a finite norm, leaf by leaf; the states of optimisers must be finite,
wherever the method keeps them; and so must be the metrics that are watched, in every step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

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


class Divergence(NamedTuple):
    """How a run has diverged.

    Attributes:
      part: where what is not finite is.
      name: of the metric, or of the first leaf that is not finite.
      text: what is said of it.
      step: the first one, where that is known.
    """

    part: Literal["metric", "parameters", "optimiser"]
    name: str
    text: str
    step: int | None = None

    def value(self, experiment: Experiment, state: State, metrics: Metrics) -> Array:
        """What was not finite, in another state and with the metrics of the step that led there."""
        if self.part == "metric":
            return metrics[self.name]
        is_learned = self.part == "parameters"
        named = _named(experiment.learned(state)) if is_learned else _of_optimisers(state)
        return named[self.name]


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
    return _leaves(_of_optimisers(state), lambda leaf: jnp.isfinite(leaf).all())


def _of_optimisers(state: State) -> dict[str, Array]:
    nodes = jax.tree_util.tree_leaves_with_path(state, is_leaf=_is_of_optax)
    found = {keystr(path): node for path, node in nodes if _is_of_optax(node)}
    return {at + name: leaf for at, node in found.items() for name, leaf in _named(node).items()}


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


def divergence(step: int, found: Signs, reported: set[str]) -> Divergence | None:
    """How a run has diverged in a chunk, or none if it has not.

    A NaN among metrics only says that there was nothing to report, but for those that are always
    reported and those that were a number in an earlier step.

    Args:
      step: the last one of the chunk.
      found: the chunk's signs.
      reported: metrics that are always reported, or were before the chunk.
    """
    found = jax.device_get(found)
    for name, values in found.watched.items():
        was_number = (name in reported) | np.logical_or.accumulate(np.isfinite(values))
        wrong = np.isinf(values) | (np.isnan(values) & was_number)
        if wrong.any():
            first = step - len(values) + 1 + int(wrong.argmax())
            since = f" (since step {first})" if first < step else ""
            text = f"{name}: {values[wrong][0]} at step {step}{since} is not finite"
            return Divergence("metric", name, text, first)
    if bad := found.learned.otherwise():
        text = f"parameters: the norm of {_listed(bad)} at step {step} is not finite"
        return Divergence("parameters", bad[0], text)
    if bad := found.optimisers.otherwise():
        text = f"optimiser: {_listed(bad)} at step {step} is not finite"
        return Divergence("optimiser", bad[0], text)
    return None


def stopped(found: Divergence, saved: int | None, *more: str) -> UserError:
    """The error that ends a run that has diverged.

    Args:
      found: how it has diverged.
      saved: the step of the last checkpoint, or none if there is none.
      *more: what else there is to say.
    """
    kept = f"the last checkpoint is of step {saved}" if saved else "there is no checkpoint yet"
    advice = more or ("a smaller learning rate may help",)
    return UserError("; ".join([f"{found.text}, so the run was stopped", kept, *advice]))


def _listed(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    first = [name or "the array" for name in names[:LEAVES_NAMED]]
    if more := len(names) - len(first):
        return f"{', '.join(first)} and {more} more"
    return ", ".join(first)
