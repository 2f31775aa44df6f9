"""Errors that are the user's to mend: one line that says what is wrong and what is allowed."""

import sys
from collections.abc import Iterable
from difflib import get_close_matches

BAD_INPUT = 2
"""The exit status of a command that can't be met."""


class UserError(Exception):
    """A request that cannot be met; its message is one line, shown without a traceback."""


class ConfigError(UserError):
    """A configuration that cannot be run: names the field, the value and what is allowed."""


class TooLargeError(ConfigError):
    """A configuration that no array of the machine can hold, or JAX can't count."""


def say(line: str) -> None:
    """Says one line on stderr of something that went wrong and is not the end."""
    print("rlsuite:", in_one_line(line), file=sys.stderr)


def in_one_line(text: str) -> str:
    """A text without line breaks, and with what can't be printed as its escape."""
    text = " ".join(text.splitlines())
    return "".join(mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None if none is alike.

    A dotted name is also compared by its last part, so `lr_rate` finds `meta.lr_rate`.
    """
    known = list(known)
    by_last_part = {option.rpartition(".")[2]: option for option in reversed(known)}
    last_part = name.rpartition(".")[2]
    whole = get_close_matches(name, known, n=1)
    part = get_close_matches(last_part, by_last_part, n=1)
    return whole[0] if whole else by_last_part[part[0]] if part else None


def nearest(kind: str, name: str, known: Iterable[str]) -> str:
    """One line for an unknown name, with the nearest known one.

    `nearest("preset", "smok", ["paper", "smoke"])` is
    `unknown preset 'smok' (did you mean 'smoke'?); known: paper, smoke`.
    """
    known = list(known)
    suggestion = closest(name, known)
    hint = f" (did you mean '{suggestion}'?)" if suggestion else ""
    return f"unknown {kind} '{name}'{hint}; known: {', '.join(known)}"
