"""Compiled programs are kept between processes."""

import os
from pathlib import Path

import jax


def enable_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX was told otherwise.

    A user without a home has no such folder, and none are kept.

    Those are kept that take half a second to compile, or as long as JAX's own option in the
    environment says.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None and (caches := _users_caches()):
        jax.config.update("jax_compilation_cache_dir", str(caches / "rlsuite" / "jax"))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _users_caches() -> Path | None:
    if asked := os.environ.get("XDG_CACHE_HOME"):
        return Path(asked)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # As in a container, for a user whom its system does not know.
        return None
