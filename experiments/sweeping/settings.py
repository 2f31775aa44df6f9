"""Settings as a sweep's file has them: what is said of all, of each, and the products of lists."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.registry import absolute
from rlsuite.experiments.sweeping import tables

_LONGEST_FOLDER = 200
_KEYS = ("name", "method", "preset", "fields", "grid")


class Setting(NamedTuple):
    """A method with a preset and values for some fields.

    Attributes:
      name: what reports call it.
      method: its name, or where it is.
      preset: of the method.
      fields: options of `rlsuite train` by dotted name, as text; "tasks", or a method's short name
        for a world as "world", and parameters of that world as "tasks.NAME" are among them.
    """

    name: str
    method: str
    preset: str
    fields: Mapping[str, str]


def slug(name: str) -> str:
    """A name as a folder's: in lower case, with "-" for whatever is no letter or digit of ASCII.

    A sign before a number is said, so that opposite numbers of a grid have folders of their own.
    """
    name = re.sub(r"(?<![\w.)])-(?=\.?\d)", "minus ", name)
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def read_settings(path: Path, document: tables.Table, num_seeds: int) -> tuple[Setting, ...]:
    """The settings that a sweep's file stands for, in its order.

    Args:
      path: of the file, from whose folder others are seen.
      document: what it says.
      num_seeds: of each setting.

    Raises:
      ConfigError: if what it says is not allowed, or two settings would have one folder.
    """
    settings = tuple(_settings(path, document, num_seeds))
    _check_distinct(settings)
    return settings


def _settings(path: Path, document: tables.Table, num_seeds: int) -> Iterator[Setting]:
    found = tables.tables(document, "settings") if "settings" in document else [{}]
    if not found:
        raise tables.not_allowed("settings", [], "at least one table, written as [[settings]]")
    common = _of_setting(document, "")
    count = 0
    for number, table in enumerate(found, 1):
        where = f"settings {number}: " if "settings" in document else ""
        tables.check_keys(table, _KEYS, where.removesuffix(": "))
        base = _beneath(common, _of_setting(table, where))
        count += math.prod(map(len, base.grid.values())) * num_seeds
        if count > tables.MOST_JOBS:
            raise ConfigError(
                f"{where}grid: it is too large: with it there are more than {tables.MOST_JOBS} jobs"
            )
        for varied in _products(base.grid):
            yield _setting(path, table, base, varied, where)


class _Base(NamedTuple):
    """What is said of a setting: fixed values, and lists of those that vary."""

    fixed: Mapping[str, str]
    grid: Mapping[str, Sequence[str]]


def _of_setting(table: tables.Table, where: str) -> _Base:
    fixed, grid = tables.fields(table, where), tables.grid(table, where)
    for key in ("method", "preset"):
        if key in table:
            fixed[key] = tables.line(table, key, where=where)
    for name in grid:
        if name in fixed:
            raise ConfigError(f"{where}grid.{name}: it has a single value as well; name it once")
    return _Base(fixed, grid)


def _beneath(common: _Base, own: _Base) -> _Base:
    """What is said of all settings, but for what one says itself."""
    fixed = {name: text for name, text in common.fixed.items() if name not in own.grid}
    grid = {name: texts for name, texts in common.grid.items() if name not in own.fixed}
    return _Base({**fixed, **own.fixed}, {**grid, **own.grid})


def _products(grid: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    for texts in product(*grid.values()):
        yield dict(zip(grid, texts, strict=True))


def _setting(
    path: Path, table: tables.Table, base: _Base, varied: Mapping[str, str], where: str
) -> Setting:
    values = {**base.fixed, **varied}
    for key in ("method", "preset"):
        if not values.get(key):
            raise ConfigError(f"{where}{key}: it is missing")
    method, preset = values.pop("method"), values.pop("preset")
    # Also where a list has one value: a second one must not give another name to the first.
    told = [f"{name} {text}" for name, text in varied.items() if name != "method"]
    name = tables.line(table, "name", method, where)
    if "name" in table and "method" in varied:
        told.insert(0, f"method {method}")
    name = f"{name} ({', '.join(told)})" if told else name
    if not slug(name) or len(slug(name)) > _LONGEST_FOLDER:
        allowed = f"of 1 to {_LONGEST_FOLDER} letters, digits and what is between, for its folder"
        raise tables.not_allowed(f"{where}name", name, allowed)
    return Setting(name, absolute(method, path.parent), preset, values)


def _check_distinct(settings: Sequence[Setting]) -> None:
    by_folder: dict[str, str] = {}
    for setting in settings:
        folder = slug(setting.name)
        if folder in by_folder:
            names = f"'{by_folder[folder]}' and '{setting.name}'"
            raise ConfigError(f"settings: {names} would have one folder; name them apart")
        by_folder[folder] = setting.name
