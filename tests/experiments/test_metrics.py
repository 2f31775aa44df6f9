import json
import shutil
import struct
from itertools import pairwise

import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event, SessionLog

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import MetricsLog, _rising, missing_steps, read_log, read_metrics
from rlsuite.experiments.trackers import Tracker, open_trackers, tensorboard


def make_run(directory):
    create_run(directory, {"method": "groove"})
    return directory


def test_metrics_are_readable_while_the_log_is_open(tmp_path):
    directory = make_run(tmp_path / "run")
    assert read_metrics(directory) == []
    told, closed = [], []
    tracker = Tracker(
        "an ear", lambda step, metrics: told.append((step, metrics)), lambda: closed.append(1)
    )
    trackers = [tensorboard(directory, 0), tracker]
    with MetricsLog(directory, step=0, trackers=trackers) as log:
        log.write({"step": 5, "loss": 0.5, "regret": float("nan"), "rate": float("inf")})
        expected = {"step": 5, "loss": 0.5, "regret": None, "rate": None}
        assert read_metrics(directory) == [expected]
        assert log.last == expected
    assert len(list((directory / "tensorboard").iterdir())) == 1
    assert told == [(5, {"loss": 0.5})] and closed == [1]


def test_reopening_cuts_the_log_back_to_the_step(tmp_path):
    directory = make_run(tmp_path / "run")
    with MetricsLog(directory, step=0) as log:
        for step in (5, 10, 15):
            log.write({"step": step, "loss": 1.0 / step})
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    assert [line["step"] for line in read_metrics(directory)] == [5, 10, 15]
    with MetricsLog(directory, step=10) as log:
        assert log.last == {"step": 10, "loss": 0.1}
        log.write({"step": 15, "loss": 3.0})
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10, 15]
    assert json.loads(lines[-1])["loss"] == 3.0


def write_lines(directory, *lines):
    content = b"".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
    )
    (directory / "metrics.jsonl").write_bytes(content)


def line(step, **metrics):
    return {"step": step, "loss": 0.5, **metrics}


_PARTS = [
    b'{"step": 5}\n',
    b'{"step": 10, "loss": 0.5}\n',
    b"\n",
    b'{"step": ',
    b"}\n",
    b"7",
    b'"a"',
]


@pytest.mark.parametrize(
    "damaged",
    [
        b"\n",
        b"\xff\xfe\x00\n",
        b'{"step": 10, "loss": 0.5\n',
        b"[10]\n",
        b"10\n",
        b'{"loss": 0.5}\n',
        b'{"step": 10.0, "loss": 0.5}\n',
        b'{"step": true, "loss": 0.5}\n',
        b'{"step": null}\n',
        b'{"step": -3}\n',
        b'{"step": 10, "loss": NaN}\n',
        b'{"step": 10, "loss": -Infinity}\n',
        b'{"step": 10, "loss": 1e999}\n',
        b'{"step": 10, "loss": -1e300}\n',
        b'{"step": 3000000000, "loss": 0.5}\n',
        b'{"step": 10, "loss": 1' + b"0" * 400 + b"}\n",
        b'{"step": 1' + b"0" * 400 + b"}\n",
        b'{"step": 1' + b"0" * 5000 + b"}\n",
        b'{"step": 10, "loss": "0.5"}\n',
        b'{"step": 10, "loss": false}\n',
        b'{"step": 10, "loss": [0.5]}\n',
        b'{"step": 5, "loss": 0.5}\n',
        b'{"step": 80}\n',
        b'{"step": 10, "loss": ' + b"[" * 100_000 + b"\n",
        '{"step": 10}'.encode("utf-16") + b"\n",
    ],
)
def test_a_damaged_line_costs_that_line_alone(tmp_path, capsys, damaged):
    directory = make_run(tmp_path / "run")
    sound = [line(5), line(15, regret=None), line(20)]
    write_lines(directory, sound[0], damaged, *sound[1:])
    lines, lost = read_log(directory)
    assert lines == sound
    assert {number for number, after in lost} <= {2, 3} and lost[0] == (2, 5)
    with MetricsLog(directory, step=20) as log:
        assert log.last == sound[-1]
    error = capsys.readouterr().err
    assert "metrics.jsonl' was damaged: left out are its lines 2" in error
    assert error.count("\n") == 1
    assert read_log(directory) == (sound, [])
    assert missing_steps(sound, log_every=5, last=20) == [10]


@given(content=st.lists(st.binary(max_size=8) | st.sampled_from(_PARTS)).map(b"".join))
def test_what_was_mended_is_sound_whatever_it_was(tmp_path_factory, content):
    directory = make_run(tmp_path_factory.mktemp("runs") / "run")
    (directory / "metrics.jsonl").write_bytes(content)
    lines, _ = read_log(directory)
    with MetricsLog(directory, step=10**6):
        pass
    assert read_log(directory) == (lines, [])
    steps = [found["step"] for found in lines]
    assert steps == sorted(set(steps))


def test_what_is_logged_anew_is_not_called_lost(tmp_path, capsys):
    directory = make_run(tmp_path / "run")
    write_lines(directory, line(5), line(10), b"damaged\n", line(20), b'{"step": 25')
    with MetricsLog(directory, step=10) as log:
        log.write(line(15))
    assert capsys.readouterr().err == ""
    assert [found["step"] for found in read_metrics(directory)] == [5, 10, 15]


@pytest.mark.parametrize("left", [(), (line(5), line(10))])
def test_a_file_that_ends_too_early_is_mentioned(tmp_path, capsys, left):
    directory = make_run(tmp_path / "run")
    write_lines(directory, *left)
    with MetricsLog(directory, step=20):
        pass
    first = 11 if left else 1
    assert f"there are no lines of steps {first} to 20\n" in capsys.readouterr().err


@given(steps=st.lists(st.integers(1, 30), max_size=12))
def test_as_many_lines_are_kept_as_can_rise(steps):
    kept = _rising(dict(enumerate(steps)))
    chosen = [steps[number] for number in sorted(kept)]
    assert all(before < after for before, after in pairwise(chosen))
    most = [0] * len(steps)  # Of sequences that end at each line, by dynamic programming.
    for end, step in enumerate(steps):
        most[end] = 1 + max((most[i] for i in range(end) if steps[i] < step), default=0)
    assert len(chosen) == max(most, default=0)


def test_a_long_file_is_read_whole(tmp_path):
    directory = make_run(tmp_path / "run")
    write_lines(directory, *map(line, range(1, 20_001)))
    assert len(read_metrics(directory)) == 20_000


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path):
    directory = make_run(tmp_path / "run")
    (tmp_path / "others").write_text(json.dumps(line(5)) + "\n")
    (directory / "metrics.jsonl").symlink_to(tmp_path / "others")
    with pytest.raises(UserError, match="leads out of the run's folder"):
        read_metrics(directory)


def move(directory):
    directory.rename(directory.with_name("moved"))


def replace(directory):
    move(directory)
    make_run(directory)


def empty(directory):
    for path in directory.iterdir():
        path.unlink()


@pytest.mark.parametrize("away", [move, replace, empty, shutil.rmtree])
def test_a_folder_that_was_taken_away_is_noticed_and_not_made_anew(tmp_path, away):
    directory = make_run(tmp_path / "run")
    with MetricsLog(directory, step=0) as log, Checkpoints(directory) as checkpoints:
        log.write(line(5))
        away(directory)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UserError, match=r"'.*run' was moved, deleted or replaced while"):
            log.write(line(10))
        with pytest.raises(UserError, match=r"'.*run' was moved, deleted or replaced while"):
            checkpoints.save(10, {"x": jnp.ones(2)})
    assert sorted(tmp_path.rglob("*")) == before
    if (tmp_path / "moved").exists():
        assert read_metrics(tmp_path / "moved") == [line(5)]


@pytest.mark.parametrize("name", ["metrics.jsonl", "writer.lock"])
@pytest.mark.parametrize("anew", [False, True])
def test_a_file_that_is_written_is_not_taken_away_unnoticed(tmp_path, name, anew):
    directory = make_run(tmp_path / "run")
    (directory / "writer.lock").touch()
    with MetricsLog(directory, step=0) as log:
        log.write(line(5))
        (directory / name).rename(tmp_path / "kept")
        if anew:
            (directory / name).touch()
        with pytest.raises(UserError, match=f"{name}' was moved, deleted or replaced while"):
            log.write(line(10))


def test_a_tracker_that_fails_is_left_out(tmp_path, capsys):
    directory = make_run(tmp_path / "run")
    told = []

    def fail(*_):
        raise ConnectionError("no route to host\nTraceback")

    failing = Tracker("Far away", fail, lambda: pytest.fail("was closed"))
    closing = Tracker("Nearby", lambda *line: told.append(line), fail)
    with MetricsLog(directory, 0, [failing, closing]) as log:
        log.write(line(5))
        log.write(line(10))
    assert [step for step, _ in told] == [5, 10]
    assert [found["step"] for found in read_metrics(directory)] == [5, 10]
    far, near = capsys.readouterr().err.splitlines()
    assert far == "rlsuite: Far away is no longer told metrics, which the run keeps: " + (
        "no route to host"
    )
    assert near.startswith("rlsuite: Nearby is no longer told")


def events_of(directory):
    """What TensorBoard would read: `(step, tags, starts)` of each event, file by file."""
    events = []
    for path in sorted(
        (directory / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime_ns
    ):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            tags = {value.tag: value.simple_value for value in event.summary.value}
            events.append((event.step, tags, event.session_log.status == SessionLog.START))
    return events


def test_events_are_written_at_once_and_taken_back_from_a_step_on(tmp_path):
    first = tensorboard(tmp_path, 0)
    first.write(5, {"loss": 0.5, "regret": 1.0})
    assert (5, {"loss": 0.5, "regret": 1.0}, False) in events_of(tmp_path)
    first.write(10, {"loss": 0.25})
    first.close()
    again = tensorboard(tmp_path, 5)  # In the same second, perhaps.
    again.write(10, {"loss": 0.125})
    again.close()
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2
    told = [event for event in events_of(tmp_path) if event[1] or event[2]]
    assert told == [
        (1, {}, True),
        (5, {"loss": 0.5, "regret": 1.0}, False),
        (10, {"loss": 0.25}, False),
        (6, {}, True),
        (10, {"loss": 0.125}, False),
    ]


def test_a_run_goes_on_without_what_cannot_be_opened(tmp_path, capsys):
    directory = make_run(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (directory / "tensorboard").symlink_to(tmp_path / "elsewhere")
    assert open_trackers(directory, 0, None) == []
    assert "TensorBoard is not told metrics" in capsys.readouterr().err
    assert list((tmp_path / "elsewhere").iterdir()) == []
