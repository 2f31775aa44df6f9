"""Setting a world's parameters, `--tasks.NAME VALUE`: numbers in gymnax's `EnvParams`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.fields import from_text
from rlsuite.rollout import Level


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
            raise ConfigError(f"tasks.{nearest('parameter', name, known)}")
        changes[name] = from_text(f"tasks.{name}", known[name], str(value))
    return level.replace(**changes) if changes else level


def _numbers(level: Level) -> dict[str, type]:
    """The parameters that are single numbers, with their types."""
    types = {bool: "b", int: "iu", float: "f"}
    found = {}
    for field in dataclasses.fields(level):
        value = np.asarray(getattr(level, field.name))
        if value.ndim == 0 and value.dtype.kind in "biuf":
            found[field.name] = next(t for t, kinds in types.items() if value.dtype.kind in kinds)
    return found
