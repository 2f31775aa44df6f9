"""What tests of sweeps share."""

import os
from pathlib import Path

import pytest

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture
def processes_find_newcomers(monkeypatch):
    """Has the processes of jobs find the method and the world of tests/support."""
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
