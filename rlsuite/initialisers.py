"""How layers start, where the library's own way can wait for ever."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def orthogonal(gain: float = 1.0) -> nn.initializers.Initializer:
    """Orthogonal matrices times a gain, decomposed one at a time under `vmap`.

    A decomposition of many matrices at once waits for threads of the pool that it runs on itself:
    two of them side by side hang a machine of two cores for ever (jaxlib 0.10). So every orthogonal
    layer of the suite starts here.
    """

    def initialise(key, shape, dtype=jnp.float32):
        @jax.custom_batching.sequential_vmap
        def one_at_a_time(key):
            return nn.initializers.orthogonal(gain)(key, shape, dtype)

        return one_at_a_time(key)

    return initialise
