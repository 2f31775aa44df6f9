"""Streams that no text is too odd for, and whose end is not the end of a program."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from rlsuite.experiments.errors import say

_ASCII = str.maketrans({"…": "...", "·": "|", "×": "x", "−": "-", "–": "-"})


def shown(text: str, encoding: str) -> str:
    """A text as it can be written in an encoding, with plain characters for typographic ones."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.translate(_ASCII).encode(encoding, "backslashreplace")
        return plain.decode(encoding)
    return text


class Outlet:
    """A stream that takes any text, and goes quiet once it can't be written to.

    Args:
      stream: where the text goes.
      farewell: said on stderr when the stream is gone; none says nothing.
    """

    def __init__(self, stream: TextIO, farewell: str | None = None):
        self._stream, self._farewell = stream, farewell
        self._is_gone = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Writes as much of a text as its encoding can hold."""
        self._attempt(lambda: self._stream.write(shown(text, self._stream.encoding or "utf-8")))
        return len(text)

    def flush(self) -> None:
        """Sends what was written."""
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[[], Any]) -> None:
        if self._is_gone:
            return
        try:
            action()
        except OSError as error:
            self._is_gone = True
            self._discard()
            if self._farewell is not None:
                say(f"{self._farewell} ({error.strerror or error})")

    def _discard(self) -> None:
        """Lets whatever is still in buffers go nowhere, so that it fails no second time."""
        with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def outlets(farewell: str | None = None) -> Iterator[None]:
    """A block in which nothing that is printed can end the program.

    Args:
      farewell: said on stderr when stdout is gone.
    """
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w") as nowhere:
        # Python has none for a process that was started with one closed.
        sys.stdout, sys.stderr = (
            Outlet(before[0] or nowhere, farewell),
            Outlet(before[1] or nowhere),
        )
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            sys.stdout, sys.stderr = before
