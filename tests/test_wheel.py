"""A wheel installs `rlsuite` alone, and works beside a user's own `envs/` and `experiments/`."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rlsuite import __version__

ROOT = Path(__file__).parent.parent


def run(*command, **options):
    """What a command prints; its errors are shown where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments):
    run(sys.executable, "-m", "pip", "--no-cache-dir", *map(str, arguments))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since setuptools takes up what lies in `build/` from an earlier time."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("rlsuite", "envs", "experiments"):
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # What it needs is installed already, so that nothing is fetched.
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", out, source)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--no-compile", "--target", target, wheel)
    return target


def test_a_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    folders = {"rlsuite": "rlsuite", "envs": "rlsuite/envs", "experiments": "rlsuite/experiments"}
    expected = {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in folders.items()
        for pattern in ("*.py", "*.pyi", "*.toml", "py.typed")
        for path in (ROOT / folder).rglob(pattern)
    }
    shipped = (ROOT / "experiments" / "pretrained").glob("*.[sm]*")
    expected |= {f"rlsuite/experiments/pretrained/{path.name}" for path in shipped}
    assert names == expected
    assert "rlsuite/py.typed" in names and "rlsuite/envs/__init__.pyi" in names


def test_an_installed_wheel_works_beside_other_packages_of_the_same_names(installed, tmp_path):
    for name in ("envs", "experiments"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('not the suite')\n")
    surroundings = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(installed)}}
    # As in a notebook or script of the user's, whose folder is searched first.
    where = run(
        sys.executable,
        "-c",
        "import rlsuite.methods.cheap_talk, rlsuite.experiments, rlsuite.envs.gridworld as grid;"
        "print(grid.__file__)",
        **surroundings,
    )
    assert Path(where.strip()) == installed / "rlsuite/envs/gridworld/__init__.py"
    shown = run(installed / "bin" / "rlsuite", "--version", **surroundings)
    assert shown.strip() == f"rlsuite {__version__}"
