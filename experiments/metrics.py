"""The logged steps of a run: `metrics.jsonl`, one line of JSON each.

Lines that were damaged are left out by whoever reads them.
"""

import json
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlsuite.experiments.errors import say
from rlsuite.experiments.files import inside, parse_json, read_bytes, write_text, writing
from rlsuite.experiments.folder import Place, replaced
from rlsuite.experiments.trackers import Tracker
from rlsuite.ranges import LARGEST_COUNT

METRICS = "metrics.jsonl"
_ENOUGH_FOR_A_LINE = 2**16  # Bytes.
_LARGEST = float(np.finfo(np.float32).max)  # Metrics are computed in 32 bits.


class Log(NamedTuple):
    """What a file of metrics says.

    Attributes:
      lines: those that are sound, by rising step.
      damaged: for each that isn't, its number in the file and the step of the sound one before it.
    """

    lines: list[dict[str, Any]]
    damaged: list[tuple[int, int]]


def read_metrics(directory: Path) -> list[dict[str, Any]]:
    """The logged steps of a run, oldest first, but for damaged lines and a last one cut short.

    Raises:
      UserError: if the file can't be read.
    """
    return read_log(directory).lines


def last_logged(directory: Path) -> dict[str, Any]:
    """The last sound line of a run's metrics, however long the file is; empty if there is none.

    Raises:
      UserError: if a link leads out of the run's folder.
    """
    try:
        with inside(directory, METRICS).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _ENOUGH_FOR_A_LINE, 0))
            contents = file.read().split(b"\n")[:-1]
    except OSError:  # Nothing is there yet, or it is only looked at.
        return {}
    return next(filter(None, map(_parsed, reversed(contents))), {})


def read_log(directory: Path) -> Log:
    """The logged steps of a run, and which lines are damaged; a last one cut short is neither.

    Raises:
      UserError: if the file can't be read.
    """
    contents = (read_bytes(directory, METRICS) or b"").split(b"\n")[:-1]
    parsed = {number: line for number, line in enumerate(map(_parsed, contents), 1) if line}
    sound = _rising({number: line["step"] for number, line in parsed.items()})
    lines, damaged, step = [], [], 0
    for number in range(1, len(contents) + 1):
        if number in sound:
            lines.append(parsed[number])
            step = parsed[number]["step"]
        else:
            damaged.append((number, step))
    return Log(lines, damaged)


def missing_steps(lines: Sequence[Mapping[str, Any]], log_every: int, last: int) -> list[int]:
    """The steps up to the `last` that `log_every` has logged, and of which there is no line.

    Those of a time when it was another were never logged.
    """
    logged = {line["step"] for line in lines}
    return [step for step in range(log_every, last + 1, log_every) if step not in logged]


def _parsed(content: bytes) -> dict[str, Any] | None:
    """A line of metrics, or None if it is none."""
    try:
        line = parse_json(content)
    except ValueError:
        return None
    if not isinstance(line, dict) or not all(map(_is_value, line.values())):
        return None
    step = line.get("step")
    return line if isinstance(step, int) and 0 < step <= LARGEST_COUNT else None


def _is_value(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        return False
    return value is None or abs(value) <= _LARGEST


def _rising(steps: Mapping[int, int]) -> set[int]:
    """The numbers of as many lines as there can be whose steps rise.

    One line whose step was damaged then costs that line, not all that follow. It is the longest
    increasing subsequence (Fredman, 1975, doi:10.1016/0012-365X(75)90103-X).
    """
    lowest: list[int] = []  # The lowest step that a rising sequence of each length can end with …
    ends: list[int] = []  # … the number of its line …
    before: dict[int, int | None] = {}  # … and of the line before it.
    for number, step in steps.items():
        length = bisect_left(lowest, step)
        if step in lowest[length : length + 1]:
            continue  # Of two lines of one step, the first one counts.
        before[number] = ends[length - 1] if length else None
        lowest[length : length + 1] = [step]
        ends[length : length + 1] = [number]
    chosen: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        chosen.add(last)
        last = before[last]
    return chosen


def _as_logged(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if abs(value) <= _LARGEST else None for name, value in line.items()}


class UnwrittenLog(AbstractContextManager):
    """What a host knows of the metrics that another one writes.

    Attributes:
      last: as `MetricsLog` has it.
    """

    def __init__(self, directory: Path, step: int):
        kept = [line for line in read_metrics(directory) if line["step"] <= step]
        self.last: dict[str, Any] = kept[-1] if kept else {}

    def write(self, line: Mapping[str, Any]) -> None:
        """Remembers a line."""
        self.last = _as_logged(line)

    def __exit__(self, *_: object) -> None:
        pass


class MetricsLog(AbstractContextManager):
    """Writes one line per logged step to `metrics.jsonl`, and the same to trackers.

    Opening it at a step cuts off what was logged after that step, so that a run resumed from an
    earlier checkpoint has each line once. Damaged lines are taken out, and said to be lost.

    Args:
      directory: the run's folder.
      step: the last one that is kept.
      trackers: what else is told; they are closed with the log. One that fails is left out from
        then on: the file is the record.

    Attributes:
      last: the last line that was kept or written; empty if there is none.

    Raises:
      UserError: if it can't be written.
    """

    def __init__(self, directory: Path, step: int, trackers: Sequence[Tracker] = ()):
        self._path, self._place = directory / METRICS, Place(directory)
        log = read_log(directory)
        kept = [line for line in log.lines if line["step"] <= step]
        self.last: dict[str, Any] = kept[-1] if kept else {}
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._say_lost([number for number, after in log.damaged if after < step], step)
        with writing(self._path):
            # Without a buffer, so that what the disk refuses is not tried again when it is closed.
            self._file = self._path.open("ab", buffering=0)
        self._trackers = list(trackers)

    def write(self, line: Mapping[str, Any]) -> None:
        """Appends a line; values that are not finite become null, and no event.

        Raises:
          UserError: if it can't be written, or the run's folder was moved.
        """
        self._place.check()
        self.last = _as_logged(line)
        self._append(json.dumps(self.last, allow_nan=False).encode() + b"\n")
        told = {
            name: value for name, value in self.last.items() if name != "step" and value is not None
        }
        for tracker in tuple(self._trackers):
            self._try(tracker, lambda tracker=tracker: tracker.write(self.last["step"], told))

    def _append(self, content: bytes) -> None:
        if not self._is_still_there():
            raise replaced(self._path)
        with writing(self._path):
            while content:
                content = content[self._file.write(content) :]

    def _is_still_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.lstat())
        except OSError:
            return False

    def _try(self, tracker: Tracker, call: Any) -> None:
        try:
            call()
        except Exception as error:  # Whatever others' code raises.
            self._trackers.remove(tracker)
            reason = str(error).split("\n")[0] or type(error).__name__
            say(f"{tracker.name} is no longer told metrics, which the run keeps: {reason}")

    def _say_lost(self, damaged: Sequence[int], step: int) -> None:
        if damaged:
            numbers = ", ".join(map(str, damaged))
            say(f"'{self._path}' was damaged: left out are its lines {numbers}")
        last = self.last.get("step", 0)
        if last < step:
            say(f"'{self._path}' was damaged: there are no lines of steps {last + 1} to {step}")

    def __exit__(self, *_: object) -> None:
        self._file.close()
        for tracker in tuple(self._trackers):
            self._try(tracker, tracker.close)
