import json

from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import MetricsLog, read_metrics
from rlsuite.experiments.trackers import Tracker, tensorboard


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
