"""Leading a sweep: programs go to an engine until every job is done, has failed, or all stop."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rlsuite.experiments.errors import BAD_INPUT
from rlsuite.experiments.interruption import INTERRUPTED
from rlsuite.experiments.sweeping.display import Display
from rlsuite.experiments.sweeping.engines import Ending, Engine, Program, Running
from rlsuite.experiments.sweeping.rows import (
    DONE,
    FAILED,
    STOPPED,
    WAITING,
    Row,
    last_words,
    size,
)

RETRIES = 3
"""Times that a program whose process, or machine, was killed is started again."""

_SECONDS_BETWEEN_LOOKS = 1.0
_PAUSE = 0.1


class Failure(NamedTuple):
    """Why a job has failed, and the log that says more."""

    reason: str
    log: Path


@dataclass(eq=False)
class _Taken:
    """A program that an engine has."""

    program: Program
    running: Running
    log_before: int
    looked: float = 0.0


class Leader:
    """Gives programs to an engine, and keeps count of how they end.

    Args:
      engine: where they run.
      rows: of every job, by the name of its folder.
      is_done: whether the job of that name is done, as its folder says.
      display: is told what happens.
      should_stop: whether people have asked for an end.
      pause: called when there is nothing to do but to wait.
    """

    def __init__(
        self,
        engine: Engine,
        rows: Mapping[str, Row],
        is_done: Callable[[str], bool],
        display: Display,
        should_stop: Callable[[], bool] = lambda: False,
        pause: Callable[[], None] = lambda: time.sleep(_PAUSE),
    ):
        self._engine, self._rows, self._is_done, self._display = engine, rows, is_done, display
        self._should_stop, self._pause = should_stop, pause
        self._waiting: deque[Program] = deque()
        self._taken: list[_Taken] = []
        self._deaths: dict[Path, int] = {}  # By log, of which a program has one.
        self._has_told = False
        self.failures: dict[str, Failure] = {}

    def lead(self, programs: Sequence[Program]) -> None:
        """Runs programs to their ends; `failures` has what came of jobs that aren't done."""
        self._waiting.extend(programs)
        while self._taken or (self._waiting and not self._should_stop()):
            if self._should_stop():
                self._tell_to_stop()
            else:
                self._start()
            for taken in list(self._taken):
                self._look(taken)
            if self._taken:
                self._pause()
        for program in self._waiting:
            for name in program.jobs:
                self._rows[name].ended(STOPPED)

    def _start(self) -> None:
        while self._waiting and len(self._taken) < self._engine.slots:
            program = self._waiting.popleft()
            before = size(program.log)
            self._taken.append(_Taken(program, self._engine.start(program), before))
            for name in program.jobs:
                self._rows[name].started()
                self._display.say(f"started {self._rows[name].name}", is_in_table=True)

    def _tell_to_stop(self) -> None:
        if not self._has_told:
            self._display.say(self._engine.farewell)
            for taken in self._taken:
                taken.running.stop()
        self._has_told = True

    def _look(self, taken: _Taken) -> None:
        ending = taken.running.ending()
        if ending is not None:
            self._taken.remove(taken)
            self._ended(taken, ending)
        elif time.monotonic() - taken.looked > _SECONDS_BETWEEN_LOOKS:
            taken.looked = time.monotonic()
            is_heard = size(taken.program.log) > taken.log_before
            for name in taken.program.jobs:
                self._rows[name].look(is_heard=is_heard)

    def _ended(self, taken: _Taken, ending: Ending) -> None:
        missing = [name for name in taken.program.jobs if not self._is_done(name)]
        for name in taken.program.jobs:
            if name not in missing:
                self._finished(name)
        if not missing:
            return
        if self._should_stop():
            for name in missing:
                self._rows[name].ended(STOPPED)
        elif ending.was_killed and self._may_try_again(taken.program):
            self._try_again(taken.program._replace(jobs=tuple(missing)), ending)
        else:
            reason = self._reason(taken, ending)
            for name in missing:
                self._failed(name, Failure(reason, taken.program.log))

    def _finished(self, name: str) -> None:
        row = self._rows[name]
        row.ended(DONE)
        count = sum(row.state == DONE for row in self._rows.values())
        line = f"finished {row.name} ({count} of {len(self._rows)} jobs)"
        self._display.say(line, is_in_table=True)

    def _failed(self, name: str, failure: Failure) -> None:
        self.failures[name] = failure
        self._rows[name].ended(FAILED)
        self._display.say(f"failed: {self._rows[name].name}: {failure.reason}")

    def _may_try_again(self, program: Program) -> bool:
        return self._deaths.get(program.log, 0) < RETRIES

    def _try_again(self, program: Program, ending: Ending) -> None:
        deaths = self._deaths[program.log] = self._deaths.get(program.log, 0) + 1
        self._waiting.appendleft(program)
        for name in program.jobs:
            row = self._rows[name]
            row.ended(WAITING)
            self._display.say(
                f"{row.name}: {_told(ending)}; it goes on from its last checkpoint "
                f"(try {deaths} of {RETRIES})"
            )

    def _reason(self, taken: _Taken, ending: Ending) -> str:
        if ending.was_killed or ending.reason:
            return _told(ending)
        # One that was not meant to fail leaves its error behind whatever it has said before.
        is_said = ending.status == BAD_INPUT
        log, before = taken.program.log, taken.log_before
        return last_words(log, before, is_said=is_said) or _told(ending)


def _told(ending: Ending) -> str:
    if ending.reason:
        return ending.reason
    if ending.status is None:
        return "its worker has died"
    if ending.status < 0:
        return f"its process was ended by signal {-ending.status}"
    if ending.status == INTERRUPTED:
        return "its process was stopped"
    return f"its process ended with exit status {ending.status}"
