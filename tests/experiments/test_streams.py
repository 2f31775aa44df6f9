"""What is printed: in any encoding, and to somebody who is no longer there."""

import io
import os
import subprocess
import sys

import pytest

from rlsuite.experiments.streams import Outlet, outlets, shown


def test_text_keeps_its_characters_where_it_can():
    assert shown("a · b… × −1", "utf-8") == "a · b… × −1"
    assert shown("a · b… × −1 é", "ascii") == r"a | b... x -1 \xe9"
    assert shown("a\udcffb", "utf-8") == r"a\udcffb"


class Broken(io.StringIO):
    """A pipe whose reader has gone."""

    encoding = "utf-8"

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_stream_that_is_gone_is_told_of_once(capsys):
    outlet = Outlet(Broken(), "nobody listens")
    for _ in range(3):
        print("something", file=outlet, flush=True)
    assert capsys.readouterr().err == "rlsuite: nobody listens (Broken pipe)\n"


def test_streams_are_put_back_and_take_any_text(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", None)
    with outlets():
        print("compiling… é")
        print("lost", file=sys.stderr)
    assert sys.stdout is stream and sys.stderr is None
    assert stream.buffer.getvalue() == b"compiling... \\xe9\n"


PROGRAM = """
import sys
from rlsuite.experiments.postponing import import_gymnax

import_gymnax()  # Before what imports all of it.

import jax.numpy as jnp
from rlsuite.experiments.cli import main
from rlsuite.experiments.specs import Experiment, MethodSpec, Run
from rlsuite.method import Method

def step(state):
    return state + 1, {"meta_loss": 1.0 / state}

experiment = Experiment(Method(lambda key: jnp.ones(()), step), 1, 1, ("meta_loss",))
spec = MethodSpec(
    name="quick", kind="number", summary="counts", paper=None,
    presets={"smoke": lambda world: Run(tasks=None)}, build=lambda run, world: experiment,
    learned=lambda state: state, panels={"meta_loss": "one over the count"},
)
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], specs=[spec]))
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command, with a method that compiles in no time, as a program of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "program.py").write_text(PROGRAM)
    return [sys.executable, "program.py"]


def test_a_run_outlives_the_pipe_it_prints_to(command, tmp_path):
    options = ["--steps", "300", "--log-every", "1", "--checkpoint-every", "300", "--out", "run"]
    with subprocess.Popen(
        [*command, "train", "quick", "smoke", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert "compiling" in process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0
    assert (tmp_path / "run" / "report.md").exists()
    assert said.count("\n") == 1 and said.startswith("rlsuite: ") and "Broken pipe" in said


def test_a_list_that_nobody_reads_to_its_end_ends_quietly(command):
    done = subprocess.run(
        f"{' '.join(command)} list | head -1", shell=True, capture_output=True, text=True
    )
    assert done.stdout == "methods, and the presets of each\n" and done.stderr == ""


def test_a_terminal_that_is_gone_ends_no_run(command, tmp_path):
    controller, terminal = os.openpty()
    options = ["--steps", "300", "--log-every", "1", "--checkpoint-every", "300", "--out", "run"]
    process = subprocess.Popen(
        [*command, "train", "quick", "smoke", *options], stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    assert os.read(controller, 1)
    os.close(controller)
    assert process.wait() == 0
    assert (tmp_path / "run" / "report.md").exists()


def test_a_terminal_that_knows_few_characters_is_enough(command, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    options = ["--steps", "2", "--log-every", "1", "--out", "é[bold]…"]
    done = subprocess.run([*command, "train", "quick", "smoke", *options], capture_output=True)
    assert done.returncode == 0 and b"Error" not in done.stderr
    assert b"rlsuite evaluate" not in done.stdout
    assert rb"the run is in \xe9[bold]..." in done.stdout
