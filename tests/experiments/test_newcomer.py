"""Somebody else's method and world (`tests/support/newcomer`), through the command alone."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import jax
import newcomer
import numpy as np
import pytest
from newcomer.cross_entropy import SPEC, CrossEntropyConfig, cross_entropy

import rlsuite
from rlsuite.experiments import load
from rlsuite.experiments.cli import main
from rlsuite.experiments.conformance import check_method
from rlsuite.experiments.files import parse_sealed, sealed
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.plans import plan
from rlsuite.experiments.registry import find_world, import_module
from rlsuite.experiments.specs import Run
from tests.experiments.running import METHODS
from tests.experiments.test_runner import send_signal_after

PACKAGE = Path(newcomer.__file__).parent
ROOT = Path(rlsuite.__file__).parent.parent
MODULE = "newcomer.cross_entropy:SPEC"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder that is also the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as if pip had installed it, with an entry point."""
    metadata = tmp_path / "site" / "newcomer-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: newcomer\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[rlsuite.methods]\ncross-entropy = {MODULE}\n")
    monkeypatch.syspath_prepend(metadata.parent)


def config_of(run):
    return json.loads((Path(run) / "config.json").read_text())


def train(*arguments, method=MODULE, preset="smoke", **options):
    return main(["train", method, preset, *arguments], **options)


def refuses(capsys, message, line, **options):
    assert main(line.split(), **options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rlsuite: ") and captured.err.count("\n") == 1
    assert message in captured.err


def test_it_fits_the_shell():
    check_method(SPEC)


def test_the_method_learns_its_world():
    world = find_world("Harbour-v0")
    method = cross_entropy(world.world, world.sample_task, CrossEntropyConfig(num_episodes=4))
    _, metrics = jax.jit(rlsuite.train(method, 20))(jax.random.key(0))
    returns = np.asarray(metrics["mean_return"])
    assert returns[0] < -100 and returns[-3:].min() > -1


@pytest.mark.parametrize("method", [MODULE, f"{PACKAGE / 'cross_entropy.py'}:SPEC"])
def test_trained_by_where_it_is_and_resumed_elsewhere(tmp_path, monkeypatch, capsys, method):
    assert train("--out", "run", method=method) == 0
    assert config_of("run")["method"] == method
    assert [line["step"] for line in read_metrics(Path("run"))] == [2, 4]
    assert "![Weights of the mean policy](weights.png)" in Path("run/report.md").read_text()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    capsys.readouterr()
    assert main(["resume", "../run"]) == 0
    assert "already at its last step, 4" in capsys.readouterr().out
    assert load("../run").shape == (3,)


def test_a_relative_file_is_found_again_from_another_folder(tmp_path, monkeypatch):
    text = (PACKAGE / "harbour.py").read_text().replace("Harbour-v0", "Marina-v0")
    # Its name is that of a module which everything uses, and which must stay what it is.
    Path("random.py").write_text(text)
    assert train("--import", "random.py", "--tasks", "Marina-v0", "--out", "run") == 0
    assert config_of("run")["imports"] == [str(tmp_path / "random.py")]
    assert sys.modules["random"].random() < 1
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["report", "../run"]) == 0


@pytest.mark.parametrize("first", ["by its file", "by its name"])
def test_a_file_that_is_named_in_both_ways_is_imported_once(tmp_path, monkeypatch, first):
    name = f"quay_{first[-4:]}"
    text = (PACKAGE / "harbour.py").read_text().replace("Harbour-v0", f"{name}-v0")
    Path(f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    ways = [f"{name}.py", name] if first == "by its file" else [name, f"{name}.py"]
    for way in (*ways, *ways):
        import_module(way)
    assert find_world(f"{name}-v0").name == f"{name}-v0"


def test_trained_by_a_spec_that_is_handed_over(capsys):
    assert train(method="cross-entropy", specs=[SPEC]) == 0
    assert config_of("runs/cross-entropy-smoke-seed0")["method"] == "cross-entropy"
    capsys.readouterr()
    refuses(capsys, "unknown method 'cross-entropy'", "resume runs/cross-entropy-smoke-seed0")
    assert main(["resume", "runs/cross-entropy-smoke-seed0"], specs=[SPEC]) == 0


def test_trained_by_an_entry_point(installed, capsys):
    assert main(["list"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert f"cross-entropy {SPEC.summary} (smoke, laptop)" in listed
    assert train("--out", "run", method="cross-entropy") == 0
    capsys.readouterr()
    # So it is found where the package can be imported, installed or not.
    assert config_of("run")["method"] == MODULE
    refuses(capsys, "two methods are called 'cross-entropy'", "list", specs=[SPEC])


def test_its_world_has_parameters_and_carries_any_method(capsys):
    world = ["--import", "newcomer.harbour", "--tasks", "Harbour-v0", "--tasks.current", "0.2"]
    assert train(*world, "--out", "strong") == 0
    assert train("--out", "weak") == 0
    document = config_of("strong")
    assert document["world_parameters"] == {"current": 0.2}
    assert document["imports"] == ["newcomer.harbour"]
    strong, weak = (read_metrics(Path(run))[0]["mean_return"] for run in ("strong", "weak"))
    assert strong < weak
    assert "| tasks.current | 0.2 |" in Path("strong/report.md").read_text()
    planned = plan(METHODS, "lpo", "smoke", {}, tasks="Harbour-v0", world_parameters={"current": 1})
    assert planned.experiment.world_steps_per_step > 0
    assert planned.world.sample_task(jax.random.key(0)).level.current == 1
    capsys.readouterr()
    ours = "train lpo smoke --import newcomer.harbour --tasks Harbour-v0"
    refuses(capsys, "unknown parameter 'curent' (did you", f"{ours} --tasks.curent 1")
    refuses(capsys, "tasks.current: 'x' is not allowed", f"{ours} --tasks.current x")
    refuses(capsys, "tasks.current: 'nan' is not allowed", f"{ours} --tasks.current nan")
    refuses(capsys, "tasks.current: 'null' is not allowed", f"{ours} --tasks.current null")
    refuses(capsys, "tasks.current: 1e+40 is not allowed", f"{ours} --tasks.current 1e40")
    refuses(capsys, "max_steps_in_episode: '1.5' is", f"{ours} --tasks.max_steps_in_episode 1.5")
    refuses(capsys, "it must be between 1 and", f"{ours} --tasks.max_steps_in_episode 0")
    refuses(capsys, "it must be between 1 and", f"{ours} --tasks.max_steps_in_episode {2**31}")


def test_interrupted_and_resumed_is_the_same_bit_for_bit(monkeypatch):
    assert train("--out", "whole") == 0
    with monkeypatch.context() as patch:
        send_signal_after(1, signal.SIGINT, patch)
        assert train("--out", "run") == 130
    assert [line["step"] for line in read_metrics(Path("run"))] == [2]
    assert main(["resume", "run"]) == 0
    np.testing.assert_array_equal(load("run"), load("whole"))
    for line, expected in zip(read_metrics(Path("run")), read_metrics(Path("whole")), strict=True):
        assert all(line[name] == expected[name] for name in ("step", *SPEC.panels, "scale"))


def test_another_process_resumes_it_by_its_configuration_alone(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        send_signal_after(1, signal.SIGINT, patch)
        assert train("--out", "run") == 130
    code = "import sys; from rlsuite.experiments.cli import main; sys.exit(main(sys.argv[1:]))"
    (tmp_path / "elsewhere").mkdir()

    def resume(*places):
        return subprocess.run(
            [sys.executable, "-c", code, "resume", str(tmp_path / "run")],
            cwd=tmp_path / "elsewhere",
            env={"PYTHONPATH": ":".join(map(str, places)), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    refused = resume(ROOT)
    assert refused.returncode == 2 and refused.stdout == ""
    assert "config.json': 'newcomer.cross_entropy' can't be imported" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before
    assert resume(ROOT, PACKAGE.parent).returncode == 0
    assert [line["step"] for line in read_metrics(Path("run"))] == [2, 4]


def test_a_run_that_was_moved_with_its_files_is_read_once_they_are_named(tmp_path, capsys):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/mine.py").write_text("from newcomer.cross_entropy import SPEC")
    assert main(["train", "old/mine.py:SPEC", "smoke", "--steps=1", "--out=old/run"]) == 0
    (tmp_path / "old").rename(tmp_path / "new")
    capsys.readouterr()
    refuses(capsys, "if it was moved, edit 'method' in config.json", "report new/run")
    config = Path("new/run/config.json")
    config.write_text(config.read_text().replace("old/mine.py", "new/mine.py"))
    assert main(["report", "new/run"]) == 0
    capsys.readouterr()
    config.write_text(config.read_text().replace('"imports": []', '"imports": ["gone.py"]'))
    refuses(capsys, "if it was moved, edit 'imports' in config.json", "report new/run")


def test_tested_reported_and_compared(capsys):
    for seed in (0, 1):
        assert train("--seed", str(seed), "--out", f"seed{seed}") == 0
    capsys.readouterr()
    assert main(["evaluate", "seed0", "--against", "seed1"]) == 0
    assert "kept for 'seed1' as well" in capsys.readouterr().out
    tested = [json.loads(Path(f"seed{seed}/evaluation.json").read_text()) for seed in (0, 1)]
    assert [one["role"] for one in tested[0]["contenders"]] == ["own", "rival", "baseline"]
    assert [one["role"] for one in tested[1]["contenders"]] == ["own", "baseline"]
    # Alone, the second is found to be as good as it was as a rival.
    Path("seed1/evaluation.json").unlink()
    assert main(["evaluate", "seed1"]) == 0
    alone = json.loads(Path("seed1/evaluation.json").read_text())
    assert alone["tables"][0]["results"] == tested[1]["tables"][0]["results"]
    assert main(["report", "seed0"]) == 0
    text = Path("seed0/report.md").read_text()
    assert "## Test" in text and "| no policy |" in text and Path("seed0/returns.png").exists()
    assert main(["compare", "seed0", "seed1", "--out", "both"]) == 0
    assert "CROSS-ENTROPY, 2 seeds" in Path("both/comparison.md").read_text()


def test_a_parameter_is_the_same_however_it_is_typed(capsys):
    for seed, value in enumerate(("0.2", "2e-1")):
        assert train("--tasks.current", value, "--seed", str(seed), "--out", f"seed{seed}") == 0
        assert main(["evaluate", f"seed{seed}"]) == 0
    assert main(["compare", "seed0", "seed1", "--out", "both"]) == 0
    assert "CROSS-ENTROPY, 2 seeds" in Path("both/comparison.md").read_text()


def test_runs_of_other_worlds_are_no_rivals(capsys):
    assert train("--out", "run") == 0
    assert train("--tasks", "CartPole-v1", "--steps", "1", "--out", "other") == 0
    capsys.readouterr()
    refuses(capsys, "'other' was trained on other tasks", "evaluate run --against other")
    assert not Path("run/evaluation.json").exists()


def test_what_is_not_allowed_is_one_line(folder, capsys):
    refuses(capsys, "elite_fraction: 0.01 is", f"train {MODULE} smoke --elite_fraction 0.01")
    refuses(capsys, "unknown preset 'paper'", f"train {MODULE} paper")
    refuses(capsys, "it must name a MethodSpec", "train newcomer.cross_entropy:smoke smoke")
    refuses(capsys, "names nothing", "train newcomer.cross_entropy:SPECS smoke")
    refuses(capsys, "can't be imported", "train missing.py:SPEC smoke")
    refuses(capsys, "':SPEC' names nothing", "train :SPEC smoke")
    refuses(capsys, "tasks: dense is not allowed", f"train {MODULE} smoke --tasks dense")
    assert list(folder.iterdir()) == []
    Path("broken.py").write_text("import nothing_of_the_kind")
    refuses(capsys, "No module named 'nothing_of_the_kind'", "train broken.py:SPEC smoke")
    assert "broken" not in sys.modules
    Path("twin.py").write_text(
        "from newcomer.cross_entropy import SPEC\nSPEC = SPEC._replace(name='lpg')"
    )
    refuses(capsys, "calls itself 'lpg', as another method does", "train twin.py:SPEC smoke")
    Path("outside.py").write_text(
        "from newcomer.cross_entropy import SPEC\nSPEC = SPEC._replace(name='../outside')"
    )
    refuses(capsys, "a method called '../outside' is not allowed", "train outside.py:SPEC smoke")
    Path("script.py").write_text("import sys\nsys.exit('no arguments')")
    refuses(capsys, "can't be imported (SystemExit: no", "train script.py:SPEC smoke")
    refuses(capsys, "can't be imported (SystemExit: no", f"train {MODULE} smoke --import script.py")
    Path("quiet.py").write_text("SIZE = 3")
    refuses(capsys, "'quiet.py' registers no world", f"train {MODULE} smoke --import quiet.py")
    assert not Path("runs").exists()


@pytest.mark.parametrize("options", ["--tasks CartPole-v1", "--tasks.force_mag 20"])
def test_a_method_without_a_world_is_given_none(folder, capsys, options):
    worldless = SPEC._replace(name="worldless", presets={"smoke": lambda world: Run(tasks=None)})
    line = f"train worldless smoke {options}"
    refuses(capsys, "tasks: a world is not allowed", line, specs=[worldless])
    assert list(folder.iterdir()) == []


def test_runs_and_tests_of_format_1_are_refused(capsys):
    assert train("--out", "run") == 0
    assert main(["evaluate", "run"]) == 0
    path = Path("run/evaluation.json")
    path.write_text(sealed(parse_sealed(path.read_bytes()) | {"format_version": 1}))
    capsys.readouterr()
    refuses(capsys, "version 1; this rlsuite reads version 4", "compare run --out both")
    assert main(["report", "run"]) == 0
    assert "version 1; this rlsuite reads version 4" in Path("run/report.md").read_text()

    path = Path("run/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 1}))
    capsys.readouterr()
    for line in ("report run", "compare run --out both", "resume run"):
        refuses(capsys, "version 1; this rlsuite reads version 3", line)
    assert not Path("both").exists()
