"""What is said of versions agrees with what is installed and allowed."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def found(file: str, pattern: str) -> str:
    (match,) = re.findall(pattern, (ROOT / file).read_text(), flags=re.MULTILINE)
    return match


def test_the_versions_of_jax_agree_wherever_they_are_named():
    oldest, locked = (
        found("Makefile", r"^OLDEST_JAX := (.*)$"),
        found("requirements.lock", r"^jax==(.*)$"),
    )
    assert oldest == found("pyproject.toml", r'"jax>=([0-9.]+),') + ".0"
    assert found("README.md", r"Tested are JAX (\S+), the oldest") == oldest
    assert found("README.md", r"and (\S+), the newest") == locked


def test_distrax_still_asks_for_a_nightly_build():
    """Once it doesn't, the lock needs none."""
    from importlib.metadata import requires

    assert any(name.startswith("tfp-nightly") for name in requires("distrax"))
    assert found("requirements.lock", r"^(tfp-nightly)==")
