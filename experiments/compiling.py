"""How programs are compiled: kept between processes, and no longer than it pays."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax


def enable_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told another one."""
    if jax.config.values["jax_compilation_cache_dir"] is None:
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(caches) / "rlsuite" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def jit(function: Callable[..., Any], **options: Any) -> jax.stages.Wrapped:
    """`jax.jit`, on a CPU compiled in less than half the time and memory to code as fast."""
    return jax.jit(function, compiler_options=_cpu_options(optimisation=2), **options)


def jit_once(function: Callable[..., Any]) -> jax.stages.Wrapped:
    """`jax.jit` for what runs once: on a CPU compiled several times faster, to slower code."""
    return jax.jit(function, compiler_options=_cpu_options(optimisation=0))


def _cpu_options(optimisation: int) -> dict[str, Any] | None:
    if jax.default_backend() != "cpu":
        return None
    # These programs are a thousand small loops around a few matrix products. XLA's newer fusion
    # emitters take most of the compile time and a gigabyte for them, and gain nothing; nor does
    # the compiler's highest level of optimisation (measured in docs/performance.md).
    return {
        "xla_cpu_use_fusion_emitters": False,
        "xla_backend_optimization_level": optimisation,
    }
