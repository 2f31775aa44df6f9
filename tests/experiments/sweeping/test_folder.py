"""A sweep's folder: what is written, what comes back, and what is refused."""

import json

import pytest

from rlsuite.experiments.contenders import Source
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluate_worlds import evaluate_on_worlds
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.folder import (
    SWEEP,
    check_folder,
    check_is_neither,
    holds_sweep,
    open_sweep,
    run_folder,
    write_sweep,
)
from rlsuite.experiments.sweeping.grid import jobs, plans, read_sweep
from rlsuite.experiments.world_test import WorldTestConfig

METHODS = Methods()
TEXT = """
preset = "smoke"
seeds = [0, 1]
fields.log_every = 1
slurm.partition = "short"
[[settings]]
method = "a2c"
fields.steps = 2
[[claims]]
better = "a2c"
than = "random"
tables = ["one"]
"""


@pytest.fixture
def read(tmp_path):
    def read(text=TEXT):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        sweep = read_sweep(path)
        return sweep, plans(sweep, METHODS)

    return read


def test_a_sweep_comes_back_from_its_folder(read, tmp_path):
    sweep, _ = read()
    assert not holds_sweep(tmp_path / "out")
    write_sweep(tmp_path / "out", sweep)
    assert open_sweep(tmp_path / "out") == sweep
    created = json.loads((tmp_path / "out" / SWEEP).read_text())["created"]
    write_sweep(tmp_path / "out", sweep._replace(seeds=(0, 1, 2)))
    assert open_sweep(tmp_path / "out").seeds == (0, 1, 2)
    assert json.loads((tmp_path / "out" / SWEEP).read_text())["created"] == created


def test_jobs_may_be_added_and_what_is_only_written_down_may_change(read, tmp_path):
    sweep, planned = read()
    folder = run_folder(tmp_path / "out", jobs(sweep)[0])
    create_run(folder, planned["a2c-seed0"].describe())
    check_folder(tmp_path / "out", sweep, planned, METHODS)  # A run that was there before it.
    write_sweep(tmp_path / "out", sweep)
    more = TEXT.replace("[0, 1]", "3").replace("log_every = 1", "log_every = 2")
    check_folder(tmp_path / "out", *read(more), METHODS)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("steps = 2", "steps = 3", "its steps is 2, and that of the sweep 3"),
        ('"a2c"\nfields', '"ppo"\nname = "a2c"\nfields', "its method is a2c, and that of the"),
        ("log_every = 1", "tasks = 'Pendulum-v1'", "its tasks is"),
        ("[0, 1]", "[1, 2]", "a run of no setting and seed"),
    ],
)
def test_runs_of_another_sweep_are_refused(read, tmp_path, before, after, told):
    sweep, planned = read()
    write_sweep(tmp_path / "out", sweep)
    create_run(run_folder(tmp_path / "out", jobs(sweep)[0]), planned["a2c-seed0"].describe())
    assert before in TEXT
    with pytest.raises(UserError, match=told):
        check_folder(tmp_path / "out", *read(TEXT.replace(before, after)), METHODS)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": "rlsuite-sweep", "format_version": 1}', "is damaged: it has no 'sha256'"),
        ('{"format": "rlsuite-sweep", "format_version": 2}', "this rlsuite reads version 1"),
        ('{"format": "another"}', "is no sweep of rlsuite"),
    ],
)
def test_a_folder_of_another_format_is_refused(read, tmp_path, content, told):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / SWEEP).write_text(content)
    for ask in (open_sweep, lambda out: check_folder(out, *read(), METHODS)):
        with pytest.raises(UserError, match=told):
            ask(tmp_path / "out")
    assert (tmp_path / "out" / SWEEP).read_text() == content


def test_a_folder_of_something_else_is_refused(read, tmp_path):
    sweep, planned = read()
    with pytest.raises(UserError, match="is not empty and holds no sweep"):
        check_folder(tmp_path, sweep, planned, METHODS)
    with pytest.raises(UserError, match="is a file"):
        check_folder(tmp_path / "mine.toml", sweep, planned, METHODS)
    create_run(tmp_path / "run", planned["a2c-seed0"].describe())
    with pytest.raises(UserError, match="holds a run"):
        check_folder(tmp_path / "run", sweep, planned, METHODS)
    with pytest.raises(UserError, match="holds no sweep"):
        open_sweep(tmp_path)


def test_results_of_something_else_replace_no_file_of_a_run_or_a_sweep(read, tmp_path):
    """An evaluation on worlds, or a comparison, has files of the names that runs' have."""
    sweep, planned = read()
    create_run(tmp_path / "run", planned["a2c-seed0"].describe())
    write_sweep(tmp_path / "sweep", sweep)
    for kind in ("run", "sweep"):
        with pytest.raises(UserError, match=f"holds a {kind}; choose another folder"):
            check_is_neither(tmp_path / kind)
        source, settings = Source("Source", "source", lambda world: None, ()), WorldTestConfig()
        with pytest.raises(UserError, match=f"holds a {kind}"):
            evaluate_on_worlds(
                source, [], [], settings, tmp_path / kind, command="", overwrite=True
            )
    check_is_neither(tmp_path / "new")
