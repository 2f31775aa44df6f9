"""Ranges of hyperparameters, as types that say them where a field is declared.

Nothing here checks them: whoever reads values from outside does (annotated-types is a vocabulary).
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval, Le


@dataclass(frozen=True)
class OneOf:
    """One of these values, where only the program knows which there are."""

    choices: tuple[str, ...]


@dataclass(frozen=True)
class EachOnce:
    """A tuple that names each of its values once."""


Fraction = Annotated[float, Interval(ge=0, le=1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
LARGEST_COUNT = 2**31 - 1
"""What arrays can have of anything: they are counted in 32 bits."""

COUNTABLE = Le(LARGEST_COUNT)
Count = Annotated[int, Ge(1), COUNTABLE]
Counts = tuple[Count, ...]
