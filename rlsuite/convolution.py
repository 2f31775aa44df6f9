"""Convolutions over small images, as products of matrices."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

SIDE = 3
"""Of the window that a convolution looks through."""


class Convolution3x3(nn.Module):
    """A 3 × 3 convolution without padding, as one product of all windows with the filters.

    It equals `flax.linen.Conv` with padding `VALID`, up to rounding. On a CPU that one's gradient
    takes 20 times as long in a loop, where XLA writes it out as plain sums.
    """

    num_filters: int
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(
        self, image: Float[Array, "*batch height width channel"]
    ) -> Float[Array, "*batch rows columns filter"]:
        """What each filter makes of each window."""
        height, width, channels = image.shape[-3:]
        rows, columns = height - SIDE + 1, width - SIDE + 1
        shape = (SIDE, SIDE, channels, self.num_filters)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.num_filters,))
        shifted = [
            image[..., row : row + rows, column : column + columns, :]
            for row in range(SIDE)
            for column in range(SIDE)
        ]
        windows = jnp.concatenate(shifted, axis=-1)
        # As a matrix: sums over several axes, such as the gradient's, are slower by half.
        flat = windows.reshape(-1, windows.shape[-1])
        outputs = flat @ kernel.reshape(-1, self.num_filters) + bias
        return outputs.reshape(*windows.shape[:-1], self.num_filters)
