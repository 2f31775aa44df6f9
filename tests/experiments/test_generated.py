"""Generated command lines and configurations: each is taken, or refused in one line."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import pytest
from rich.console import Console

from rlsuite.experiments import cli
from rlsuite.experiments.folder import create_run, read_document
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.runner import run as train
from rlsuite.experiments.specs import Experiment, MethodSpec, Run
from rlsuite.method import Method
from tests.experiments.generated import command_lines, contents, edit, prepare, put_back
from tests.experiments.running import METHODS, plan_of

NUM_CASES = int(os.environ.get("RLSUITE_GENERATED_CASES", "250"))
FIRST = int(os.environ.get("RLSUITE_FIRST_GENERATED_CASE", "0"))


def step(state):
    return state + 1, {"meta_loss": 1.0 / state}


COUNTING = MethodSpec(
    name="counting",
    kind="number",
    summary="counts",
    paper=None,
    presets={"smoke": lambda world: Run(tasks=None, steps=2)},
    build=lambda run, world: Experiment(Method(lambda key: jnp.ones(()), step), 1, 1, ()),
    learned=lambda state: state,
)


def make_runs(folder: Path) -> None:
    """One that has just begun, one on a world with parameters, and one that is done."""
    on_a_world = replace(
        plan_of("lpg", tasks="CartPole-v1"), world_parameters={"gravity": 3.5, "force_mag": 20}
    )
    done = Plan(COUNTING, "counting", "smoke", Run(tasks=None, steps=2))
    for name, plan in {"run": plan_of("groove"), "world": on_a_world, "done": done}.items():
        create_run(folder / name, plan.describe())
    train(done.experiment, done.run, folder / "done", console=Console(quiet=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What commands are given, good and bad; a run among it."""
    folder = tmp_path_factory.mktemp("generated")
    prepare(folder)
    (folder / "foreign.json").write_text('{"format": "rlsuite-run", "format_version": 3}')
    make_runs(folder)
    return folder


def alone(*_, **__) -> None:
    """There are no other hosts."""
    raise RuntimeError("nobody answers")


@pytest.fixture
def here(folder, monkeypatch) -> Iterator[Path]:
    """The current folder, with nothing to train, to measure or to draw."""
    monkeypatch.chdir(folder)
    for name in (
        "training.to_the_end",
        "bench.run.in_fresh_process",
        "fitting.check_fits",
        "report.report",
    ):
        monkeypatch.setattr(f"rlsuite.experiments.{name}", lambda *_, **__: 0)
    monkeypatch.setattr("jax.distributed.initialize", alone)
    yield folder


def run(argv: list[str], monkeypatch) -> tuple[int, str, str]:
    """Exit status, and what is printed on an ASCII terminal."""
    streams = {}
    with monkeypatch.context() as patch:
        for name in ("stdout", "stderr"):
            streams[name] = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
            patch.setattr(sys, name, streams[name])
        try:
            status = cli.main(argv, specs=[COUNTING])
        except SystemExit as end:  # Of help.
            status = end.code or 0
    out, err = (stream.buffer.getvalue().decode("ascii") for stream in streams.values())
    return status, out, err


def complaint(status: int, out: str, err: str, is_bad: bool, field: str = "") -> str:
    """What is wrong with the answer to bad input, if anything is."""
    if status == 0 or (status == 2 and "holds no checkpoint yet" in err):
        return "it is accepted" if is_bad else err * (status == 0)
    line = err.removesuffix("\n")
    if status != 2 or out or not line.startswith("rlsuite: ") or not line.isprintable():
        return f"status {status}, stdout {out!r}, stderr {err!r}"
    # What is wrong may be the other one of two fields that have to agree.
    names = (field.rpartition(".")[2], " is not allowed; it must be ", "unknown argument '--'")
    names = (*names, "is of another run", "aren't tested")
    return "" if any(name in line for name in names) else f"no {field} in {err!r}"


def complaints(here: Path, check: Callable[[int], str]) -> str:
    """A line for every case that went wrong, with its number."""
    before, found = contents(here), {}
    for number in range(FIRST, FIRST + NUM_CASES):
        try:
            found[number] = check(number)
        except Exception as error:
            found[number] = repr(error)
        put_back(here, before)
    return "\n".join(f"{number}: {text[:400]}" for number, text in found.items() if text)


def test_command_lines(here, monkeypatch):
    line = command_lines(METHODS)

    def check(number: int) -> str:
        argv, field, is_bad = line(number)
        before = contents(here)
        status, out, err = run(argv, monkeypatch)
        if status == 2 and contents(here) != before:
            return f"{argv} has written something"
        wrong = complaint(status, out, err, is_bad, field)
        return wrong and f"{argv}: {wrong}"

    assert not complaints(here, check)


def test_edited_configurations(here, monkeypatch):
    names = ("run", "world", "done")
    documents = {name: read_document(here / name) for name in names}
    commands = ("resume", "report", "evaluate")

    def check(number: int) -> str:
        name, command = names[number % 3], commands[number // 3 % 3]
        expected = edit(number)(here / name / "config.json", read_document(here / name))
        before = contents(here)
        answer = run([command, name], monkeypatch)
        if contents(here) != before and answer[0] == 2:
            return "something is written"
        return complaint(*answer, expected.is_bad, expected.field)

    assert not complaints(here, check)
    assert {name: read_document(here / name) for name in names} == documents
