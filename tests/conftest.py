"""What all tests share."""

import os

# Set before JAX is first imported: tests neither read nor fill the user's compilation cache.
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
# As `rlsuite.jit` compiles large programs, for tests that call JAX themselves.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_use_fusion_emitters=false"

import jax
import pytest
from jaxtyping import install_import_hook

# Not yet: meta and methods.
CHECKED = [
    *("rlsuite.envs", "rlsuite.experiments"),
    *("rlsuite.advantages", "rlsuite.analysis", "rlsuite.curricula", "rlsuite.drifts"),
    *(
        "rlsuite.clocks",
        "rlsuite.compiling",
        "rlsuite.initialisers",
        "rlsuite.lifetime",
        "rlsuite.living",
    ),
    *("rlsuite.networks", "rlsuite.agents", "rlsuite.recurrent"),
    "rlsuite.objectives",
    *("rlsuite.method", "rlsuite.precision", "rlsuite.pretrained", "rlsuite.ranges"),
    *("rlsuite.rollout", "rlsuite.scores", "rlsuite.selection", "rlsuite.sharding"),
]
# Annotations are checked whenever a function is called or traced, shapes of arrays included.
install_import_hook(CHECKED, "annotations.checked")


@pytest.fixture(scope="module")
def quick_compilation():
    """For tests that compile much and compute little, so that compiling well doesn't pay."""
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
