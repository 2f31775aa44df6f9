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


class HalvingConvolution(nn.Module):
    """A 4 × 4 convolution with stride 2 and a border of one zero: half as many rows and columns.

    It equals `flax.linen.Conv` with padding 1, up to rounding, as one product of all windows with
    the filters: side by side over several sets of filters, that one is a sum for each of them.
    """

    num_filters: int

    @nn.compact
    def __call__(
        self, image: Float[Array, "image height width channel"]
    ) -> Float[Array, "image rows columns filter"]:
        """What each filter makes of each window. Sides must be even."""
        number, height, width, channels = image.shape
        padded = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows, columns = height // 2, width // 2
        # Squares of two by two, of which a window has four.
        squares = padded.reshape(number, rows + 1, 2, columns + 1, 2, channels)
        squares = squares.transpose(0, 1, 3, 2, 4, 5).reshape(number, rows + 1, columns + 1, -1)
        windows = jnp.concatenate(
            [squares[:, a : a + rows, b : b + columns] for a in (0, 1) for b in (0, 1)], axis=-1
        )
        return nn.Dense(self.num_filters)(windows)


class DoublingConvolution(nn.Module):
    """The transpose of a `HalvingConvolution`: twice as many rows and columns."""

    num_channels: int

    @nn.compact
    def __call__(
        self, image: Float[Array, "image rows columns filter"]
    ) -> Float[Array, "image height width channel"]:
        """What all filters leave together."""
        number, rows, columns, _ = image.shape
        windows = nn.Dense(16 * self.num_channels, use_bias=False)(image)
        parts = jnp.split(windows, 4, axis=-1)
        places = ((0, 0), (0, 1), (1, 0), (1, 1))
        squares = jnp.stack(
            [
                jnp.pad(part, ((0, 0), (a, 1 - a), (b, 1 - b), (0, 0)))
                for part, (a, b) in zip(parts, places, strict=True)
            ]
        ).sum(axis=0)
        shape = (number, rows + 1, columns + 1, 2, 2, self.num_channels)
        padded = squares.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
        padded = padded.reshape(number, 2 * rows + 2, 2 * columns + 2, self.num_channels)
        bias = self.param("bias", nn.initializers.zeros, (self.num_channels,))
        return padded[:, 1:-1, 1:-1] + bias
