"""What a method's step must be, so that it can be repeated, saved and logged."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.programs import abstract_state
from rlsuite.experiments.specs import Experiment
from rlsuite.method import State

BESIDE_METRICS = ("step", "seconds", "agent_updates_per_second", "world_steps_per_second")
"""What every logged line says beside the method's metrics, none of which may have these names."""


def check_step(experiment: Experiment) -> None:
    """Refuses a step of which `complaints_about` has any.

    Raises:
      ConfigError: with the first of them.
    """
    complaints = complaints_about(experiment)
    if complaints:
        raise ConfigError(f"method: {complaints[0]}")


def complaints_about(experiment: Experiment) -> list[str]:
    """What is not as it must be, a line each; none if all is.

    A step leaves the state's structure, shapes and types as they were; metrics are single real
    numbers whose names are not taken, with those of the headline and of symptoms among them.

    Args:
      experiment: whose step it is, which is traced.
    """
    state = abstract_state(experiment.method)
    after, metrics = jax.eval_shape(experiment.method.step, state)
    missing = [name for name in experiment.headline if name not in metrics]
    unknown = [one.metric for one in experiment.symptoms if one.metric not in metrics]
    return [
        *_changes(state, after),
        *_about_metrics(metrics),
        *(f"headline: no metric is called {name}" for name in missing),
        *(f"symptoms: no metric is called {name}" for name in unknown),
    ]


def _about_metrics(metrics: Mapping[str, jax.ShapeDtypeStruct]) -> list[str]:
    complaints = []
    for name, metric in metrics.items():
        is_number = metric.shape == () and jnp.issubdtype(metric.dtype, jnp.number)
        if not is_number or jnp.issubdtype(metric.dtype, jnp.complexfloating):
            complaints.append(f"metric {name}: {_type(metric)} is not a single real number")
        if name in BESIDE_METRICS:
            complaints.append(f"metric {name}: every logged line has one of this name")
    return complaints


def _changes(before: State, after: State) -> list[str]:
    structures: list[Any] = [jax.tree.structure(state) for state in (before, after)]
    if structures[0] != structures[1]:
        return [f"a step changes the state's structure from {structures[0]} to {structures[1]}"]
    pairs = zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True)
    changed = [
        f"{jax.tree_util.keystr(path) or 'the state'} from {_type(old)} to {_type(new)}"
        for (path, old), new in pairs
        if _type(old) != _type(new)
    ]
    return [f"a step changes {', '.join(changed)}"] if changed else []


def _type(leaf: jax.ShapeDtypeStruct) -> str:
    weak = ", weakly typed" if leaf.weak_type else ""
    return f"{leaf.dtype}{list(leaf.shape)}{weak}"
