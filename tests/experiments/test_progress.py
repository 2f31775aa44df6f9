import io
import re

import pytest
from rich.console import Console

from rlsuite.experiments import progress
from rlsuite.experiments.progress import Bar, Lines, display, figures, filled, short
from rlsuite.experiments.streams import shown

LINE = {
    "agent_return": 0.423123,
    "policy_entropy": 1.609438,
    "score": -0.0123456,
    "buffer_score": 12345.678,
    "never": None,
    "agent_updates_per_second": 1_234_567.0,
    "world_steps_per_second": 987_654_321.0,
}
HEADLINE = ("agent_return", "never", "policy_entropy", "score", "buffer_score")
DAYS_LEFT = 2 * 86_400 + 3_600.4


def console(*, is_terminal, encoding="utf-8", width=80):
    """A console, and the bytes that it writes."""
    stored = io.BytesIO()
    file = io.TextIOWrapper(stored, encoding=encoding)
    return Console(file=file, force_terminal=is_terminal, width=width, color_system=None), stored


def screen(stored, encoding="utf-8"):
    """The lines written to a terminal, without its control sequences."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stored.getvalue().decode(encoding))
    return [line.rstrip() for line in re.split(r"[\r\n]+", text)]


def test_time_left_comes_first_then_metrics_then_speed():
    assert figures(LINE, HEADLINE, DAYS_LEFT) == [
        "2 days, 1:00:00 left",
        "agent_return 0.4231",
        "policy_entropy 1.609",
        "score -0.01235",
        "buffer_score 1.235e+04",
        "1.23M agent updates/s",
        "988M world steps/s",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.1234, "0.123"),
        (999.4, "999"),
        (999.6, "1k"),
        (12_345, "12.3k"),
        (999_600, "1M"),
        (1.5e9, "1.5G"),
    ],
)
def test_counts_are_short(number, text):
    assert short(number) == text


def test_parts_are_filled_into_lines_and_none_is_lost_or_broken():
    parts = figures(LINE, HEADLINE, DAYS_LEFT)
    lines = filled(parts, 80)
    assert " · ".join(lines).split(" · ") == parts
    assert all(len(line) <= 80 for line in lines) and len(lines) == 3
    assert filled(["wider than the terminal", "next"], 10) == ["wider than the terminal", "next"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_the_bar_shows_everything_at_80_columns_in_any_encoding(encoding):
    terminal, stored = console(is_terminal=True, encoding=encoding)
    with display(terminal, 1_000, 250_000) as bar:
        assert isinstance(bar, Bar)
        bar.compiling()
        bar.refresh()
        bar.show(123_456, figures(LINE, HEADLINE, DAYS_LEFT))
    lines = screen(stored, encoding)
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith(shown("compiling… (0 s)", encoding)) for line in lines)
    assert any(line.endswith("123456/250000") for line in lines)
    assert any(line.startswith("2 days, 1:00:00 left") for line in lines)
    for part in figures(LINE, HEADLINE, DAYS_LEFT):
        assert any(part in line for line in lines)


@pytest.mark.parametrize("width", [12, 30])
def test_the_bar_is_cut_on_a_narrow_terminal_that_knows_ascii_alone(width):
    terminal, stored = console(is_terminal=True, encoding="ascii", width=width)
    with display(terminal, 0, 100) as bar:
        bar.compiling()
        bar.refresh()
        bar.show(50, figures(LINE, HEADLINE, 60))
    assert max(map(len, screen(stored))) <= width


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_pipe_sees_the_first_line_at_once(encoding):
    pipe, stored = console(is_terminal=False, encoding=encoding)
    with display(pipe, 0, 100) as lines:
        assert isinstance(lines, Lines)
        lines.compiling()
        lines.compiling()
        # Not only in a buffer of the file: it can be read by now, and is said once.
        assert stored.getvalue().decode(encoding) == shown("compiling…\n", encoding)
        lines.show(1, figures(LINE, HEADLINE, 60))
        first = stored.getvalue().decode(encoding).splitlines()[1]
        assert first.startswith(shown("step 1/100 · 0:01:00 left · agent_return 0.4231", encoding))


def test_plain_lines_are_few_and_keep_first_and_last(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    pipe, stored = console(is_terminal=False)
    with display(pipe, 0, 10) as lines:
        for step in range(1, 11):
            lines.show(step, ["later"])
            now[0] += progress.SECONDS_BETWEEN_LINES / 3
    told = [line.split(" · ")[0] for line in stored.getvalue().decode().splitlines()]
    assert told == ["step 1/10", "step 4/10", "step 7/10", "step 10/10"]
