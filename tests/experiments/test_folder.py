from datetime import datetime

import jax
import pytest

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.folder import (
    FORMAT_VERSION,
    check_free,
    create_run,
    holds_run,
    read_document,
)


def make_run(directory):
    create_run(directory, {"method": "groove"})
    return directory


def test_the_document_of_a_run(tmp_path):
    assert not holds_run(tmp_path)
    document = read_document(make_run(tmp_path / "run"))
    assert holds_run(tmp_path / "run")
    assert document["format_version"] == FORMAT_VERSION
    assert document["method"] == "groove"
    assert document["device"]["count"] == jax.device_count()
    assert document["command"] and datetime.fromisoformat(document["created"])
    assert document["versions"]["jax"] == jax.__version__


def test_a_run_of_another_format_is_refused(tmp_path):
    path = make_run(tmp_path / "run") / "config.json"
    path.write_text(path.read_text().replace('_version": 3', '_version": 1'))
    with pytest.raises(UserError, match="format version 1; this rlsuite reads version 3"):
        read_document(tmp_path / "run")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 3}'])
def test_a_foreign_config_file_is_no_run(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert not holds_run(tmp_path)


def test_a_configuration_that_is_no_json_is_called_damaged(tmp_path):
    path = make_run(tmp_path / "run") / "config.json"
    for content in (path.read_bytes()[:-3], b"\xff" + path.read_bytes(), b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"config\.json' is damaged: "):
            read_document(tmp_path / "run")


def test_what_a_new_run_may_replace(tmp_path):
    directory = make_run(tmp_path / "run")
    (directory / "report.md").write_text("old")
    with pytest.raises(UserError, match=r"rlsuite resume .*--overwrite"):
        check_free(directory, overwrite=False)
    check_free(directory, overwrite=True)
    make_run(directory)
    assert [path.name for path in directory.iterdir()] == ["config.json"]

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    check_free(foreign, overwrite=False)
    # What a process leaves that was killed while it made the run.
    (foreign / "writer.lock").touch()
    (foreign / ".config.123.tmp.json").touch()
    check_free(foreign, overwrite=False)
    (foreign / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="not empty and holds no run"):
            check_free(foreign, overwrite=overwrite)
    with pytest.raises(UserError, match="is a file"):
        check_free(foreign / "thesis.tex", overwrite=True)
    with pytest.raises(UserError, match="cannot write"):
        make_run(foreign / "thesis.tex" / "run")
    assert (foreign / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_a_damaged_run_is_replaced_only_if_nothing_else_is_there(tmp_path, content):
    run = make_run(tmp_path / "run")
    (run / "config.json").write_bytes(content)
    for name in ("metrics.jsonl", "writer.lock", "report.md", "test.png", "evaluation-step4.json"):
        (run / name).touch()
    (run / "checkpoints").mkdir()
    with pytest.raises(UserError, match=r"config\.json' is damaged: .*--overwrite"):
        check_free(run, overwrite=False)
    check_free(run, overwrite=True)
    (run / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"is damaged: .*'thesis\.tex' is no part of one"):
            check_free(run, overwrite=overwrite)
    (run / "thesis.tex").unlink()
    make_run(run)
    assert {path.name for path in run.iterdir()} == {"config.json", "writer.lock"}
