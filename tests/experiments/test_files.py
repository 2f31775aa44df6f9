import os

import pytest

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import write_text


def test_write_text_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_text(path, "old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=r"cannot write to .*config\.json.: disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
