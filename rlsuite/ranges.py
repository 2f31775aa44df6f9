"""Ranges of hyperparameters, as types that say them where a field is declared.

Nothing here checks them: whoever reads values from outside does (annotated-types is a vocabulary).
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Interval


@dataclass(frozen=True)
class OneOf:
    """One of these values, where only the program knows which there are."""

    choices: tuple[str, ...]


Fraction = Annotated[float, Interval(ge=0, le=1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Count = Annotated[int, Ge(1)]
Counts = tuple[Count, ...]
