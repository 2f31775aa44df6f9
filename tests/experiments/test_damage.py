"""Checkpoints that were damaged: none is used, each is named, and the one before it is."""

import errno
import json
import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from rlsuite.experiments import checkpoints as checkpoints_module
from rlsuite.experiments import manifests
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import parse_sealed, sealed
from rlsuite.experiments.folder import create_run

DESCRIPTION = {
    "method": "groove",
    "world_parameters": {"gravity": 9.8},
    "config": {
        "seed": 0,
        "steps": 30,
        "log_every": 5,
        "checkpoint_every": 10,
        "wandb": None,
        "method": {"meta": {"learning_rate": 0.1}},
        "evaluation": {"num_seeds": 3},
    },
}


def state_at(step):
    return {"key": jax.random.key(step), "w": jnp.arange(6.0).reshape(2, 3) + step}


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(checkpoints_module, "_said", set())


@pytest.fixture
def run(tmp_path):
    """A run with checkpoints of the steps 10 and 20."""
    create_run(tmp_path / "run", DESCRIPTION)
    with Checkpoints(tmp_path / "run") as checkpoints:
        for step in (10, 20):
            checkpoints.save(step, state_at(step))
    return tmp_path / "run"


def files_of(run, step=20):
    return sorted(path for path in (run / "checkpoints" / str(step)).rglob("*") if path.is_file())


def restored_step(run):
    """The step whose state comes back, which is compared bit by bit."""
    with Checkpoints(run) as checkpoints:
        step = checkpoints.latest_step()
        found = checkpoints.restore(jax.eval_shape(lambda: state_at(0)))
    expected = state_at(step)
    np.testing.assert_array_equal(found["w"], expected["w"])
    np.testing.assert_array_equal(
        jax.random.key_data(found["key"]), jax.random.key_data(expected["key"])
    )
    return step


def newest(run):
    with Checkpoints(run) as checkpoints:
        return checkpoints.latest_step()


def test_no_flipped_byte_of_any_file_goes_unnoticed(run):
    assert restored_step(run) == 20
    random = np.random.default_rng(0)
    for path in files_of(run):
        content = path.read_bytes()
        positions = {0, len(content) - 1, *random.integers(len(content), size=20)}
        for position in positions:
            damaged = bytearray(content)
            damaged[position] ^= 1 << random.integers(8)
            path.write_bytes(damaged)
            assert newest(run) == 10, (path, position)
        path.write_bytes(content)
    assert restored_step(run) == 20


def cut(folder, file):
    file.write_bytes(file.read_bytes()[:-1])


def lengthen(folder, file):
    file.write_bytes(file.read_bytes() + b"\0")


def empty(folder, file):
    file.write_bytes(b"")


def delete(folder, file):
    file.unlink()


def link(folder, file):
    file.rename(folder.parent.parent / "elsewhere")
    file.symlink_to(folder.parent.parent / "elsewhere")


def make_folder(folder, file):
    file.unlink()
    file.mkdir()


def make_pipe(folder, file):
    file.unlink()
    os.mkfifo(file)


def swap_with_the_older(folder, file):
    other = folder.parent / "10" / file.relative_to(folder)
    kept = file.read_bytes()
    if other.exists() and other.read_bytes() != kept:
        file.write_bytes(other.read_bytes())
    else:
        file.unlink()


@pytest.mark.parametrize(
    "damage", [cut, lengthen, empty, delete, link, make_folder, make_pipe, swap_with_the_older]
)
def test_a_damaged_file_costs_one_checkpoint(run, damage, monkeypatch, capsys):
    whole = run.parent / "whole"
    shutil.copytree(run, whole)
    for file in files_of(run):
        damage(run / "checkpoints" / "20", file)
        monkeypatch.setattr(checkpoints_module, "_said", set())
        capsys.readouterr()
        assert newest(run) == 10
        line = capsys.readouterr().err
        assert line.startswith("rlsuite: the checkpoint of step 20 in ") and line.count("\n") == 1
        assert line.endswith("): the one of step 10 is used\n")
        shutil.rmtree(run)
        shutil.copytree(whole, run)
    assert restored_step(run) == 20


def test_nothing_more_may_lie_in_a_checkpoint(run):
    extra = run / "checkpoints" / "20" / "extra"
    extra.write_text("")
    assert restored_step(run) == 10
    extra.unlink()
    extra.symlink_to(run)
    assert restored_step(run) == 10


def test_a_checkpoint_that_is_a_link_or_no_folder_is_damaged(run):
    newer = run / "checkpoints" / "30"
    newer.symlink_to("20")
    assert restored_step(run) == 20
    newer.unlink()
    newer.write_text("")
    assert restored_step(run) == 20


@pytest.mark.parametrize("name", ["0030", "3e1", "+30", "３０", "0", "-30", "30.tmp", "thirty"])
def test_only_names_of_steps_are_checkpoints(run, name):
    shutil.copytree(run / "checkpoints" / "20", run / "checkpoints" / name)
    assert restored_step(run) == 20


def test_one_step_is_not_taken_for_another(run):
    shutil.copytree(run / "checkpoints" / "20", run / "checkpoints" / "30")
    assert restored_step(run) == 20


def test_where_none_is_whole_nothing_is_parsed(run, monkeypatch):
    monkeypatch.setattr(ocp.Checkpointer, "restore", lambda *_, **__: pytest.fail("was parsed"))
    for step in (10, 20):
        empty(None, files_of(run, step)[-1])
    message = r"all checkpoints in .* are damaged \(step 20: .*; step 10: .*\)"
    with Checkpoints(run) as checkpoints:
        with pytest.raises(UserError, match=message):
            checkpoints.latest_step()
        with pytest.raises(UserError, match=message):
            checkpoints.restore(jax.eval_shape(lambda: state_at(0)))


def test_a_step_whose_checkpoint_was_damaged_is_saved_again(run):
    empty(None, files_of(run)[0])
    assert restored_step(run) == 10
    with Checkpoints(run) as checkpoints:
        checkpoints.save(20, state_at(20))
    assert restored_step(run) == 20
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"10", "20"}


def test_reading_changes_nothing(run):
    def everything():
        return {path: path.lstat().st_mtime_ns for path in run.rglob("*")}

    empty(None, files_of(run)[0])
    (run / "checkpoints" / ".saving-30").mkdir()
    before = everything()
    assert restored_step(run) == 10
    assert everything() == before


def change_config(run, change):
    path = run / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.update(method="lpg"), "method was groove, and is lpg in config.json"),
        (lambda run: run["config"].update(seed=1), "seed was 0, and is 1 in"),
        (
            lambda run: run["config"]["method"]["meta"].update(learning_rate=0.2),
            "meta.learning_rate was 0.1, and is 0.2 in",
        ),
        (lambda run: run["world_parameters"].update(gravity=1), "tasks.gravity was 9.8, and is 1"),
        (lambda run: run["config"].update(new=1), "new was not set, and is 1 in"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(run, change, message):
    change_config(run, change)
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match="is of another run: "):
        checkpoints.latest_step()
    with Checkpoints(run) as checkpoints, pytest.raises(UserError) as raised:
        checkpoints.restore(jax.eval_shape(lambda: state_at(0)))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        ("/new/mine.py:SPEC", True),
        ("/old/other.py:SPEC", False),
        ("/old/mine.py:OTHER", False),
        ("mine:SPEC", False),
    ],
)
def test_a_method_may_be_moved_with_its_file(run, now, is_same):
    saved = parse_sealed((run / "checkpoints/20/manifest.json").read_bytes())["run"]
    reseal(run, {"run": saved | {"method": "/old/mine.py:SPEC"}})
    change_config(run, lambda document: document.update(method=now))
    if is_same:
        assert restored_step(run) == 20
        return
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match="is of another run: "):
        checkpoints.latest_step()


@pytest.mark.parametrize("field", ["steps", "log_every", "checkpoint_every", "wandb", "evaluation"])
def test_what_changes_no_result_may_change(run, field):
    change_config(run, lambda document: document["config"].update({field: 7}))
    assert restored_step(run) == 20


def reseal(folder, changes):
    path = folder / "checkpoints" / "20" / "manifest.json"
    path.write_text(sealed(parse_sealed(path.read_bytes()) | changes))


def test_a_checkpoint_of_another_format_version_is_refused(run):
    reseal(run, {"format_version": 99})
    message = "was saved in format version 99; this rlsuite reads"
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match=message):
        checkpoints.latest_step()


def test_a_checkpoint_of_another_version_is_read_and_known_as_such(run):
    with Checkpoints(run) as checkpoints:
        assert checkpoints.other_version() is None
        reseal(run, {"versions": {"rlsuite": "0.0.1", "jax": "0.1"}})
        assert checkpoints.other_version() == "0.0.1"
    assert restored_step(run) == 20


def test_sizes_are_compared_before_anything_is_read(run, monkeypatch):
    monkeypatch.setattr(ocp.Checkpointer, "restore", lambda *_, **__: pytest.fail("was parsed"))
    arrays = parse_sealed((run / "checkpoints/20/manifest.json").read_bytes())["arrays"]
    reseal(run, {"arrays": arrays | {"['w']": {"shape": [10**9, 10**9], "dtype": "float32"}}})
    message = r"differ in '\['w'\]', float32\[1000000000, 1000000000\] there and float32\[2, 3\]"
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match=message):
        checkpoints.restore(jax.eval_shape(lambda: state_at(0)))


@pytest.mark.parametrize(("number", "step"), [(errno.EIO, 10), (errno.EACCES, None)])
def test_only_what_lies_in_a_checkpoint_costs_it(run, monkeypatch, number, step):
    """A disk's error does; that this process may not read it, or has no more memory, doesn't."""
    digest = manifests._digest

    def digest_or_fail(path):
        if "20" in path.parts:
            raise OSError(number, os.strerror(number))
        return digest(path)

    monkeypatch.setattr(manifests, "_digest", digest_or_fail)
    if step is not None:
        assert restored_step(run) == step
        return
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match="Permission denied"):
        checkpoints.latest_step()


def test_a_manifest_that_lacks_something_is_damaged(run):
    path = run / "checkpoints" / "20" / "manifest.json"
    for name in ("step", "run", "files"):
        document = parse_sealed(path.read_bytes())
        del document[name]
        kept = path.read_bytes()
        path.write_text(sealed(document))
        assert newest(run) == 10
        path.write_bytes(kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "20"},
        {"step": True},
        {"run": None},
        {"versions": {}},
        {"versions": {"rlsuite": 1}},
        {"versions": "0.1"},
        {"arrays": []},
        {"arrays": {"w": None}},
        {"arrays": {"w": {"shape": 3, "dtype": "float32"}}},
        {"arrays": {"w": {"shape": [3.0], "dtype": "float32"}}},
        {"files": {"a": 1}},
        {"files": {"a": {"size": "1", "sha256": "0"}}},
        {"files": {"a": {"size": 1}}},
        {"files": ["a"]},
    ],
)
def test_a_manifest_of_odd_types_is_damaged_whatever_its_seal(run, changes):
    reseal(run, changes)
    assert newest(run) == 10


def test_a_file_in_place_of_all_checkpoints_is_damage(run):
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").touch()
    with Checkpoints(run) as checkpoints, pytest.raises(UserError, match="is damaged: it is no"):
        checkpoints.latest_step()


def test_a_state_comes_with_the_step_that_it_is_of(run):
    manifest = run / "checkpoints" / "20" / "manifest.json"
    with Checkpoints(run) as checkpoints:
        abstract = jax.eval_shape(lambda: state_at(0))
        assert checkpoints.restore_with_step(abstract)[0] == 20
        manifest.unlink()
        step, state = checkpoints.restore_with_step(abstract)
        assert (step, checkpoints.furthest_step()) == (10, 20)
    np.testing.assert_array_equal(state["w"], state_at(10)["w"])


def test_a_checkpoint_forgotten_while_it_is_read_is_looked_for_again(run, monkeypatch):
    restore = ocp.Checkpointer.restore
    reads = []

    def restore_late(self, folder, *args, **options):
        reads.append(Path(folder).name)
        if len(reads) == 1:
            with Checkpoints(run, kept=1) as writer:
                writer.save(30, state_at(30))
        return restore(self, folder, *args, **options)

    monkeypatch.setattr(ocp.Checkpointer, "restore", restore_late)
    with Checkpoints(run) as checkpoints:
        found = checkpoints.restore(jax.eval_shape(lambda: state_at(0)))
    assert reads == ["20", "30"]
    np.testing.assert_array_equal(found["w"], state_at(30)["w"])


def test_a_link_out_of_the_folder_is_not_followed(run):
    (run / "checkpoints").rename(run.parent / "others")
    (run / "checkpoints").symlink_to(run.parent / "others")
    before = {path: path.lstat().st_mtime_ns for path in (run.parent / "others").rglob("*")}
    with Checkpoints(run) as checkpoints:
        with pytest.raises(UserError, match="leads out of the run's folder"):
            checkpoints.latest_step()
        with pytest.raises(UserError, match="leads out of the run's folder"):
            checkpoints.save(40, state_at(40))
    assert before == {path: path.lstat().st_mtime_ns for path in (run.parent / "others").rglob("*")}
