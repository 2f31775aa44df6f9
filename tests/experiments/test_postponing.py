"""Imports that wait until they are needed."""

import subprocess
import sys

import pytest

from rlsuite.experiments.postponing import postponed


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """On the path: `drawn.paper`, which says when it is imported, and `drawing`, which uses it."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "__init__.py").write_text("")
    (tmp_path / "drawn" / "paper.py").write_text("print('imported')\nSIZE = 3\n")
    (tmp_path / "drawing.py").write_text(
        "import drawn.paper as paper\n\n\ndef size():\n    return paper.SIZE\n"
    )
    yield
    for name in ("drawn", "drawn.paper", "drawing"):
        sys.modules.pop(name, None)


def test_a_postponed_module_is_imported_when_something_of_it_is_used(modules, capsys):
    with postponed("drawn.paper"):
        import drawing
    assert capsys.readouterr().out == "" and "drawn.paper" not in sys.modules
    assert drawing.size() == drawing.size() == 3
    assert capsys.readouterr().out == "imported\n"
    with pytest.raises(AttributeError, match="colour"):
        _ = drawing.paper.colour


def test_importing_a_postponed_module_is_as_ever_afterwards(modules):
    with postponed("drawn.paper"):
        import drawing
    import drawn.paper

    assert drawn.paper.SIZE == drawing.size() == 3
    assert drawn.paper is sys.modules["drawn.paper"] is not drawing.paper


def test_what_is_used_at_once_is_imported_at_once(modules, tmp_path, capsys):
    (tmp_path / "drawing.py").write_text("from drawn.paper import SIZE\n")
    with postponed("drawn.paper"):
        import drawing
    assert drawing.SIZE == 3 and capsys.readouterr().out == "imported\n"
    import drawn.paper

    assert drawn.paper is sys.modules["drawn.paper"] and capsys.readouterr().out == ""


def test_what_is_there_already_is_not_postponed(modules):
    import drawn.paper

    with postponed("drawn.paper"):
        import drawing
    assert drawing.paper is drawn.paper is sys.modules["drawn.paper"]


def test_the_command_loads_nothing_that_only_pictures_and_tests_of_runs_need():
    program = (
        "import sys\nfrom rlsuite.experiments.cli import main\nmain(['list'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    slow = {"seaborn", "matplotlib.pyplot", "pandas", "scipy.stats"}
    assert not slow & set(done.stderr.split()) and "gymnax" in done.stderr.split()
