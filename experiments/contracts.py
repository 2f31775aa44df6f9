"""What a method's step and a world must be, so that they can be repeated, saved and logged.

Everything is traced, and nothing compiled.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.envs.flattening import part_of, parts_of_space, state_numbers
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.programs import abstract_state
from rlsuite.experiments.specs import Experiment

BESIDE_METRICS = ("step", "seconds", "agent_updates_per_second", "world_steps_per_second")
"""What every logged line says beside the method's metrics, none of which may have these names."""


def check_step(experiment: Experiment) -> None:
    """Refuses a step of which `step_complaints` has any.

    Raises:
      ConfigError: with the first of them.
    """
    complaints = step_complaints(experiment)
    if complaints:
        raise ConfigError(f"method: {complaints[0]}")


def step_complaints(experiment: Experiment) -> list[str]:
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


def world_complaints(world: Environment) -> list[str]:
    """What of a world is not as gymnax's interface has it, a line each; none if all is.

    Its parameters have a time limit; a step returns five things, of which the state is like the
    first one, the reward one number and the end one truth value; and observations are in the space
    that the world names.

    Args:
      world: whose functions are traced. What they themselves raise is not caught.
    """
    params, key = world.default_params, jax.random.key(0)
    if not hasattr(params, "max_steps_in_episode"):
        return ["default_params: max_steps_in_episode is missing, the time limit"]
    observation, state = _plain(jax.eval_shape(world.reset_env, key, params))
    action = jax.eval_shape(world.action_space(params).sample, key)
    stepped = _plain(jax.eval_shape(world.step_env, key, state, action, params))
    if not isinstance(stepped, tuple) or len(stepped) != len(_STEPPED):
        number = len(stepped) if isinstance(stepped, tuple) else 1
        return [f"step_env: it returns {number} things, it must be {', '.join(_STEPPED)}"]
    next_observation, next_state, reward, terminated, info = stepped
    is_one = reward.shape == () and jnp.issubdtype(reward.dtype, jnp.number)
    is_truth = terminated.shape == () and terminated.dtype == bool
    space = world.observation_space(params)
    return [
        *(f"step_env: {line}" for line in _changes(state, next_state)),
        *([] if is_one else [f"step_env: the reward is {_type(reward)}, it must be one number"]),
        *([] if is_truth else [f"step_env: terminated is {_type(terminated)}, it must be bool[]"]),
        *([] if isinstance(info, dict) else ["step_env: info must be a dict"]),
        *(f"reset_env: {line}" for line in _strays(space, observation)),
        *(f"step_env: {line}" for line in _strays(space, next_observation)),
    ]


_STEPPED = ("observation", "state", "reward", "terminated", "info")


def _strays(space: Any, observation: Any, name: str = "the observation") -> list[str]:
    """What of an observation is not in its space, which is known by its attributes."""
    parts = parts_of_space(space)
    if parts is None:
        numbers = state_numbers(space)
        shape = getattr(space, "shape", ()) if numbers is None else numbers.counts.shape
        if not hasattr(observation, "shape"):
            return [f"{name} must be an array {list(shape)}"]
        is_alike = tuple(observation.shape) == tuple(shape)
        return [] if is_alike else [f"{name} is {_type(observation)}, its space has {list(shape)}"]
    strays = []
    for part, inner in parts.items():
        try:
            found = part_of(observation, part)
        except (KeyError, IndexError, TypeError, AttributeError):
            strays.append(f"{name} lacks the part '{part}' of its space")
        else:
            strays += _strays(inner, found, f"the part '{part}' of {name}")
    return strays


def _about_metrics(metrics: Mapping[str, jax.ShapeDtypeStruct]) -> list[str]:
    complaints = []
    for name, metric in metrics.items():
        is_number = metric.shape == () and jnp.issubdtype(metric.dtype, jnp.number)
        if not is_number or jnp.issubdtype(metric.dtype, jnp.complexfloating):
            complaints.append(f"metric {name}: {_type(metric)} is not a single real number")
        if name in BESIDE_METRICS:
            complaints.append(f"metric {name}: every logged line has one of this name")
    return complaints


def _changes(before: Any, after: Any) -> list[str]:
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


def _plain(tree: Any) -> Any:
    """Shapes and types, weak or not."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def _type(leaf: jax.ShapeDtypeStruct) -> str:
    weak = ", weakly typed" if leaf.weak_type else ""
    return f"{leaf.dtype}{list(leaf.shape)}{weak}"
