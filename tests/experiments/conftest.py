"""What tests of the shell share."""

import pytest
from rich.console import Console


@pytest.fixture(scope="session")
def quiet():
    """A console that shows nothing."""
    return Console(quiet=True)
