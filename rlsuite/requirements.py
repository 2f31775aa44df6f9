"""What the core asks of values from outside: errors of one line that name the field."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")


def require(holds: bool, name: str, value: Any, allowed: str) -> None:
    """Asks for something of the value of a field.

    Raises:
      ValueError: if it does not hold, with the name, the value and what is allowed.
    """
    if not holds:
        raise ValueError(f"{name}: {value} is not allowed; it must be {allowed}")


def require_counts(**numbers: int) -> None:
    """Asks that there be at least one of everything that is counted.

    Raises:
      ValueError: of the first of the numbers that is below 1, by its name.
    """
    for name, number in numbers.items():
        require(number >= 1, name, number, "at least 1")


def require_known(name: str, value: str, known: Iterable[str]) -> None:
    """Asks for a known name, offering the nearest one, however its letters are cased.

    Raises:
      ValueError: if it is unknown.
    """
    by_lower_case = {option.lower(): option for option in known}
    if value in by_lower_case.values():
        return
    alike = get_close_matches(value.lower(), by_lower_case, n=1, cutoff=0.4)
    hint = f" (did you mean '{by_lower_case[alike[0]]}'?)" if alike else ""
    options = ", ".join(by_lower_case.values())
    raise ValueError(f"{name}: '{value}' is unknown{hint}; known: {options}")


def named(name: str, value: str, known: Mapping[Any, T]) -> T:
    """What a name stands for.

    Args:
      name: of the field that the name is the value of.
      value: the name.
      known: all names, with what they stand for.

    Raises:
      ValueError: if it is unknown, as `require_known`.
    """
    require_known(name, value, known)
    return known[value]


@contextmanager
def errors_of(group: str) -> Iterator[None]:
    """Puts the name of a group of fields before what errors say of one of them."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{group}.{error}") from error
