"""Two processes that are two hosts, over the loopback interface."""

import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from rlsuite.experiments import hosts
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.interruption import INTERRUPTED

COMMAND = "from rlsuite.experiments.cli import main; raise SystemExit(main())"
A2C = [
    *("a2c", "smoke", "--agent.hidden_widths", "4"),
    *("--min_lifetime", "9", "--max_lifetime", "9", "--log_every", "1"),
]


def start(folder, *arguments):
    """The command on two hosts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = ["--hosts", f"127.0.0.1:{free.getsockname()[1]}", "--host_count", "2"]
    return [
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments, *meeting, "--host_index", str(index)],
            cwd=folder,
            env={
                **os.environ,
                "JAX_ENABLE_COMPILATION_CACHE": "true",
                "JAX_COMPILATION_CACHE_DIR": str(folder / f"cache{index}"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in (0, 1)
    ]


def ended(processes):
    """Exit status, output and complaints of each."""
    said = [process.communicate(timeout=240) for process in processes]
    return [(one.returncode, *texts) for one, texts in zip(processes, said, strict=True)]


def test_two_hosts_train_stop_together_go_on_and_come_to_what_one_comes_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, metrics = tmp_path / "run", tmp_path / "run" / "metrics.jsonl"
    processes = start(tmp_path, "train", *A2C, "--steps", "100000", "--out", "run")
    while not metrics.exists() or metrics.read_text().count("\n") < 2:
        assert all(process.poll() is None for process in processes), ended(processes)
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)  # What one host is told, all do.
    first, second = ended(processes)
    assert (first[0], second[0]) == (INTERRUPTED, INTERRUPTED), (first, second)
    assert "continue with: rlsuite resume run" in first[1]
    assert "step" not in second[1]

    made = open_run(run).latest_step
    steps = made + 2
    assert [line["step"] for line in open_run(run).metrics] == list(range(1, made + 1))
    outcomes = ended(start(tmp_path, "resume", "run", "--steps", str(steps)))
    assert [status for status, *_ in outcomes] == [0, 0], outcomes
    assert main(["report", "run"]) == 0

    assert main(["train", *A2C, "--steps", str(steps), "--out", "alone"]) == 0
    together, alone = open_run(run), open_run(tmp_path / "alone")
    for line, expected in zip(together.metrics, alone.metrics, strict=True):
        for name in [name for name in expected if "second" not in name]:
            ours, theirs = (np.array(one[name], float) for one in (line, expected))
            np.testing.assert_allclose(ours, theirs, 1e-3, 1e-5, err_msg=name)
    for ours, theirs in zip(*map(jax.tree.leaves, (together.learned, alone.learned)), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-3, 1e-5)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--hosts nowhere", "hosts: 'nowhere' is not allowed; it must be auto or HOST:PORT"),
        ("--hosts here:0", "hosts: 'here:0' is not allowed"),
        ("--hosts here:99999", "hosts: 'here:99999' is not allowed"),
        ("--hosts here:1234", "hosts: HOST:PORT needs --host_count and --host_index"),
        ("--hosts here:1234 --host-count 2", "hosts: HOST:PORT needs"),
        ("--hosts here:1234 --host_count 0 --host_index 0", "host_count: 0 is not allowed"),
        ("--hosts here:1234 --host_count 2 --host_index 2", "host_index: 2 is not allowed"),
        ("--hosts here:1234 --host_count two --host_index 0", "host_count: 'two' is not allowed"),
        ("--hosts auto --host_count 2", "'auto' is not allowed with"),
        ("--hosts here:1234 --debug-nans", "debug_nans: it is not allowed with --hosts"),
        ("--host_count 2", "host_count: a value is not allowed without --hosts"),
        ("--hosts", "hosts: they did not meet at auto"),
    ],
)
def test_hosts_that_cannot_be_are_refused(tmp_path, monkeypatch, capsys, line, message):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "a2c", "smoke", *line.split()]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_single_host_decides_alone():
    assert hosts.any_of(True, False) == (True, False)
    assert hosts.is_first() and not hosts.are_several()
    done = []
    hosts.first_does(lambda: done.append(1))
    assert done == [1]


def test_what_the_first_host_refuses_all_refuse(monkeypatch):
    def refuse():
        raise ConfigError("it is taken")

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(hosts.multihost_utils, "broadcast_one_to_all", lambda flag: flag)
    with pytest.raises(hosts.AgreedError, match="it is taken"):
        hosts.first_does(refuse)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    monkeypatch.setattr(
        hosts.multihost_utils, "broadcast_one_to_all", lambda flag: np.array(not flag)
    )
    with pytest.raises(UserError, match="the first host could not go on"):
        hosts.first_does(refuse)


def test_a_host_that_cannot_go_on_does_not_wait_for_the_others(monkeypatch, capsys):
    def leave(status):
        raise SystemExit(status)

    with pytest.raises(UserError, match="full"), hosts.ending_together():
        raise UserError("the disk is full")
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(hosts, "_SECONDS_TO_SPEAK", 0)
    monkeypatch.setattr(hosts.os, "_exit", leave)
    with pytest.raises(hosts.AgreedError), hosts.ending_together():
        raise hosts.AgreedError("what all refuse ends as on one host")
    with pytest.raises(SystemExit, match="2"), hosts.ending_together():
        raise UserError("the disk is full")
    assert capsys.readouterr().err == "rlsuite: the disk is full\n"
