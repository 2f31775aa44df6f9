"""Every method on several devices, through the command."""

import json
import os
import subprocess
import sys

import pytest

from rlsuite.experiments.registry import Methods

TRAIN_AND_RESUME = """
import json
import sys
from pathlib import Path

import jax
from rlsuite.experiments.cli import main

method, folder = sys.argv[1], Path(sys.argv[2])
assert jax.device_count() == 2
few = ["--steps", "1", "--log_every", "1", "--checkpoint_every", "1"]
assert main(["train", method, "smoke", *few, "--out", str(folder)]) == 0
document = json.loads((folder / "config.json").read_text())
document["config"]["steps"] = 2
(folder / "config.json").write_text(json.dumps(document))
assert main(["resume", str(folder)]) == 0
"""


@pytest.mark.parametrize("method", Methods().names)
def test_every_method_trains_and_resumes_on_two_devices(method, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_RESUME, method, str(tmp_path / "run")],
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
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
