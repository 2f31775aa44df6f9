"""Disks that take no more: one line that says where and why, and the run is as it was before."""

import errno
import logging
import os

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import MetricsLog, read_metrics
from tests.experiments.disks import files_of_at_most

AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def state_of(size):
    return {"w": jax.random.normal(jax.random.key(0), (size,))}


@pytest.fixture
def run(tmp_path):
    """A run with a checkpoint of step 10 and its line of metrics."""
    create_run(tmp_path / "run", {"method": "groove"})
    with MetricsLog(tmp_path / "run", 0) as log, Checkpoints(tmp_path / "run") as checkpoints:
        log.write({"step": 10, "loss": 0.5})
        checkpoints.save(10, state_of(50_000))
    return tmp_path / "run"


def assert_as_before(run):
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["10"]
    with Checkpoints(run) as checkpoints:
        assert checkpoints.latest_step() == 10
        found = checkpoints.restore(jax.eval_shape(lambda: state_of(50_000)))
    np.testing.assert_array_equal(found["w"], state_of(50_000)["w"])


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(run, caplog):
    message = (
        r"cannot save the checkpoint of step 20 in '.*run/checkpoints': File too large; "
        "the last one is of step 10"
    )
    with Checkpoints(run) as checkpoints:
        with files_of_at_most(40_000), pytest.raises(UserError, match=message):
            checkpoints.save(20, state_of(50_000))
        assert_as_before(run)
        # Whose threads fail must not add their tracebacks to the line.
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        checkpoints.save(20, state_of(50_000))  # There is room again.
        assert checkpoints.latest_step() == 20


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("library", [ValueError, RuntimeError, OSError])
def test_what_a_disk_says_is_found_in_the_errors_of_libraries(run, monkeypatch, number, library):
    said = os.strerror(number)
    error = OSError(number, said) if library is OSError else library(f"UNKNOWN: 'a' [{said}]\nmore")

    def fail(*_, **__):
        raise error

    with Checkpoints(run) as checkpoints, monkeypatch.context() as patch:
        patch.setattr(ocp.Checkpointer, "save", fail)
        with pytest.raises(UserError, match=f"of step 20 in .*: {said}; the last one is of"):
            checkpoints.save(20, state_of(3))
    assert_as_before(run)


def test_an_error_that_is_not_of_the_disk_is_not_hidden(run, monkeypatch):
    def fail(*_, **__):
        raise ValueError("a bug")

    monkeypatch.setattr(ocp.Checkpointer, "save", fail)
    with Checkpoints(run) as checkpoints, pytest.raises(ValueError, match="a bug"):
        checkpoints.save(20, state_of(3))


def test_a_line_that_does_not_fit_is_not_half_read(run):
    size = (run / "metrics.jsonl").stat().st_size
    with (
        MetricsLog(run, 10) as log,
        files_of_at_most(size + 5),
        pytest.raises(UserError, match=r"cannot write to '.*metrics\.jsonl': File too large"),
    ):
        log.write({"step": 20, "loss": 0.5})
    assert [line["step"] for line in read_metrics(run)] == [10]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    train = ["train", "weighted-tallying-bandits", "smoke", "--steps", "1", "--out"]
    for folder in ("x" * 300, "file/run", "/proc/nowhere/run"):
        assert main([*train, folder]) == 2
        error = capsys.readouterr().err
        assert error.startswith("rlsuite: ") and folder in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_whatever_else_the_system_refuses_is_one_line(capsys, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "some/file")

    monkeypatch.setattr("rlsuite.experiments.cli._list", fail)
    assert main(["list"]) == 2
    assert capsys.readouterr().err == "rlsuite: 'some/file': Input/output error\n"


@AS_ROOT
def test_a_read_only_run_can_be_read_and_not_written(run):
    run.chmod(0o555)
    (run / "checkpoints").chmod(0o555)
    try:
        assert_as_before(run)
        with pytest.raises(UserError, match="Permission denied"):
            MetricsLog(run, 10)
        with Checkpoints(run) as checkpoints, pytest.raises(UserError, match="Permission denied"):
            checkpoints.save(20, {"w": jnp.ones(3)})
    finally:
        (run / "checkpoints").chmod(0o755)
        run.chmod(0o755)
