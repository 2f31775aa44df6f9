"""Sweeps on a Ray cluster whose workers are killed, and through submitit."""

import os
import re
import signal
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
import pytest
from rich.console import Console

from rlsuite.experiments import training
from rlsuite.experiments.cli import main
from rlsuite.experiments.evaluate import evaluate_each
from rlsuite.experiments.files import parse_json
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.grid import plans, read_sweep

pytestmark = pytest.mark.usefixtures("processes_find_newcomers")
METHODS = Methods()
STEPS = 20
TWELVE = f"""
preset = "smoke"
method = "newcomer.cross_entropy:SPEC"
seeds = 6
fields = {{steps = {STEPS}, log_every = 1, checkpoint_every = 2, num_episodes = 2}}
settings = [{{name = "few", fields = {{population_size = 8}}}}, {{name = "many"}}]
"""


def needs(package):
    """Not by importing it, by which submitit closes the handlers of everybody's logs."""
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed")


def stamps(paths):
    """When files were written."""
    return {path: path.stat().st_mtime_ns for path in paths}


def parent_of(process):
    """The process that started another one."""
    found = re.search(r"PPid:\s*(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found[1])


class Killer(threading.Thread):
    """Kills workers in the middle of runs: the first with its job's process, the second without."""

    def __init__(self, out):
        super().__init__(daemon=True)
        self._out = out
        self.over = threading.Event()
        self.killed = []
        self.begun, self.finished = {}, {}

    def run(self):
        while len(self.killed) < 2 and not self.over.is_set():
            for run in sorted(self._out.glob("runs/*")):
                if len(self.killed) < 2 and run.name not in self.killed and self._is_midway(run):
                    self._kill(run)
            time.sleep(0.01)

    def _is_midway(self, run):
        saved = [path for path in run.glob("checkpoints/*") if path.name.isdecimal()]
        lock = run / "writer.lock"
        return saved and lock.exists() and lock.read_text() and not (run / "report.md").exists()

    def _kill(self, run):
        process = parse_json((run / "writer.lock").read_bytes())["process"]
        worker = parent_of(process)
        os.kill(worker, signal.SIGKILL)
        if not self.killed:
            os.kill(process, signal.SIGKILL)
        self.begun |= stamps([run / "config.json"])
        self.finished |= stamps(self._out.glob("runs/*/evaluation.json"))
        self.finished |= stamps(self._out.glob(f"runs/*/checkpoints/{STEPS}/manifest.json"))
        self.killed.append(run.name)


def undisturbed(planned, folder):
    """Runs that are one program, trained and tested in this process, by the names of their jobs."""
    training.begin({folder / name: plan for name, plan in planned.items()}, METHODS)
    runs = {name: open_run(folder / name, METHODS) for name in planned}
    evaluate_each(list(runs.values()), console=Console(quiet=True))
    return runs


def assert_equal(found, wanted):
    jax.tree.map(np.testing.assert_array_equal, found.learned, wanted.learned)
    for ours, theirs in zip(found.evaluation.tables, wanted.evaluation.tables, strict=True):
        assert ours.results.keys() == theirs.results.keys()
        for name, results in theirs.results.items():
            np.testing.assert_array_equal(ours.results[name], results)
    logged = [(line["step"], line["mean_return"]) for line in found.metrics]
    assert logged == [(line["step"], line["mean_return"]) for line in wanted.metrics]


@needs("ray")
def test_twelve_jobs_of_which_workers_are_killed_end_as_if_nothing_had_happened(tmp_path, capfd):
    file, out = tmp_path / "twelve.toml", tmp_path / "out"
    file.write_text(TWELVE)
    killer = Killer(out)
    killer.start()
    try:
        status = main(
            ["sweep", str(file), "--out", str(out), "--cluster", "local", "--together", "3"]
        )
    finally:
        killer.over.set()
        killer.join()
    said = capfd.readouterr().out
    assert status == 0, said
    assert len(killer.killed) == 2
    assert said.count("it goes on from its last checkpoint") >= 2
    assert "(12 of 12 jobs)" in said
    # What was finished was left alone, and what was killed went on rather than began anew.
    assert killer.finished.items() <= stamps(killer.finished).items()
    assert killer.begun == stamps(killer.begun)

    planned = plans(read_sweep(file), METHODS)
    assert {path.name for path in (out / "runs").iterdir()} == set(planned)
    groups = [
        [f"{setting}-seed{seed}" for seed in seeds]
        for setting in ("few", "many")
        for seeds in ((0, 1, 2), (3, 4, 5))
    ]
    disturbed = [group for group in groups if {*group} & {*killer.killed}]
    assert disturbed
    for group in disturbed:
        wanted = undisturbed({name: planned[name] for name in group}, tmp_path / "undisturbed")
        for name in group:
            assert_equal(open_run(out / "runs" / name, METHODS), wanted[name])


@needs("submitit")
def test_a_job_of_submitit_trains_and_tests(tmp_path, capfd):
    file, out = tmp_path / "one.toml", tmp_path / "out"
    text = TWELVE.replace(f"steps = {STEPS}", "steps = 2").replace("seeds = 6", "seeds = 1")
    file.write_text(f"{text}\nslurm = {{cluster = 'local'}}")
    command = ["sweep", str(file), "--out", str(out), "--slurm", "--slurm.partition", "short"]
    assert main(command) == 0
    assert "(2 of 2 jobs)" in capfd.readouterr().out
    assert len(list(out.glob("runs/*/evaluation.json"))) == 2
