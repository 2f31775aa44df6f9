"""What is known of each job while a sweep goes on, from its run's folder and its log."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.metrics import last_logged

WAITING, STARTING, COMPILING, TRAINING, TESTING = (
    *("waiting", "starting", "compiling", "training", "testing"),
)
DONE, FAILED, STOPPED = "done", "failed", "stopped"
ACTIVE = (STARTING, COMPILING, TRAINING, TESTING)
"""States of jobs that a process has."""

_PREFIX = "rlsuite: "
_ENOUGH = 2**14


@dataclass
class Row:
    """What is shown of a job.

    Attributes:
      setting: its name.
      seed: of the run.
      directory: the run's folder.
      steps: of the whole run.
      headline: the metric that is shown.
      state: one of the words above.
      step: the last one that is logged, or saved.
      metric: the headline's value there.
      seconds_left: until the run is trained, while it is.
    """

    setting: str
    seed: int
    directory: Path
    steps: int
    headline: str = ""
    state: str = WAITING
    step: int = 0
    metric: float | None = None
    seconds_left: float | None = None
    _first: int | None = None

    @property
    def name(self) -> str:
        """What lines call it."""
        return f"{self.setting}, seed {self.seed}"

    def started(self) -> None:
        """A process has been given it."""
        self.state, self._first = STARTING, None

    def ended(self, state: str) -> None:
        """No process has it any more."""
        self.look()
        self.state, self.seconds_left = state, None

    def look(self, *, is_heard: bool = True) -> None:
        """Reads how far the run is.

        Args:
          is_heard: whether its process has said anything yet.
        """
        line = self._line()
        step = line.get("step", 0)
        self.step, self.metric = step, line.get(self.headline)
        if not is_heard or self.state not in ACTIVE:
            return
        if self._first is None:
            self._first = step
        self.state, self.seconds_left = COMPILING, None
        if step >= self.steps:
            self.state = TESTING
        elif step > self._first:
            self.state = TRAINING
            self.seconds_left = _seconds_left(line, self.steps)

    def _line(self) -> Mapping[str, Any]:
        try:
            return last_logged(self.directory)
        except UserError:  # The process that writes it says so.
            return {}


def _seconds_left(line: Mapping[str, Any], steps: int) -> float | None:
    seconds = line.get("seconds")
    return None if seconds is None else (steps - line["step"]) * seconds / line["step"]


def size(log: Path) -> int:
    """Bytes of a log; 0 if there is none yet."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def last_words(log: Path, since: int = 0, *, is_said: bool = False) -> str:
    """The last line of a log; empty if there is none.

    Args:
      log: the file.
      since: bytes that were there before.
      is_said: whether the command has said what went wrong, so that its last such line is meant.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(since, size(log) - _ENOUGH))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.startswith(_PREFIX)] if is_said else []
    others = [line.strip() for line in lines if line.strip()]
    return (said or others or [""])[-1].removeprefix(_PREFIX)
