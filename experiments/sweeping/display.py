"""What people see of a sweep: a live table on a terminal, a line per event elsewhere."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rlsuite.experiments.streams import shown
from rlsuite.experiments.sweeping.rows import ACTIVE, DONE, FAILED, STOPPED, Row

_STYLES = {DONE: "green", FAILED: "red", STOPPED: "yellow"}
_AROUND = 6
"""Lines of the terminal that the table's own rows leave to what is around them."""


class Display(AbstractContextManager):
    """Shows the jobs of a sweep.

    Args:
      console: where.
      rows: of all jobs; they are read whenever something is shown.
    """

    def __init__(self, console: Console, rows: Sequence[Row]):
        self._console, self._rows = console, rows
        self._live = None
        if console.is_terminal:
            self._live = Live(
                get_renderable=lambda: table(rows, console), console=console, refresh_per_second=2
            )

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, line: str, *, is_in_table: bool = False) -> None:
        """Shows a line.

        Args:
          line: what has happened.
          is_in_table: whether the table shows it as well.
        """
        if self._live is None or not is_in_table:
            line = shown(line, self._console.encoding)
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def table(rows: Sequence[Row], console: Console) -> Table:
    """The jobs, as many as the terminal has lines for: those that run first."""
    found = Table(box=None, pad_edge=False, expand=False)
    for title in ("setting", "seed", "state", "step", "", "left"):
        is_number = title in ("seed", "step", "left")
        narrow = None if title != "setting" else 12
        found.add_column(
            title,
            justify="right" if is_number else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=narrow,
        )
    chosen = _chosen(rows, max(console.height - _AROUND, 3))
    for row in chosen:
        found.add_row(*_cells(row, console.encoding))
    hidden = [row for row in rows if row not in chosen]
    if hidden:
        found.add_row(Text(shown(f"… and {_counted(hidden)}", console.encoding)))
    return found


def _chosen(rows: Sequence[Row], most: int) -> list[Row]:
    if len(rows) <= most:
        return list(rows)
    ranks = {**dict.fromkeys(ACTIVE, 0), FAILED: 1, STOPPED: 2, DONE: 4}
    by_rank = sorted(range(len(rows)), key=lambda index: (ranks.get(rows[index].state, 3), index))
    return [rows[index] for index in sorted(by_rank[:most])]


def _cells(row: Row, encoding: str) -> list[Text]:
    metric = "" if row.metric is None else f"{row.headline} {row.metric:.4g}"
    left = "" if row.seconds_left is None else str(timedelta(seconds=round(row.seconds_left)))
    texts = [row.setting, str(row.seed), row.state, f"{row.step}/{row.steps}", metric, left]
    cells = [Text(shown(text, encoding)) for text in texts]
    cells[2].stylize(_STYLES.get(row.state, ""))
    return cells


def _counted(rows: Sequence[Row]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items())
