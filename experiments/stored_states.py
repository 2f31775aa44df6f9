"""States as checkpoints hold them: leaves by their path, wherever they are or go."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def stored_leaves(state: Any) -> dict[str, Any]:
    """The leaves that a checkpoint holds, by path: orbax refuses those without elements."""
    named = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in named if leaf.size}


def destination(leaf: Any) -> jax.ShapeDtypeStruct:
    """Where a leaf is read to: as a whole to a device of each host, unless it has a sharding."""
    sharding = leaf.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def as_state(leaves: Mapping[str, Any], abstract_state: Any) -> Any:
    """A state of the leaves that a checkpoint has given back, and of those without elements."""

    def placed(path: Any, leaf: Any) -> jax.Array:
        if not leaf.size:
            return jnp.zeros(leaf.shape, leaf.dtype, device=leaf.sharding)
        restored = leaves[jax.tree_util.keystr(path)]
        return _uncommitted(restored) if leaf.sharding is None else restored

    return jax.tree_util.tree_map_with_path(placed, abstract_state)


def _uncommitted(leaf: jax.Array) -> jax.Array:
    """The same array, no longer tied to the device it was read to.

    A program over several devices refuses arguments that are tied to one of them.
    """
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        words = _uncommitted(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaf))
    # Moved, where `jnp.asarray` compiles a program for each shape.
    return jax.device_put(np.asarray(leaf), may_alias=False)
