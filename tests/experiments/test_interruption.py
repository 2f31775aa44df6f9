"""Signals to real processes, some of which are deep in C code when they come."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from rlsuite.experiments.interruption import INTERRUPTED, interrupting, stop_on_signal

PROGRAM = """
import hashlib, signal, sys, time
from rlsuite.experiments.interruption import stop_on_signal

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # Whatever the tests are started by.
{before}
def say(line):
    sys.stdout.write(line + "\\n")
    sys.stdout.flush()

with stop_on_signal(say, "go on so") as stop:
    print("ready", flush=True)
    {within}
print("saved", flush=True)
"""
# A minute in C code, which lets other threads run but handles no signal.
DEEP = "hashlib.pbkdf2_hmac('sha256', b'', b'', 100_000_000)"
CHUNKS = "while not stop.asked: time.sleep(0.01)"
STOPPING = "stopping after this chunk, with a checkpoint; once more to stop at once\n"


def program(within, before=""):
    text = PROGRAM.format(before=before, within=textwrap.indent(within, "    ").strip())
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def assert_stopped(process, out, error):
    """After its chunk; that it was going to may come too late to be said."""
    assert (process.returncode, error) == (0, "")
    assert "saved" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_lets_the_chunk_end(number):
    process = program(CHUNKS)
    process.send_signal(number)
    out, error = process.communicate(timeout=30)
    assert_stopped(process, out, error)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_where_nothing_is_lost_the_first_signal_ends_the_process(number):
    process = program(f"with stop.at_once():\n    print('deep', flush=True)\n    {DEEP}")
    assert process.stdout.readline() == "deep\n"
    process.send_signal(number)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert error == "rlsuite: stopped at once; go on so\n"


def test_one_that_came_just_before_ends_it_as_well():
    process = program(f"{CHUNKS}\nwith stop.at_once():\n    {DEEP}")
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED and out in ("", STOPPING)
    assert error == "rlsuite: stopped at once; go on so\n"


def test_the_second_signal_ends_the_process_whatever_it_is_doing():
    process = program(DEEP)
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == STOPPING
    process.send_signal(signal.SIGTERM)  # As some send each twice: meant as one.
    time.sleep(0.6)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert error == "rlsuite: stopped at once; go on so\n"


def test_the_second_signal_ends_the_process_even_if_nobody_reads_what_it_says():
    # The first line fills what the pipe can hold, and the next waits for ever.
    process = program("print('x' * 1_000_000)")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.6)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == INTERRUPTED


def test_before_a_run_signals_interrupt_the_command():
    with pytest.raises(KeyboardInterrupt), interrupting():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    outside = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupting():
        os.kill(os.getpid(), signal.SIGHUP)
    signal.signal(signal.SIGHUP, outside)


def test_what_was_ignored_stays_ignored():
    process = program(CHUNKS, before="signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.5)
    process.send_signal(signal.SIGTERM)
    assert_stopped(process, *process.communicate(timeout=30))


def test_handlers_are_put_back_and_can_be_taken_again():
    outside = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]
    for _ in range(2):
        said = []
        with stop_on_signal(said.append, "") as stop:
            assert not stop.asked
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.asked
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)] == before
    signal.signal(signal.SIGHUP, outside)


def test_what_a_shell_has_its_background_jobs_ignore_is_handled():
    process = program(CHUNKS, before="signal.signal(signal.SIGINT, signal.SIG_IGN)")
    process.send_signal(signal.SIGINT)
    assert_stopped(process, *process.communicate(timeout=30))


def test_other_threads_handle_no_signals():
    found = []

    def enter():
        with stop_on_signal(found.append, "") as stop:
            found.append(stop.asked)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [False]
