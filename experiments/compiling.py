"""How programs are compiled: kept between processes, and quickly where they run only once."""

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


def jit_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` for what runs once: on a CPU compiled several times faster, to slower code."""
    is_cpu = jax.default_backend() == "cpu"
    options = {"xla_backend_optimization_level": 0} if is_cpu else None
    return jax.jit(function, compiler_options=options)
