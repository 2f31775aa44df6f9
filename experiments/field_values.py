"""What the leaves of a configuration may hold: types, ranges, and ways from text and JSON.

They are `int`, `float`, `bool`, `str`, `Literal[...]`, `tuple[T, ...]` and `T | None` of these
(`check_type`), each perhaps annotated with a range (`rlsuite.ranges`). A text may name a file
(`File`).
"""

import math
import operator
import os
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt, MinLen

from rlsuite.experiments.errors import ConfigError, closest
from rlsuite.ranges import COUNTABLE, EachOnce, OneOf


class _NamesFile:
    """Of a text, that it is a file's whole path once it was typed."""


File = Annotated[str, _NamesFile()]


def describe(field_type: Any) -> str:
    """What a leaf of this type may hold, in words."""
    plain, ranges = _split(field_type)
    if _choices(field_type):
        return f"one of {', '.join(map(str, _choices(field_type)))}"
    if _is_optional(plain):
        return f"{describe(_without_none(plain))}, or none"
    if _names_file(ranges):
        return "a file"
    if get_origin(plain) is tuple:
        words = f"values joined by commas, each {describe(get_args(plain)[0])}"
    else:
        words = _WORDS[plain]
    return " ".join([words, *([_allowed(ranges)] if ranges else [])])


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def check_type(name: str, field_type: Any) -> None:
    """Refuses a type whose values can't be typed, or written and read again.

    Raises:
      ConfigError: one line that names the field, its type and what is allowed.
    """
    if not _is_served(field_type):
        spelt = field_type.__name__ if isinstance(field_type, type) else field_type
        raise ConfigError(
            f"{name}: a field of type {spelt} is not allowed; it must be int, float, bool, str, "
            "Literal[…], tuple[T, …] or T | None of these, or a frozen dataclass"
        )


def _is_served(field_type: Any) -> bool:
    plain, _ = _split(field_type)
    if _is_optional(plain):
        options = get_args(plain)
        return len(options) == 2 and type(None) in options and _is_served(_without_none(plain))
    if get_origin(plain) is tuple:
        items = get_args(plain)
        return len(items) == 2 and items[1] is Ellipsis and _is_single(items[0])
    return _is_single(plain)


def _is_single(field_type: Any) -> bool:
    plain, _ = _split(field_type)
    return get_origin(plain) is Literal or (isinstance(plain, type) and plain in _WORDS)


def to_text(value: Any) -> str:
    """A leaf's value as `from_text` reads it."""
    if isinstance(value, tuple):
        return ",".join(map(to_text, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def from_text(name: str, field_type: Any, text: str) -> Any:
    """A leaf's value from text.

    Raises:
      ConfigError: if the text does not fit the type or its range.
    """
    value = _from_text(name, field_type, text)
    check_range(name, field_type, value)
    return value


_LARGEST_FLOAT = (2 - 2.0**-23) * 2.0**127


def check_range(name: str, field_type: Any, value: Any) -> None:
    """Checks a leaf's value, and the items of a tuple, against the ranges of its type.

    Raises:
      ConfigError: one line that names the field, its value and what is allowed.
    """
    plain, ranges = _split(field_type)
    if value is None:
        return None
    if _is_optional(plain):
        return check_range(name, _without_none(plain), value)
    numbers = value if isinstance(value, tuple) else (value,)
    if any(isinstance(number, float) and abs(number) > _LARGEST_FLOAT for number in numbers):
        raise ConfigError(
            f"{name}: {to_text(value)} is not allowed; it must be a number that 32 bits can hold"
        )
    _require_known(name, field_type, value)
    _require(name, value, [value], ranges)
    if get_origin(plain) is tuple:
        item_type = get_args(plain)[0]
        for item in value:
            _require_known(name, item_type, item)
        _require(name, value, value, _split(item_type)[1], "all ")
    return None


def _require_known(name: str, field_type: Any, value: Any) -> None:
    choices = _choices(field_type)
    if choices and value not in choices:
        raise _not_allowed(name, value, field_type)


def _require(
    name: str, value: Any, items: Sequence[Any], constraints: list[Any], each: str = ""
) -> None:
    broken = [one for one in constraints if not all(_holds(one, item) for item in items)]
    if broken:
        told = broken if all(one is COUNTABLE for one in broken) else constraints
        raise ConfigError(f"{name}: {value!r} is not allowed; it must be {each}{_allowed(told)}")


def _split(field_type: Any) -> tuple[Any, list[Any]]:
    """A type without its annotation, and the single constraints of that."""
    if get_origin(field_type) is not Annotated:
        return field_type, []
    plain, *annotations = get_args(field_type)
    ranges: list[Any] = []
    for annotation in annotations:
        ranges.extend(annotation if isinstance(annotation, GroupedMetadata) else [annotation])
    return plain, ranges


def _choices(field_type: Any) -> tuple[Any, ...]:
    """The values of a type that names them all; none for any other."""
    plain, ranges = _split(field_type)
    if get_origin(plain) is Literal:
        return get_args(plain)
    return next((one.choices for one in ranges if isinstance(one, OneOf)), ())


def _names_file(annotations: Sequence[Any]) -> bool:
    return any(isinstance(one, _NamesFile) for one in annotations)


def _holds(constraint: Any, value: Any) -> bool:
    if isinstance(constraint, MinLen):
        return len(value) >= constraint.min_length
    if isinstance(constraint, EachOnce):
        return len(set(value)) == len(value)
    name, compare = _COMPARISONS.get(type(constraint), ("", None))
    return compare is None or compare(value, getattr(constraint, name))


_COMPARISONS: dict[type, tuple[str, Any]] = {
    Ge: ("ge", operator.ge),
    Gt: ("gt", operator.gt),
    Le: ("le", operator.le),
    Lt: ("lt", operator.lt),
}


def _allowed(constraints: list[Any]) -> str:
    """What constraints allow, in words: `between 0 and 1`, `above 0`, `0 or more`, …."""
    # Said only where it is what is wrong: who reads what a count may be knows that it has an end.
    constraints = [one for one in constraints if one is not COUNTABLE] or constraints
    low = next((one for one in constraints if isinstance(one, Ge | Gt)), None)
    high = next((one for one in constraints if isinstance(one, Le | Lt)), None)
    if isinstance(low, Ge) and isinstance(high, Le):
        return f"between {low.ge} and {high.le}"
    words = []
    if isinstance(low, Ge):
        words.append("0 or more" if low.ge == 0 else f"at least {low.ge}")
    if isinstance(low, Gt):
        words.append(f"above {low.gt}")
    if isinstance(high, Le):
        words.append(f"at most {high.le}")
    if isinstance(high, Lt):
        words.append(f"below {high.lt}")
    words += [
        "at least one value" if one.min_length == 1 else f"at least {one.min_length} values"
        for one in constraints
        if isinstance(one, MinLen)
    ]
    words += ["a list that names each value once" for one in constraints if one == EachOnce()]
    return " and ".join(words)


def _is_optional(field_type: Any) -> bool:
    return get_origin(field_type) in (Union, types.UnionType)


def _without_none(field_type: Any) -> Any:
    return next(option for option in get_args(field_type) if option is not type(None))


def _not_allowed(name: str, value: Any, field_type: Any) -> ConfigError:
    suggestion = closest(str(value), map(str, _choices(field_type)))
    hint = f" (did you mean '{suggestion}'?)" if suggestion else ""
    return ConfigError(f"{name}: {value!r} is not allowed; it must be {describe(field_type)}{hint}")


def _from_text(name: str, field_type: Any, text: str) -> Any:
    plain, annotations = _split(field_type)
    if _is_optional(plain):
        is_none = text.lower() == "none"
        return None if is_none else _from_text(name, _without_none(plain), text)
    if get_origin(plain) is tuple:
        items = [item.strip() for item in text.split(",") if item.strip()]
        return tuple(_from_text(name, get_args(plain)[0], item) for item in items)
    try:
        if _names_file(annotations):
            return os.path.realpath(text)  # What is read later is read from another folder, too.
        return _scalar_from_text(plain, text)
    except (OSError, ValueError, KeyError):
        raise _not_allowed(name, text, field_type) from None


def _scalar_from_text(plain: Any, text: str) -> Any:
    if get_origin(plain) is Literal:
        return {str(choice): choice for choice in get_args(plain)}[text]
    if plain is bool:
        return {"true": True, "false": False}[text.lower()]
    value = plain(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value


def value_from_json(name: str, field_type: Any, value: Any) -> Any:
    """A leaf's value from what JSON holds.

    Raises:
      ConfigError: if it does not fit the type or its range.
    """
    found = _typed(name, field_type, value)
    check_range(name, field_type, found)
    return found


def _typed(name: str, field_type: Any, value: Any) -> Any:
    plain, _ = _split(field_type)
    if _is_optional(plain):
        return None if value is None else _typed(name, _without_none(plain), value)
    if get_origin(plain) is tuple and isinstance(value, list | tuple):
        return tuple(_typed(name, get_args(plain)[0], item) for item in value)
    if get_origin(plain) is Literal:
        choices = get_args(plain)
        fits = any(type(value) is type(choice) and value == choice for choice in choices)
    elif plain is float:
        fits = type(value) in (int, float) and _is_finite(value)
    else:
        fits = type(value) is plain
    if not fits:
        raise _not_allowed(name, value, field_type)
    return float(value) if plain is float else value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:  # A whole number that no float can hold.
        return False
