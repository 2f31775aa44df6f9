"""Setting a world's parameters, `--tasks.NAME VALUE`: in `EnvParams` of gymnax, or in our own."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, cast

import numpy as np
from annotated_types import Interval

from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.field_values import from_text
from rlsuite.rollout import Level

Configuration = TypeVar("Configuration")
"""A dataclass."""


def with_parameters(level: Level, parameters: Mapping[str, Any]) -> Level:
    """A copy of a world's parameters, some of them with other values.

    Args:
      level: gymnax's `EnvParams`, a dataclass.
      parameters: values by name, as text or as numbers; they keep the type that is there.

    Raises:
      ConfigError: if there is no parameter of that name that is one number, or the value is none.
    """
    known = _numbers(level)
    changes = {}
    for name, value in parameters.items():
        if name not in known:
            raise ConfigError(f"tasks: {nearest('parameter', name, known)}")
        changes[name] = from_text(f"tasks.{name}", known[name], str(value))
    return level.replace(**changes) if changes else level


def with_fields(config: Configuration, parameters: Mapping[str, Any]) -> Configuration:
    """A copy of what describes a world, some of its fields with other values.

    Args:
      config: a dataclass.
      parameters: values by name, as text or as what JSON has.

    Raises:
      ConfigError: if there is no field of that name, or it may not have that value.
    """
    described = cast(Any, config)
    known = {field.name: field for field in dataclasses.fields(described)}
    changes = {}
    for name, value in parameters.items():
        if name not in known:
            raise ConfigError(f"tasks: {nearest('parameter', name, known)}")
        changes[name] = from_text(f"tasks.{name}", known[name].type, str(value))
    return dataclasses.replace(described, **changes)


def _numbers(level: Level) -> dict[str, Any]:
    """The parameters that are single numbers, with their types and ranges."""
    found = {}
    for field in dataclasses.fields(level):
        value = np.asarray(getattr(level, field.name))
        if value.ndim == 0 and value.dtype.kind in _TYPES:
            found[field.name] = _TYPES[value.dtype.kind]
    return found | {name: kind for name, kind in _KNOWN.items() if name in found}


_LARGEST_INT = int(np.iinfo(np.int32).max)
# By the kind of NumPy's type.
_TYPES: dict[str, Any] = {
    "b": bool,
    "i": Annotated[int, Interval(ge=-_LARGEST_INT, le=_LARGEST_INT)],
    "u": Annotated[int, Interval(ge=0, le=_LARGEST_INT)],
    "f": float,
}
# Gymnax has it in all worlds.
_KNOWN = {"max_steps_in_episode": Annotated[int, Interval(ge=1, le=_LARGEST_INT)]}
