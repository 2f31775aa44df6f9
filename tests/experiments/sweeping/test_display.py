"""The table of jobs, and what is read from runs and logs for it."""

import io
import json

from rich.console import Console

from rlsuite.experiments.sweeping.display import Display, table
from rlsuite.experiments.sweeping.rows import (
    COMPILING,
    DONE,
    FAILED,
    STARTING,
    TESTING,
    TRAINING,
    WAITING,
    Row,
    last_words,
)


def drawn(rows, *, height=24, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=80, height=height, force_terminal=True, color_system=None)
    console.print(table(rows, console))
    file.seek(0)
    return file.read()


def log(directory, *lines):
    directory.mkdir(exist_ok=True)
    (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_row_follows_its_run(tmp_path):
    row = Row("A2C", 3, tmp_path / "run", steps=40, headline="return")
    row.look()
    assert (row.state, row.step) == (WAITING, 0)
    log(row.directory, {"step": 10, "seconds": 1.0, "return": 0.5})
    row.started()
    row.look(is_heard=False)
    assert row.state == STARTING
    row.look()  # What was logged before it was started says nothing of what its process does.
    assert (row.state, row.step, row.metric) == (COMPILING, 10, 0.5)
    log(row.directory, {"step": 10, "seconds": 1.0}, {"step": 20, "seconds": 3.0, "return": 2.5})
    row.look()
    assert (row.state, row.step, row.metric, row.seconds_left) == (TRAINING, 20, 2.5, 3.0)
    assert "A2C" in (line := drawn([row]))
    assert "20/40  return 2.5  0:00:03" in line
    log(row.directory, {"step": 40, "seconds": 6.0, "return": None})
    row.look()
    assert (row.state, row.metric, row.seconds_left) == (TESTING, None, None)
    row.ended(DONE)
    assert row.state == DONE


def test_the_table_has_a_line_for_each_job_as_long_as_there_is_room(tmp_path):
    states = [DONE] * 5 + [TRAINING, FAILED] + [WAITING] * 13
    rows = [
        Row(f"[bold]{seed}", seed, tmp_path, steps=4, state=state)
        for seed, state in enumerate(states)
    ]
    assert len(drawn(rows, height=40).splitlines()) == 21
    small = drawn(rows, height=11, encoding="ascii")
    assert "[bold]5" in small and "[bold]6" in small and "[bold]0" not in small
    assert "... and 5 done, 10 waiting" in small
    assert all(len(line) <= 80 for line in small.splitlines())


def test_elsewhere_there_is_a_line_for_each_event_and_no_table(tmp_path):
    file = io.StringIO()
    with Display(Console(file=file), [Row("A2C", 0, tmp_path, steps=4)]) as display:
        display.say("started A2C, seed 0", is_in_table=True)
    assert file.getvalue() == "started A2C, seed 0\n"


def test_last_words_are_those_of_the_command_since_it_was_started(tmp_path):
    path = tmp_path / "job.log"
    assert last_words(path) == ""
    path.write_text("rlsuite: before\n")
    before = path.stat().st_size
    with path.open("a") as file:
        file.write("step 3\n\nKilled\n")
    assert last_words(path, before, is_said=True) == "Killed"
    with path.open("a") as file:
        file.write("rlsuite: it has diverged\nbye\n")
    assert last_words(path, before, is_said=True) == "it has diverged"
    assert last_words(path, before) == "bye"
