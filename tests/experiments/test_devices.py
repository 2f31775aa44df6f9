"""Every method on several devices, through the command."""

import os
import subprocess
import sys

import pytest

from rlsuite.experiments.registry import Methods

RUN = """
import sys
from pathlib import Path

import jax
from rlsuite.experiments.conformance import check_run

assert jax.device_count() == 2
check_run(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("method", Methods().names)
def test_every_method_trains_resumes_and_reports_on_two_devices(method, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", RUN, method, str(tmp_path / "run")],
        env={
            **os.environ,
            "XLA_FLAGS": flags,
            # What training has compiled, the resumed run need not compile again.
            "JAX_ENABLE_COMPILATION_CACHE": "true",
            "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
