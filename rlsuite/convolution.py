"""Convolutions over small images, as products of matrices."""

import flax.linen as nn
import jax
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
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.num_filters,), jnp.float32)
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

    It equals `flax.linen.Conv` with padding 1, up to rounding, for images on the last axis.
    """

    num_filters: int

    @nn.compact
    def __call__(
        self, image: Float[Array, "channel height width image"]
    ) -> Float[Array, "filter rows columns image"]:
        """What each filter makes of each window. Sides must be even."""
        shape = (_WINDOW, _WINDOW, len(image), self.num_filters)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.num_filters,), jnp.float32)
        return _halved(image, kernel) + bias[:, None, None, None]


class DoublingConvolution(nn.Module):
    """The transpose of a `HalvingConvolution`: twice as many rows and columns."""

    num_channels: int

    @nn.compact
    def __call__(
        self, image: Float[Array, "filter rows columns image"]
    ) -> Float[Array, "channel height width image"]:
        """What all filters leave together."""
        # Of each number in a window by itself.
        initialise = nn.initializers.lecun_normal(in_axis=3, out_axis=2, batch_axis=(0, 1))
        shape = (_WINDOW, _WINDOW, self.num_channels, len(image))
        kernel = self.param("kernel", initialise, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.num_channels,), jnp.float32)
        return _doubled(image, kernel) + bias[:, None, None, None]


# Images are on the last axis, so that what is moved about lies side by side, and each of the two is
# the other's gradient in images: on a CPU XLA's own gradient of moving pixels takes thrice as long.


@jax.custom_vjp
def _halved(
    image: Float[Array, "channel height width image"],
    kernel: Float[Array, "4 4 channel filter"],
) -> Float[Array, "filter rows columns image"]:
    _, height, width, number = image.shape
    product = _as_matrix(kernel).T @ _windows(image)
    return product.reshape(-1, height // 2, width // 2, number)


@jax.custom_vjp
def _doubled(
    image: Float[Array, "filter rows columns image"],
    kernel: Float[Array, "4 4 channel filter"],
) -> Float[Array, "channel height width image"]:
    return _overlaid(_as_matrix(kernel) @ _flat(image), *image.shape[1:])


def _halved_gradients(kept, gradient):
    image, kernel = kept
    of_kernel = _windows(image) @ _flat(gradient).T
    return _doubled(gradient, kernel), of_kernel.reshape(kernel.shape)


def _doubled_gradients(kept, gradient):
    image, kernel = kept
    windows = _windows(gradient)
    of_image = _as_matrix(kernel).T @ windows
    return of_image.reshape(image.shape), (windows @ _flat(image).T).reshape(kernel.shape)


_halved.defvjp(lambda *both: (_halved(*both), both), _halved_gradients)
_doubled.defvjp(lambda *both: (_doubled(*both), both), _doubled_gradients)

_WINDOW = 4
_OVERLAID = (((1, 0), (3, -1)), ((2, 0), (0, 1)))
"""Of even and of odd rows: which row of a window lies there, of that so many windows further on."""


def _as_matrix(kernel: Float[Array, "4 4 channel filter"]) -> Float[Array, "number filter"]:
    return kernel.reshape(-1, kernel.shape[-1])


def _flat(image: Float[Array, "filter rows columns image"]) -> Float[Array, "filter place"]:
    return image.reshape(len(image), -1)


def _windows(image: Float[Array, "channel height width image"]) -> Float[Array, "number place"]:
    """The numbers of each window, in columns."""
    _, height, width, _ = image.shape
    bordered = _bordered(image)
    corners = [
        bordered[:, row : row + height : 2, column : column + width : 2]
        for row in range(_WINDOW)
        for column in range(_WINDOW)
    ]
    return jnp.stack(corners).reshape(_WINDOW**2 * len(image), -1)


def _overlaid(
    windows: Float[Array, "number place"], rows: int, columns: int, number: int
) -> Float[Array, "channel height width image"]:
    """Images of which windows are added up where they overlap; the transpose of `_windows`."""
    bordered = _bordered(windows.reshape(_WINDOW, _WINDOW, -1, rows, columns, number))

    def there(row, column, further):
        down, right = (1 + steps for steps in further)
        return bordered[row, column, :, down : down + rows, right : right + columns]

    def parity(is_odd_row, is_odd_column):
        return sum(
            there(row, column, (down, right))
            for row, down in _OVERLAID[is_odd_row]
            for column, right in _OVERLAID[is_odd_column]
        )

    lines = [jnp.stack([parity(row, 0), parity(row, 1)], axis=3) for row in (0, 1)]
    return jnp.stack(lines, axis=2).reshape(-1, 2 * rows, 2 * columns, number)


def _bordered(
    image: Float[Array, "*any height width image"],
) -> Float[Array, "*any rows columns image"]:
    """Images with a border of one zero."""
    *first, height, width, number = image.shape
    # Written into zeros, not padded: else what is put in would be computed again in each window.
    zeros = jnp.zeros((*first, height + 2, width + 2, number), image.dtype)
    return jax.lax.dynamic_update_slice(zeros, image, (*(0 for _ in first), 1, 1, 0))
