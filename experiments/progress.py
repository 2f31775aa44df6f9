"""What people see of a run while it goes: a live bar on a terminal, a line now and then elsewhere.

Both are made for terminals of 80 columns, and both replace what an encoding cannot hold.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from rlsuite.experiments.streams import shown

SECONDS_BETWEEN_LINES = 5.0
SEPARATOR = " · "


def figures(line: Mapping[str, Any], headline: Sequence[str], seconds_left: float) -> list[str]:
    """What is shown of a logged step, the most important first: time left, metrics and speed.

    Args:
      line: what was logged.
      headline: the metrics to show; those that have no value are left out.
      seconds_left: until the end of the run.
    """
    metrics = [f"{name} {line[name]:.4g}" for name in headline if line.get(name) is not None]
    return [
        f"{timedelta(seconds=round(seconds_left))} left",
        *metrics,
        f"{short(line['agent_updates_per_second'])} agent updates/s",
        f"{short(line['world_steps_per_second'])} world steps/s",
    ]


def short(number: float) -> str:
    """A count to three digits, in thousands (k), millions (M) or billions (G): `1.23M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def filled(parts: Sequence[str], width: int) -> list[str]:
    """Parts on as few lines as they fit in; none is broken."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = lines[-1] + SEPARATOR + part
        lines[-1:] = [joined] if len(joined) <= width else [lines[-1], part]
    return lines


class _Phase(ProgressColumn):
    """What the run is doing; compilation shows its seconds, since it can report nothing else."""

    def __init__(self, encoding: str):
        super().__init__(Column(overflow="crop", no_wrap=True))
        self._encoding = encoding

    def render(self, task: Task) -> Text:
        since = task.fields["compiling_since"]
        waited = f"compiling… ({time.monotonic() - since:.0f} s)" if since else "training"
        return Text(shown(waited, self._encoding))


class Bar(Progress):
    """A live bar, and under it the figures of the last logged step."""

    def __init__(self, console: Console, step: int, steps: int):
        self._figures: Sequence[str] = [""]
        self._on, self._encoding = console, console.encoding
        count = MofNCompleteColumn(table_column=Column(overflow="crop", no_wrap=True))
        columns = (_Phase(self._encoding), BarColumn(bar_width=32), count)
        super().__init__(*columns, console=console, expand=False)
        self._task = self.add_task("", total=steps, completed=step, compiling_since=None)

    def get_renderables(self) -> Iterator[RenderableType]:
        """The bar, and as many lines of figures as the width asks for."""
        yield self.make_tasks_table(self.tasks)
        for line in filled(self._figures, self._on.width):
            yield Text(shown(line, self._encoding), overflow="crop", no_wrap=True)

    def compiling(self) -> None:
        """Says that the run waits for its programs."""
        since = self.tasks[0].fields["compiling_since"] or time.monotonic()
        self.update(self._task, compiling_since=since)

    def show(self, step: int, figures: Sequence[str]) -> None:
        """Says how far the run is."""
        self._figures = figures
        self.update(self._task, completed=step, compiling_since=None)


class Lines:
    """Plain lines for logs and pipes: the first and the last, and one every few seconds."""

    def __init__(self, console: Console, step: int, steps: int):
        self._console, self._steps = console, steps
        self._shown_at = -math.inf
        self._pending = ""
        self._is_compiling = False

    def compiling(self) -> None:
        """Says that the run waits for its programs."""
        if not self._is_compiling:
            self._print("compiling…")
        self._is_compiling = True

    def show(self, step: int, figures: Sequence[str]) -> None:
        """Says how far the run is, if that was not said a moment ago."""
        self._is_compiling = False
        self._pending = SEPARATOR.join([f"step {step}/{self._steps}", *figures])
        if time.monotonic() - self._shown_at >= SECONDS_BETWEEN_LINES:
            self._print(self._pending)
            self._pending, self._shown_at = "", time.monotonic()

    def _print(self, line: str) -> None:
        # The console flushes what it prints, so that a pipe sees it at once.
        line = shown(line, self._console.encoding)
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._pending:
            self._print(self._pending)


def display(console: Console, step: int, steps: int) -> Bar | Lines:
    """A live bar on a terminal, plain lines elsewhere; a context in which the run goes.

    Args:
      console: where to show it.
      step: steps that are done.
      steps: those there will be.
    """
    return (Bar if console.is_terminal else Lines)(console, step, steps)
