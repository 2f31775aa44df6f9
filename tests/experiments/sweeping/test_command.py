"""`rlsuite sweep` as it is typed: a whole sweep on this machine, and what is refused in a line."""

import json
import os

import pytest

from rlsuite.experiments.cli import main
from rlsuite.experiments.locking import writer
from rlsuite.experiments.sweeping.ray_cluster import ray_engine

TINY = """
preset = "smoke"
seeds = [0, 1]
[fields]
steps = 2
population_size = 8
[[settings]]
name = "CEM"
method = "newcomer.cross_entropy:SPEC"
"""


@pytest.fixture
def file(tmp_path, processes_find_newcomers):
    """A sweep's file."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def stamps(out, pattern):
    """When files of a sweep were written, by path."""
    return {path: path.stat().st_mtime_ns for path in out.glob(pattern)}


def test_a_sweep_runs_and_the_same_command_computes_what_is_missing_only(file, tmp_path, capfd):
    out = tmp_path / "out"
    command = ["sweep", str(file), "--out", str(out), "--together", "2"]
    assert main(command) == 0
    assert "finished CEM, seed 1 (2 of 2 jobs)" in capfd.readouterr().out
    evaluations = stamps(out, "runs/*/evaluation.json")
    assert len(evaluations) == 2
    states = stamps(out, "runs/*/checkpoints/2/manifest.json")
    assert len(states) == 2
    kept = json.loads((out / "runs/cem-seed1/config.json").read_text())["command"]
    assert kept[:5] == ["rlsuite", "train", "newcomer.cross_entropy:SPEC", "smoke", "--seed"]

    assert main(command) == 0
    assert "2 jobs, 2 of them done already" in capfd.readouterr().out

    lost = out / "runs/cem-seed0/evaluation.json"
    before = lost.read_text()
    lost.unlink()
    assert main(command) == 0
    assert "2 jobs, 1 of them done already" in capfd.readouterr().out
    assert lost.read_text() == before
    del evaluations[lost]
    assert evaluations.items() <= stamps(out, "runs/*/evaluation.json").items()
    assert states == stamps(out, "runs/*/checkpoints/2/manifest.json")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.toml"], "there is no such file"),
        (["curicula"], "unknown sweep 'curicula' (did you mean 'curricula'?)"),
        (["FILE", "smoke"], "it has no sizes"),
        (["FILE", "--workers", "0"], "workers: '0' is not allowed"),
        (["FILE", "--workers", "9" * 5000], "is not allowed; it must be a whole number"),
        (["FILE", "--workers", "100000"], "workers: 100000 is not allowed; it must be at most"),
        (["FILE", "--cores", "100000"], "cores: 100000 is not allowed; it must be at most"),
        (["FILE", "--together", "two"], "together: 'two' is not allowed"),
        (["FILE", "--cluster", "somewhere"], "cluster: 'somewhere' is not allowed"),
        (["FILE", "--cluster", "local", "--slurm"], "slurm: it is not allowed with --cluster"),
        (["FILE", "--slurm", "--slurm.partitio", "x"], "(did you mean 'partition'?)"),
        (["FILE", "--slurm", "--slurm.cluster", "x"], "slurm.cluster: 'x' is not allowed"),
        (
            ["FILE", "--slurm", "--slurm.nodes", "two"],
            "slurm.nodes: 'two' is not allowed",
        ),
        (["FILE", "--slurm", "--slurm.nodes"], "slurm.nodes: a value is missing"),
        (["FILE", "--slurm", "--cores", "2"], "cores: a value is not allowed with --slurm"),
        (["FILE", "--slurm.nodes", "2"], "slurm.nodes: a value is not allowed without --slurm"),
        (["FILE", "--slur"], "unknown argument '--slur'"),
    ],
)
def test_what_is_refused_is_said_in_a_line_and_leaves_no_trace(
    file, tmp_path, capfd, arguments, told
):
    words = [str(file) if word == "FILE" else word for word in arguments]
    assert main(["sweep", *words, "--out", str(tmp_path / "out")]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_setting_that_can_not_be_run_is_refused_before_anything_is_written(file, tmp_path, capfd):
    file.write_text(TINY + '[[settings]]\nmethod = "a2c"\nfields = {population_size = 2}\n')
    assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "a2c: unknown field 'population_size'" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_second_process_on_a_sweep_is_refused(file, tmp_path, capfd):
    with writer(tmp_path / "out"):
        assert main(["sweep", str(file), "--out", str(tmp_path / "out")]) == 2
    assert f"is being written by process {os.getpid()}" in capfd.readouterr().err


def test_a_cluster_that_does_not_answer_is_said_after_a_stated_time():
    pytest.importorskip("ray")
    with pytest.raises(Exception, match=r"'127.0.0.1:9' has not answered within 0.1 seconds"):
        ray_engine("127.0.0.1:9", None, None, seconds_to_answer=0.1)
