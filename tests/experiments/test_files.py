import errno
import json
import os

import pytest

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import (
    check_writable,
    inside,
    parse_json,
    parse_sealed,
    read_bytes,
    replacing,
    sealed,
    write_text,
)


def test_write_text_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    write_text(path, "old")

    def fail(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=r"cannot .*config\.json.: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_text_is_written_all_the_same(tmp_path):
    write_text(tmp_path / "report.md", "ein Größter: \udcff, \ud800\n")
    assert (tmp_path / "report.md").read_bytes() == b"ein Gr\xc3\xb6\xc3\x9fter: \\udcff, \\ud800\n"


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path):
    precious, path = tmp_path / "thesis.tex", tmp_path / "report.md"
    precious.write_text("precious")
    path.symlink_to(precious)
    write_text(path, "a report")
    assert (precious.read_text(), path.read_text()) == ("precious", "a report")
    assert not path.is_symlink()


def test_what_fails_midway_leaves_nothing(tmp_path):
    path = tmp_path / "figure.png"
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        assert temporary.suffix == ".png" and temporary.parent == tmp_path
        temporary.write_bytes(b"half")
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["../outside", "/etc/hostname", "circle"])
def test_no_link_leads_out_of_a_folder(tmp_path, target):
    (tmp_path / "run").mkdir()
    (tmp_path / "outside").write_text("not of this run")
    (tmp_path / "run" / "circle").symlink_to(target)
    with pytest.raises(UserError, match=r"leads out of the run's folder|can't be followed"):
        read_bytes(tmp_path / "run", "circle")
    with pytest.raises(UserError, match="leads out"):
        inside(tmp_path / "run", "../outside")


def test_a_folder_may_itself_be_reached_by_a_link(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "file").write_bytes(b"text")
    (tmp_path / "run").symlink_to("scratch")
    assert read_bytes(tmp_path / "run", "file") == b"text"
    assert read_bytes(tmp_path / "run", "none") is None
    assert read_bytes(tmp_path / "nowhere", "none") is None


def test_what_is_no_file_is_not_read(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # Whose reader would wait for ever.
    for name in ("folder", "pipe"):
        with pytest.raises(UserError, match="is no file"):
            read_bytes(tmp_path, name)
    with pytest.raises(UserError, match="File name too long"):
        read_bytes(tmp_path, "x" * 1000)


def test_whether_a_folder_takes_files_is_tried(tmp_path):
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"cannot write to .*nowhere.: No such file"):
        check_writable(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{\x00}\x00", b"[" * 100_000, b'{"a": ' * 100_000, b"1" * 5000]
)
def test_what_is_no_json_is_a_value_error(content):
    with pytest.raises(ValueError):
        parse_json(content)
    with pytest.raises(ValueError):
        parse_sealed(content)


DOCUMENT = {"numbers": [0.1, 1e300, -3, None], "text": "Größe …", "inner": {"deep": [{}]}}


def test_a_sealed_document_comes_back():
    text = sealed({**DOCUMENT, "tuple": (1, 2), 5: "key"})
    assert parse_sealed(text.encode()) == {**DOCUMENT, "tuple": [1, 2], "5": "key"}


def test_every_flipped_bit_breaks_a_seal():
    content = sealed(DOCUMENT).encode()
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            with pytest.raises(ValueError):
                parse_sealed(bytes(damaged))


@pytest.mark.parametrize("depth", [300, 900])
def test_a_deep_document_breaks_its_seal(depth):
    text = json.dumps({"sha256": "0", "deep": 0}).replace("0}", "[" * depth + "]" * depth + "}")
    with pytest.raises(ValueError):
        parse_sealed(text.encode())
