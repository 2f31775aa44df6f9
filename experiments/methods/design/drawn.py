"""Levels drawn by hand that students are tested on: those of a world, or of a file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.files import reason
from rlsuite.experiments.specs import WorldSpec
from rlsuite.rollout import Level

FIELD = "evaluation.mazes"


def read_drawings(file: str) -> dict[str, str]:
    """Drawings by name, from a TOML file of strings.

    Raises:
      ConfigError: if it can't be read, is none, or draws nothing.
    """
    try:
        drawings = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{FIELD}: '{file}' is no TOML file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{FIELD}: '{file}' can't be read: {reason(error)}") from error
    if not drawings:
        raise ConfigError(f"{FIELD}: '{file}' is not allowed; it must draw at least one level")
    for name, text in drawings.items():
        if not isinstance(text, str):
            raise ConfigError(f"{FIELD}: {name} is not allowed; it must be a drawing in a string")
    return drawings


def levels_drawn(world: WorldSpec, drawings: Mapping[str, str] | None) -> Mapping[str, Level]:
    """Levels by name: those that are drawn, or without drawings the world's own.

    Raises:
      ConfigError: if a drawing is no level of the world, or one whose goal nobody can reach.
    """
    design = world.design
    if drawings is None:
        return {} if design is None else design.drawn
    if design is None or design.read is None:
        raise ConfigError(
            f"{FIELD}: a value is not allowed; levels of '{world.name}' can't be drawn as text"
        )
    levels = {}
    for name, text in drawings.items():
        try:
            levels[name] = design.read(text)
        except ValueError as error:
            raise ConfigError(f"{FIELD}: {name}: {error}") from error
        if not design.is_solvable(levels[name]):
            raise ConfigError(f"{FIELD}: {name} is not allowed; nobody can reach its goal")
    return levels
