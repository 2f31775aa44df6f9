import os
import signal
import subprocess
import sys

import jax
import pytest

from rlsuite.experiments import locking
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.locking import LOCK, writer

HOLDER = """
import sys
from pathlib import Path
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.locking import writer
print("ready", flush=True)
sys.stdin.readline()
try:
    with writer(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.readline()
except UserError as error:
    print(error, flush=True)
"""


class Holder:
    """Another process, which takes the lock when it is told to, and holds it until it ends."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self):
        return self.process.stdout.readline().rstrip("\n")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def test_one_of_several_processes_gets_the_folder_and_a_dead_one_gives_it_back(tmp_path):
    directory = tmp_path / "fresh" / "run"
    holders = [Holder(directory) for _ in range(2)]
    try:
        for holder in holders:
            holder.go_on()
        answers = [holder.said() for holder in holders]
        assert answers.count("held") == 1
        winner, loser = sorted(holders, key=lambda holder: answers[holders.index(holder)] != "held")
        refusal = answers[holders.index(loser)]
        assert refusal.startswith(f"'{directory}' is being written by ")

        message = rf"is being written by process {winner.process.pid} on .+ since 20..-..-..T.*; "
        with pytest.raises(UserError, match=message), writer(directory):
            pytest.fail("two have it")
        winner.kill()
        with writer(directory):
            pass
    finally:
        for holder in holders:
            holder.kill()


def test_a_folder_is_given_back_however_the_block_ends(tmp_path):
    with pytest.raises(ZeroDivisionError), writer(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()
        with pytest.raises(UserError, match=f"process {os.getpid()} on"), writer(tmp_path):
            pytest.fail("two have it")
        _ = 1 / 0
    with writer(tmp_path):
        pass
    assert (tmp_path / LOCK).read_text() == ""


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 2000])
def test_whoever_has_it_need_not_have_said_so(tmp_path, content):
    with writer(tmp_path):
        (tmp_path / LOCK).write_bytes(content)
        with pytest.raises(UserError, match="by another process;"), writer(tmp_path):
            pytest.fail("two have it")


def test_a_lock_is_no_link(tmp_path):
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(tmp_path / "outside")
    with pytest.raises(UserError), writer(tmp_path / "run"):
        pytest.fail("it was followed")
    assert (tmp_path / "outside").read_text() == "precious"


def test_a_file_system_without_locks_is_mentioned(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(locking.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking.fcntl, "flock", refuse)
    with writer(tmp_path):
        pass
    assert "can't be locked (No locks available)" in capsys.readouterr().err


def test_of_several_hosts_only_the_first_locks(tmp_path, monkeypatch):
    with writer(tmp_path):
        monkeypatch.setattr(jax, "process_index", lambda: 1)
        with writer(tmp_path):
            pass
