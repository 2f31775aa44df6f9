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
    """`jax.jit`, on a CPU at a level of optimisation that compiles faster, to code as fast."""
    return jax.jit(function, compiler_options=_cpu_options(optimisation=2), **options)


def jit_large(function: Callable[..., Any], **options: Any) -> jax.stages.Wrapped:
    """`jit` for meta-gradients, on a CPU compiled in less than half the time and memory.

    Such programs are a thousand small loops around a few large matrix products. XLA's newer fusion
    emitters take most of the compile time and a gigabyte for them, and gain nothing. Programs of
    small products alone are twice as fast with them (measured in docs/performance.md).
    """
    compiler_options = _cpu_options(optimisation=2, use_fusion_emitters=False)
    return jax.jit(function, compiler_options=compiler_options, **options)


def jit_once(function: Callable[..., Any]) -> jax.stages.Wrapped:
    """`jax.jit` for what runs once: on a CPU compiled several times faster, to slower code."""
    compiler_options = _cpu_options(optimisation=0, use_fusion_emitters=False)
    return jax.jit(function, compiler_options=compiler_options)


def _cpu_options(optimisation: int, *, use_fusion_emitters: bool = True) -> dict[str, Any] | None:
    if jax.default_backend() != "cpu":
        return None
    return {
        "xla_cpu_use_fusion_emitters": use_fusion_emitters,
        "xla_backend_optimization_level": optimisation,
    }
