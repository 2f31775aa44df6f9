"""Stopping a run by signals: after its chunk with a checkpoint, or at once.

Python handles signals between two operations of the main thread, which may be deep in a compiler
or a device for minutes. So a thread beside it is told of them as well (`signal.set_wakeup_fd`).
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

INTERRUPTED = 130
"""The exit status of whatever was stopped before its end."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"
_STOPPING = "stopping after this chunk, with a checkpoint; once more to stop at once"
_APART = 0.5
"""Seconds between two signals that were meant as two: what sends one to a process, and to the group
that the process is of, sends it twice."""


class Stop:
    """Whether a run was asked to stop.

    Args:
      say: shows a line to people.
      how_to_go_on: what they are told when the process ends at once.
      clock: seconds.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        how_to_go_on: str,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._say, self._how_to_go_on, self._clock = say, how_to_go_on, clock
        self._asked, self._ending = threading.Event(), threading.Lock()
        self._first_heard: float | None = None
        self._may_end_at_once = False

    @property
    def asked(self) -> bool:
        """Whether the run is to end after its chunk."""
        return self._asked.is_set()

    def ask(self, *_: Any) -> None:
        """Asks the run to end after its chunk."""
        self._asked.set()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Where nothing is lost if the process ends in the middle, as while it compiles."""
        self._may_end_at_once = True
        if self.asked:
            self._end()
        try:
            yield
        finally:
            self._may_end_at_once = False

    def heard(self) -> None:
        """A signal has come. The second ends the process, and so does one that comes `at_once`."""
        if self._may_end_at_once:
            self._end()
        if self._first_heard is None:
            self._first_heard = self._clock()
            _tell(lambda: self._say(_STOPPING))
        elif self._clock() - self._first_heard >= _APART:
            self._end()

    def _end(self) -> NoReturn:
        # What is on disk is whole at any moment, so there is nothing to tidy up but the terminal.
        self._ending.acquire()  # For good: of two threads that end the process, one says so.
        _tell(self._say_ended).join(timeout=1)
        os._exit(INTERRUPTED)

    def _say_ended(self) -> None:
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode())
        line = f"rlsuite: stopped at once; {self._how_to_go_on}\n"
        os.write(sys.stderr.fileno(), line.encode(errors="surrogateescape"))


def _tell(tell: Callable[[], None]) -> threading.Thread:
    """Says something in a thread of its own: whoever should read it may have stopped to read."""

    def told() -> None:
        with suppress(OSError, ValueError):
            tell()

    thread = threading.Thread(target=told, daemon=True)
    thread.start()
    return thread


@contextmanager
def interrupting() -> Iterator[None]:
    """Has SIGTERM and SIGHUP raise a KeyboardInterrupt, as SIGINT does.

    One that the process was started to ignore stays ignored. Only the main thread can handle
    signals; in any other none is handled.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    taken = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_on_signal(say: Callable[[str], None], how_to_go_on: str) -> Iterator[Stop]:
    """Lets SIGINT, SIGTERM and SIGHUP stop a run; handlers are put back afterwards.

    The first one asks for a stop after the chunk. The next ends the process, as the first does
    where nothing would be lost (`Stop.at_once`). A SIGHUP that `nohup` has the process ignore stays
    ignored. Only the main thread can handle signals; in any other
    none is handled.

    Args:
      say: shows a line to people.
      how_to_go_on: what they are told when the process ends at once.
    """
    stop = Stop(say, how_to_go_on)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in _SIGNALS}
    is_hushed = before[signal.SIGHUP] == signal.SIG_IGN
    handled = [number for number in _SIGNALS if number != signal.SIGHUP or not is_hushed]
    told, heard = socket.socketpair()
    told.setblocking(False)
    fd_before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(heard, stop, handled), daemon=True)
    listener.start()
    for number in handled:
        signal.signal(number, stop.ask)
    try:
        yield stop
    finally:
        for number in handled:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(fd_before)
        told.close()
        listener.join()
        heard.close()


def _listen(told: socket.socket, stop: Stop, handled: list[signal.Signals]) -> None:
    while numbers := told.recv(1):
        if numbers[0] in handled:
            stop.heard()
