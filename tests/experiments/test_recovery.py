"""What the command makes of folders that were damaged, linked, locked or taken away."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.experiments import checkpoints as checkpoints_module
from rlsuite.experiments import files
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.files import parse_sealed, sealed
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.locking import writer
from rlsuite.experiments.metrics import MetricsLog
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.specs import Drawing, Experiment, MethodSpec, Run, Section
from rlsuite.experiments.sweeping.stages import progress
from rlsuite.method import Method
from tests.experiments.disks import files_of_at_most

STEPS = ["--steps", "12", "--log_every", "2", "--checkpoint_every", "4"]


class WalkState(NamedTuple):
    key: jax.Array
    parameters: jax.Array


def step(state):
    key, noise_key = jax.random.split(state.key)
    parameters = jnp.sin(state.parameters + jax.random.normal(noise_key, (3,)))
    return WalkState(key, parameters), {"meta_loss": jnp.sum(parameters**2)}


def judge(finished, rivals, watch):
    results = np.asarray(finished.learned)[:, None]
    names = ["WALK", *(f"rival {index}" for index, _ in enumerate(rivals))]
    roles = ["own", *("rival" for _ in rivals)]
    table = Table("places", "place", dict.fromkeys(names, results), ["line"] * 3)
    return Evaluation([Contender(*pair) for pair in zip(names, roles, strict=True)], [table])


def draw(path):
    path.write_bytes(b"a picture")


SPEC = MethodSpec(
    name="walk",
    kind="place",
    summary="walks about",
    paper=None,
    presets={"smoke": lambda world: Run(tasks=None)},
    build=lambda run, world: Experiment(
        Method(lambda key: WalkState(key, jnp.zeros(3)), step), 1, 1, ("meta_loss",)
    ),
    test=judge,
    pictures=lambda *_: [Section("Walk", [Drawing("walk.png", "the way", draw)])],
)


def rlsuite(line):
    return main(line.split(), specs=[SPEC])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a tested run in it."""
    monkeypatch.setattr(checkpoints_module, "_said", set())
    monkeypatch.chdir(tmp_path)
    assert main(["train", "walk", "smoke", *STEPS, "--out", "run"], specs=[SPEC]) == 0
    assert rlsuite("evaluate run") == 0
    return tmp_path


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("rlsuite: ") and error.count("\n") == 1
    return error


def bits(run):
    finished = open_run(Path(run), Methods([SPEC]))
    return np.asarray(finished.learned).tobytes(), [
        (line["step"], line["meta_loss"]) for line in finished.metrics
    ]


def content_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(folder, capsys):
    before = bits("run")
    damage(folder / "run/checkpoints/12/manifest.json")
    capsys.readouterr()
    assert rlsuite("report run") == 0
    assert "of step 12 in 'run' is damaged" in one_line(capsys)
    assert rlsuite("resume run") == 0
    assert capsys.readouterr().err == "" and bits("run") == before
    assert sorted(path.name for path in (folder / "run/checkpoints").iterdir()) == ["12", "8"]


@pytest.mark.parametrize(
    "command", ["resume run", "report run", "evaluate run", "compare run --out out"]
)
def test_where_no_checkpoint_is_whole_one_line_says_so(folder, capsys, command):
    for name in ("8", "12"):
        (folder / "run/checkpoints" / name / "manifest.json").unlink()
    before = content_of(folder)
    capsys.readouterr()
    assert rlsuite(command) == 2
    assert "all checkpoints in 'run' are damaged (step 12: it has no" in one_line(capsys)
    assert content_of(folder) == before


@pytest.mark.parametrize(
    "command",
    ["resume run", "resume run --steps 20", "report run", "evaluate run", "export run"],
)
def test_a_copy_without_checkpoints_is_not_begun_anew(folder, capsys, command):
    shutil.rmtree(folder / "run/checkpoints")
    before = content_of(folder)
    capsys.readouterr()
    assert rlsuite(command) == 2
    error = one_line(capsys)
    assert "'run' lacks its checkpoints" in error and "copy them, too, or start it again" in error
    assert content_of(folder) == before


def test_a_copy_without_checkpoints_is_compared(folder):
    shutil.copytree("run", "other")
    shutil.rmtree(folder / "other/checkpoints")
    assert rlsuite("compare run other --out out") == 0


@pytest.mark.parametrize(
    ("num_lines", "is_lacking"), [(6, True), (3, True), (2, False), (0, False)]
)
def test_only_what_has_been_saved_can_lack_its_checkpoints(folder, num_lines, is_lacking):
    """Steps are logged by two and saved by four, so that a kill may leave two lines."""
    shutil.rmtree(folder / "run/checkpoints")
    (folder / "run/report.md").unlink()
    (folder / "run/evaluation.json").unlink()
    path = folder / "run/metrics.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:num_lines]))
    run = open_run(Path("run"), Methods([SPEC]))
    assert run.lacks_checkpoints == is_lacking
    assert rlsuite("resume run") == (2 if is_lacking else 0)
    if is_lacking:
        with pytest.raises(UserError, match="lacks its checkpoints"):
            progress(Path("run"), Methods([SPEC]))


def test_a_run_of_another_version_is_read_and_goes_on_with_a_line(folder, capsys):
    path = folder / "run/checkpoints/12/manifest.json"
    versions = {"versions": {"rlsuite": "0.0.1", "jax": "0.1"}}
    path.write_text(sealed(parse_sealed(path.read_bytes()) | versions))
    capsys.readouterr()
    for command in ("report run", "evaluate run", "compare run --out out", "resume run"):
        assert rlsuite(command) == 0
        assert capsys.readouterr().err == ""
    assert rlsuite("resume run --steps 14") == 0
    assert "of step 12 in 'run' was saved by rlsuite 0.0.1, and this is" in one_line(capsys)
    assert rlsuite("resume run --steps 16") == 0
    assert capsys.readouterr().err == ""


def test_what_the_configuration_says_must_be_what_was_run(folder, capsys):
    path = folder / "run/config.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    capsys.readouterr()
    assert rlsuite("resume run --steps 20") == 2
    message = "is of another run: seed was 0, and is 1 in config.json"
    assert message in one_line(capsys)


def test_damaged_metrics_stop_nobody(folder, capsys):
    path = folder / "run/metrics.jsonl"
    content, random = path.read_bytes(), np.random.default_rng(1)
    for _ in range(8):
        damaged = bytearray(content)
        for position in random.integers(len(content), size=3):
            damaged[position] = random.integers(256)
        path.write_bytes(damaged)
        assert rlsuite("report run") == 0 and rlsuite("compare run --out out") == 0
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{\n", *lines[3:]]))
    assert rlsuite("report run") == 0
    text = (folder / "run/report.md").read_text()
    assert "There are no lines of 1 step in the metrics, though log_every is 2: 6." in text
    capsys.readouterr()
    assert rlsuite("resume run --steps 14") == 0
    assert one_line(capsys) == (
        "rlsuite: 'run/metrics.jsonl' was damaged: left out are its lines 3\n"
    )
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == [2, 4, 8, 10, 12, 14]
    assert "though log_every is 2: 6." in (folder / "run/report.md").read_text()


@pytest.mark.parametrize("content", [None, b"", b'{"step": 2}\n', b'{"meta_loss": 1}\n'])
def test_a_run_without_metrics_is_reported_and_compared(folder, content):
    shutil.copytree("run", "other")
    (folder / "run/metrics.jsonl").unlink()
    if content is not None:
        (folder / "run/metrics.jsonl").write_bytes(content)
    assert rlsuite("report run") == 0
    assert "## Learning curve" not in (folder / "run/report.md").read_text()
    assert rlsuite("compare run --out out") == 0
    assert "## Learning curves" not in (folder / "out/comparison.md").read_text()
    assert rlsuite("compare run other --out out") == 0
    assert "## Learning curves" in (folder / "out/comparison.md").read_text()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b"[" * 10**5, b'{"sha256": NaN}', b'{"a": 1e999}']
)
def test_a_damaged_evaluation_is_made_anew_when_asked_for(folder, capsys, content):
    path = folder / "run/evaluation.json"
    whole = path.read_bytes()
    path.write_bytes(content)
    capsys.readouterr()
    assert rlsuite("report run") == 0
    assert "'run/evaluation.json' is damaged" in one_line(capsys)
    text = (folder / "run/report.md").read_text()
    assert "'run/evaluation.json' is damaged" in text and "## Walk" in text
    assert rlsuite("compare run --out out") == 2
    assert "'run/evaluation.json' is damaged" in one_line(capsys)
    assert not (folder / "out").exists()
    assert rlsuite("evaluate run") == 0
    assert path.read_bytes() == whole


def test_a_test_says_of_which_step_it_is(folder, capsys):
    assert open_run(Path("run"), Methods([SPEC])).evaluation.step == 12
    assert rlsuite("report run") == 0
    assert "Tested at step 12.\n" in (folder / "run/report.md").read_text()
    damage(folder / "run/checkpoints/12/manifest.json")
    capsys.readouterr()
    assert rlsuite("evaluate run") == 0 and rlsuite("report run") == 0
    clearly = "Tested at step 8, which is not the last step of the run, 12."
    assert clearly in capsys.readouterr().out
    assert clearly in (folder / "run/report.md").read_text()


@pytest.mark.parametrize("tested_after_damage", [False, True])
def test_a_test_is_set_aside_under_its_own_step(folder, tested_after_damage):
    damage(folder / "run/checkpoints/12/manifest.json")
    if tested_after_damage:
        assert rlsuite("evaluate run") == 0
    content = (folder / "run/evaluation.json").read_bytes()
    assert rlsuite("resume run --steps 14") == 0
    name = f"evaluation-step{8 if tested_after_damage else 12}.json"
    assert (folder / "run" / name).read_bytes() == content
    assert [path.name for path in (folder / "run").glob("evaluation*")] == [name]


@pytest.mark.parametrize("is_logged", [True, False])
def test_a_run_cannot_end_where_it_was_before_what_is_damaged(folder, capsys, is_logged):
    damage(folder / "run/checkpoints/12/manifest.json")
    if not is_logged:
        path = folder / "run/metrics.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    assert rlsuite("report run") == 0
    before = content_of(folder)
    capsys.readouterr()
    for steps, message in [
        (8, "8 is not allowed; it must be at least 9, since it has been at 12, and is saved at 8"),
        (7, "7 is not allowed; it must be at least 9, since it has been at 12, and is saved at 8"),
    ]:
        assert rlsuite(f"resume run --steps {steps}") == 2
        assert f"steps: {message}\n" in one_line(capsys)
        assert {**content_of(folder), folder / "run/writer.lock": b""} == before
    # With a step left to do, all that came after is taken away.
    assert rlsuite("resume run --steps 10") == 0
    assert [step for step, _ in bits("run")[1]] == [2, 4, 6, 8, 10]
    assert sorted(path.name for path in (folder / "run/checkpoints").iterdir()) == ["10", "8"]
    assert "Step 10 of 10" in (folder / "run/report.md").read_text()


@pytest.mark.parametrize("command", ["resume run", "report run", "evaluate run"])
def test_a_file_in_place_of_the_checkpoints_is_damage(folder, capsys, command):
    shutil.rmtree(folder / "run/checkpoints")
    (folder / "run/checkpoints").write_text("")
    capsys.readouterr()
    assert rlsuite(command) == 2
    assert one_line(capsys) == "rlsuite: 'run/checkpoints' is damaged: it is no folder\n"


def test_a_run_with_a_damaged_configuration_can_be_replaced(folder, capsys):
    path = folder / "run/config.json"
    path.write_bytes(path.read_bytes()[:-3])
    before = content_of(folder)
    again = " ".join(["train walk smoke", *STEPS, "--out run"])
    capsys.readouterr()
    assert rlsuite(again) == 2
    error = one_line(capsys)
    assert "'run/config.json' is damaged" in error and "--overwrite" in error
    assert content_of(folder) == before
    assert rlsuite(f"{again} --overwrite") == 0
    assert rlsuite("report run") == 0 and not (folder / "run/evaluation.json").exists()


@pytest.mark.parametrize("name", ["report.md", "walk.png", "learning_curve.png", "evaluation.json"])
def test_what_is_written_does_not_go_through_links(folder, name):
    (folder / "precious").write_text("precious")
    (folder / "run" / name).unlink()
    (folder / "run" / name).symlink_to(folder / "precious")
    if name == "evaluation.json":
        assert rlsuite("report run") == 0
    assert rlsuite("evaluate run") == 0 and rlsuite("report run") == 0
    assert (folder / "precious").read_text() == "precious"
    assert not (folder / "run" / name).is_symlink()


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "checkpoints"])
def test_what_is_read_does_not_come_through_links(folder, capsys, name):
    (folder / "run" / name).rename(folder / "elsewhere")
    (folder / "run" / name).symlink_to(folder / "elsewhere")
    elsewhere = folder / "elsewhere"
    before = content_of(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()
    for command in ("report run", "resume run --steps 20"):
        capsys.readouterr()
        assert rlsuite(command) == 2
        assert f"'run/{name}' leads out of the run's folder" in one_line(capsys)
    assert before == (content_of(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes())


@pytest.mark.parametrize(
    "command", ["train walk smoke --overwrite --out run", "resume run --steps 20"]
)
def test_a_run_that_is_being_written_is_left_alone(folder, capsys, command):
    with writer(folder / "run"):
        before = content_of(folder)
        capsys.readouterr()
        assert rlsuite(command) == 2
        assert f"'run' is being written by process {os.getpid()} on " in one_line(capsys)
        assert content_of(folder) == before


def test_a_folder_moved_while_running_is_not_made_anew(folder, capsys, monkeypatch):
    write = MetricsLog.write

    def move_and_write(log, line):
        if line["step"] == 16:
            shutil.move("run", "moved")
        write(log, line)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", move_and_write)
        assert rlsuite("resume run --steps 20") == 2
    assert "'run' was moved, deleted or replaced while the run was writing" in one_line(capsys)
    assert not (folder / "run").exists()
    assert rlsuite("resume moved") == 0


def test_half_a_figure_never_stands_there(folder, capsys):
    before = content_of(folder)
    capsys.readouterr()
    with files_of_at_most(5000):
        assert rlsuite("report run") == 2
    assert one_line(capsys) == (
        "rlsuite: cannot write to 'run/learning_curve.png': File too large\n"
    )
    assert content_of(folder) == before


def test_what_is_kept_for_a_rival_is_not_needed(folder, capsys):
    shutil.copytree("run", "rival")
    path = folder / "rival/evaluation.json"
    whole = path.read_bytes()
    path.unlink()
    path.mkdir()
    capsys.readouterr()
    assert rlsuite("evaluate run --against rival") == 0
    assert "cannot write to 'rival/evaluation.json': Is a directory" in one_line(capsys)
    path.rmdir()
    path.write_bytes(whole[:-5])
    assert rlsuite("evaluate run --against rival") == 0
    assert path.read_bytes() == whole


def full(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_result_that_cannot_be_kept_is_shown_all_the_same(folder, capsys, monkeypatch):
    before = content_of(folder)
    monkeypatch.setattr(files.os, "fsync", full)
    capsys.readouterr()
    assert rlsuite("evaluate run") == 2
    said = capsys.readouterr()
    assert "WALK" in said.out
    assert said.err == "rlsuite: cannot write to 'run/evaluation.json': No space left on device\n"
    assert content_of(folder) == before


def test_whether_a_test_can_be_kept_is_asked_before_it(folder, capsys):
    spec = SPEC._replace(test=lambda *_: pytest.fail("was tested"))
    capsys.readouterr()
    with files_of_at_most(0):
        assert main(["evaluate", "run"], specs=[spec]) == 2
    assert one_line(capsys) == "rlsuite: cannot write to 'run': File too large\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("compare run --out run", "'run' holds a run; choose another folder"),
        ("compare run ../{here}/run --out out", "is named twice"),
    ],
)
def test_a_comparison_has_a_folder_and_runs_of_its_own(folder, capsys, line, message):
    assert rlsuite("evaluate run") == 0
    before = content_of(folder)
    capsys.readouterr()
    assert rlsuite(line.format(here=folder.name)) == 2
    assert message in one_line(capsys) and content_of(folder) == before


def test_a_command_in_a_report_is_one_line_of_code(folder):
    path = folder / "run" / "config.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"command": ["`a|b`\n# H", 5]}))
    assert rlsuite("report run") == 0
    assert "`'a|b' # H 5`" in (folder / "run" / "report.md").read_text()
