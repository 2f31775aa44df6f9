"""What the tables of a sweep's file may hold, checked entry by entry."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlsuite.experiments.errors import ConfigError, in_one_line, nearest

Table = Mapping[str, Any]

_LARGEST_SEED = 2**32 - 1
MOST_JOBS = 100_000
"""That a sweep may have: more are a slip of the keyboard."""

_IN_PLACE_OF_FIELDS = {
    "seed": "seeds, a list beside the tables",
    "method": "method, a key of the settings or of the grid",
    "preset": "preset, a key of the settings or of the grid",
}


def not_allowed(key: str, value: Any, allowed: str) -> ConfigError:
    """The error for a value that can't stand under a key."""
    try:
        told = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits.
        told = "such a number"
    told = told if len(told) <= 60 else f"{told[:57]}..."
    return ConfigError(f"{key}: {told} is not allowed; it must be {allowed}")


def check_keys(table: Any, known: Iterable[str], where: str = "") -> None:
    """Refuses a table that is none, or has a key that means nothing.

    Raises:
      ConfigError: if so.
    """
    if not isinstance(table, dict):
        raise not_allowed(where, table, "a table")
    known = list(known)
    for key in table:
        if key not in known:
            place = f"{where}: " if where else ""
            raise ConfigError(place + nearest("key", in_one_line(key), known))


def line(table: Table, key: str, default: str = "", where: str = "") -> str:
    """A text of one line.

    Raises:
      ConfigError: if it is none.
    """
    value = table.get(key, default)
    if not isinstance(value, str) or in_one_line(value) != value:
        raise not_allowed(where + key, value, "text of one line")
    return value


def prose(table: Table, key: str) -> str:
    """A text of as many lines as were written, as one line.

    Raises:
      ConfigError: if it is none.
    """
    value = table.get(key, "")
    if not isinstance(value, str):
        raise not_allowed(key, value, "text")
    return " ".join(value.split())


def lines(table: Table, key: str, where: str = "") -> tuple[str, ...]:
    """A list of texts.

    Raises:
      ConfigError: if it is none.
    """
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise not_allowed(where + key, value, "a list of texts")
    return tuple(value)


def tables(document: Table, key: str) -> Sequence[Any]:
    """A list of tables, as `[[key]]` writes it.

    Raises:
      ConfigError: if it is no list.
    """
    value = document.get(key, [])
    if not isinstance(value, list):
        raise not_allowed(key, value, f"a list of tables, each written as [[{key}]]")
    return value


def values(document: Table, key: str) -> dict[str, Any]:
    """A table of numbers and texts, as they are.

    Raises:
      ConfigError: if it is none, or has another value.
    """
    found = document.get(key, {})
    if not isinstance(found, dict):
        raise not_allowed(key, found, "a table")
    flat = flattened(found, key)
    for name, value in flat.items():
        as_text(f"{key}.{name}", value)
    return flat


def seeds(table: Table) -> tuple[int, ...]:
    """The seeds: those of a list, or as many as a number says, from 0.

    Raises:
      ConfigError: if they are no such thing, or one is there twice.
    """
    found = table.get("seeds", [0])
    if _is_whole(found) and 1 <= found <= MOST_JOBS:
        return tuple(range(found))
    if not isinstance(found, list) or not found:
        allowed = f"a list of seeds, or how many there are, from 1 to {MOST_JOBS}"
        raise not_allowed("seeds", found, allowed)
    for seed in found:
        if not _is_whole(seed) or not 0 <= seed <= _LARGEST_SEED:
            raise not_allowed("seeds", seed, f"whole numbers between 0 and {_LARGEST_SEED}")
    (most_frequent, count), *_ = Counter(found).most_common(1)
    if count > 1:
        raise ConfigError(f"seeds: {most_frequent} is there twice; name it once")
    return tuple(found)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def fields(table: Table, where: str = "") -> dict[str, str]:
    """The entries of `fields` as text, by dotted name.

    Raises:
      ConfigError: if a value can't be a field's, or a name is not one.
    """
    found = _flat(table, "fields", where, may=())
    return {name: as_text(f"{where}fields.{name}", value) for name, value in found.items()}


def grid(table: Table, where: str = "") -> dict[str, list[str]]:
    """The lists of `grid`, their values as text, by dotted name.

    Raises:
      ConfigError: if one is empty or no list.
    """
    found = {}
    for name, values in _flat(table, "grid", where, may=("method", "preset")).items():
        key = f"{where}grid.{name}"
        if not isinstance(values, list) or not values:
            raise not_allowed(key, values, "a list of at least one value")
        found[name] = [as_text(key, value) for value in values]
    return found


def _flat(table: Table, key: str, where: str, may: Sequence[str]) -> dict[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise not_allowed(where + key, found, "a table")
    flat = flattened(found, where + key)
    for name in flat:
        if name in _IN_PLACE_OF_FIELDS and name not in may:
            instead = _IN_PLACE_OF_FIELDS[name]
            raise ConfigError(f"{where}{key}.{name}: it is not allowed; it is said by {instead}")
    return flat


def flattened(table: Table, where: str) -> dict[str, Any]:
    """Entries by dotted name, whether TOML was told them as one name or as tables in tables.

    Raises:
      ConfigError: if it was told one in both ways.
    """
    flat: dict[str, Any] = {}
    for name, value in table.items():
        inner = flattened(value, f"{where}.{name}") if isinstance(value, dict) else {"": value}
        for rest, leaf in inner.items():
            dotted = f"{name}.{rest}" if rest else name
            if dotted in flat:
                raise ConfigError(f"{where}.{dotted}: it is there twice; name it once")
            flat[dotted] = leaf
    return flat


def as_text(key: str, value: Any) -> str:
    """A value as an option of the command has it.

    Raises:
      ConfigError: if no option can have such a value.
    """
    if isinstance(value, list) and not any(isinstance(item, list) for item in value):
        return ",".join(as_text(key, item) for item in value)
    try:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str | int | float):
            return str(value)
    except ValueError:  # Of thousands of digits.
        pass
    raise not_allowed(key, value, "a number, text, true, false, or a list of these")
