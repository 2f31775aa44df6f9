"""What tests of control share."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _compile_quickly(quick_compilation):
    """For all tests of control."""
