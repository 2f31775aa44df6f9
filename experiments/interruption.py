"""Stopping a run by signals: after its chunk with a checkpoint, or at once.

Python handles signals between two operations of the main thread, which may be deep in a compiler
or a device for minutes. So a thread beside it is told of them as well (`signal.set_wakeup_fd`).
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

INTERRUPTED = 130
"""The exit status of whatever was stopped before its end."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"


class Stop:
    """Whether a run was asked to stop.

    Args:
      say: shows a line to people.
      how_to_go_on: what they are told when the process ends at once.
    """

    def __init__(self, say: Callable[[str], None], how_to_go_on: str):
        self._say, self._how_to_go_on = say, how_to_go_on
        self._asked = threading.Event()
        self._num_signals, self._may_end_at_once = 0, False

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
        self._num_signals += 1
        if self._num_signals > 1 or self._may_end_at_once:
            self._end()
        with suppress(OSError):
            self._say("stopping after this chunk, with a checkpoint; once more to stop at once")

    def _end(self) -> NoReturn:
        # What is on disk is whole at any moment, so there is nothing to tidy up but the terminal.
        with suppress(OSError, ValueError):
            if sys.stdout.isatty():
                os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode())
            os.write(
                sys.stderr.fileno(), f"rlsuite: stopped at once; {self._how_to_go_on}\n".encode()
            )
        os._exit(INTERRUPTED)


@contextmanager
def stop_on_signal(say: Callable[[str], None], how_to_go_on: str) -> Iterator[Stop]:
    """Lets SIGINT, SIGTERM and SIGHUP stop a run; handlers are put back afterwards.

    The first one asks for a stop after the chunk. The next ends the process, as the first does
    where nothing would be lost (`Stop.at_once`). One that the process was started to ignore, as
    `nohup` does with SIGHUP, stays ignored. Only the main thread can handle signals; in any other
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
    handled = [number for number, handler in before.items() if handler != signal.SIG_IGN]
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
