"""What an importer finds by typing `rlsuite.` and Tab, and how soon."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import rlsuite

ROOT = Path(__file__).parent.parent
PUBLIC = (
    *("bandits", "curricula", "debugging", "drifts", "envs", "experiments", "games"),
    *("meta", "methods", "objectives", "pretrained", "scores"),
    *("Agent", "Life", "Method", "Task", "after", "jit", "live", "make_mesh", "train"),
)
# `rlsuite/envs` and `rlsuite/experiments` are links, which rglob doesn't enter.
STUBS = sorted(
    place / path.relative_to(folder)
    for folder, place in (
        (ROOT / "rlsuite", Path("rlsuite")),
        (ROOT / "envs", Path("rlsuite/envs")),
        (ROOT / "experiments", Path("rlsuite/experiments")),
    )
    for path in folder.rglob("*.pyi")
)
SLOW = ("jax", "flax", "gymnax", "matplotlib", "numpy", "orbax", "rich", "scipy")


def cost(code):
    """Seconds of CPU time that a program takes in a new process, and the slow packages it loads."""
    program = (
        f"{code}\nimport sys, time\n"
        f"print(time.process_time(), *(set({SLOW}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    seconds, *loaded = done.stderr.split()
    return float(seconds), loaded


@pytest.mark.parametrize(
    "code",
    [
        "import rlsuite",
        "import rlsuite.methods, rlsuite.envs, rlsuite.objectives, rlsuite.experiments",
        "from rlsuite.experiments.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass",
    ],
    ids=["import", "sub-packages", "help"],
)
def test_starting_is_quick_and_loads_nothing_slow(code):
    seconds, loaded = min(cost(code) for _ in range(3))
    assert loaded == [] and seconds < 0.3


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_listed_and_load(name):
    assert name in dir(rlsuite) and name in rlsuite.__all__
    assert getattr(rlsuite, name) is not None


@pytest.mark.parametrize("stub", STUBS, ids=str)
def test_every_name_of_a_stub_exists(stub):
    module = importlib.import_module(".".join(stub.parent.parts))
    tree = ast.parse((ROOT / stub).read_text())
    names = [
        alias.asname
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    ]
    assert len(names) > 0 and None not in names, "'import x as x' is what type checkers re-export"
    for name in names:
        assert getattr(module, name) is not None
        assert name in dir(module) and name in module.__all__


def test_modules_of_methods_are_listed():
    here = {path.stem for path in (ROOT / "rlsuite" / "methods").glob("[!_]*.py")}
    assert here <= set(dir(rlsuite.methods))
    for name in here:
        assert getattr(rlsuite.methods, name).__name__ == f"rlsuite.methods.{name}"
