"""Several seeds at once, as they are typed."""

import re

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.field_values import check_range
from rlsuite.experiments.specs import Seed

MOST_SEEDS = 10_000


def seeds_from_text(text: str) -> tuple[int, ...]:
    """Seeds that a text names.

    Args:
      text: how many, as in "16" for 0 to 15; or which, as in "3,5" or "8-15".

    Raises:
      ConfigError: if it names none, one of them twice or too many, or is not understood.
    """
    if not re.fullmatch(r"[0-9]{1,10}(-[0-9]{1,10})?(,[0-9]{1,10}(-[0-9]{1,10})?)*", text):
        raise _not_allowed(text, "how many, as in 16 for 0 to 15, or which, as in 3,5 or 8-15")
    if text.isdecimal():
        bounds = [(0, int(text) - 1)]
    else:
        pairs = (part.partition("-") for part in text.split(","))
        bounds = [(int(first), int(last or first)) for first, _, last in pairs]
    if sum(last - first + 1 for first, last in bounds) > MOST_SEEDS:
        raise _not_allowed(text, f"at most {MOST_SEEDS} seeds")
    if any(last < first for first, last in bounds):
        raise _not_allowed(text, "at least one seed, and ranges that rise")
    seeds = tuple(seed for first, last in bounds for seed in range(first, last + 1))
    if len(set(seeds)) < len(seeds):
        raise _not_allowed(text, "each seed once")
    for seed in (seeds[0], max(seeds)):
        check_range("seeds", Seed, seed)
    return seeds


def _not_allowed(text: str, allowed: str) -> ConfigError:
    return ConfigError(f"seeds: {text!r} is not allowed; it must be {allowed}")
