"""What all tests share."""

import gc
import os
import shutil
import tempfile

# Set before JAX is first imported: all processes of a test run, those that tests start included,
# share one compilation cache of their own, and neither read nor fill the user's.
_IS_OURS = "RLSUITE_TESTS_CACHE" not in os.environ
if _IS_OURS:
    os.environ["RLSUITE_TESTS_CACHE"] = tempfile.mkdtemp(prefix="rlsuite-tests-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["RLSUITE_TESTS_CACHE"]
# Small ones as well: each process makes the same hundred of them.
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
# Nearly all tests compile much and compute little, so that compiling well doesn't pay.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        # As `rlsuite.jit` compiles large programs, for tests that call JAX themselves.
        "--xla_cpu_use_fusion_emitters=false",
        # The oldest JAX that is allowed knows it; a flag that XLA does not know stops it.
        "--xla_cpu_opt_preset=CPU_OPT_PRESET_FAST_COMPILE",
        # There is a process for each core, so that dividing the work of one costs only.
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
)

from jaxtyping import install_import_hook

# Not yet: meta and methods.
CHECKED = [
    *("rlsuite.envs", "rlsuite.experiments"),
    *(
        "rlsuite.actions",
        "rlsuite.advantages",
        "rlsuite.analysis",
        "rlsuite.archive",
        "rlsuite.averages",
        "rlsuite.bandits",
    ),
    "rlsuite.games",
    *(
        "rlsuite.curricula",
        "rlsuite.designing",
        "rlsuite.drifts",
        "rlsuite.following",
        "rlsuite.exploration",
        "rlsuite.imitation",
    ),
    *(
        "rlsuite.clocks",
        "rlsuite.compiling",
        "rlsuite.convolution",
        "rlsuite.initialisers",
        "rlsuite.layers",
        "rlsuite.lifetime",
        "rlsuite.living",
    ),
    *(
        "rlsuite.networks",
        "rlsuite.agents",
        "rlsuite.recurrent",
        "rlsuite.lstm",
        "rlsuite.students",
    ),
    *("rlsuite.objectives", "rlsuite.quality_diversity"),
    *(
        "rlsuite.method",
        "rlsuite.named_scores",
        "rlsuite.precision",
        "rlsuite.pretrained",
        "rlsuite.ranges",
    ),
    *("rlsuite.rollout", "rlsuite.scores", "rlsuite.selection", "rlsuite.sharding"),
]
# Annotations are checked whenever a function is called or traced, shapes of arrays included.
install_import_hook(CHECKED, "annotations.checked")


# Tracing makes very many objects and few cycles of them: to look for these as often as Python does
# by itself takes a seventh of the time.
gc.set_threshold(200_000, 20, 50)


def pytest_collection_finish():
    """What has been imported stays, and is looked through no more."""
    gc.freeze()


def pytest_unconfigure():
    """Removes what was compiled for this run, in the process that made room for it."""
    if _IS_OURS:
        shutil.rmtree(os.environ["RLSUITE_TESTS_CACHE"], ignore_errors=True)
