"""Means that a few extreme values do not move."""

from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float


def interquartile_mean(
    values: Float[Array, "*shape"] | Float[np.ndarray, "*shape"],
    axis: int | None = None,
    *,
    where: Bool[Array, "*shape"] | Bool[np.ndarray, "*shape"] | None = None,
) -> Any:
    r"""Mean of the middle half of values, as rliable has it (Agarwal et al., arXiv 2108.13264).

    Of :math:`n` values in order,

    .. math:: \frac{1}{n - 2 c} \sum_{i = c + 1}^{n - c} x_{(i)}, \qquad c = \lfloor n / 4 \rfloor

    Args:
      values: of NumPy or of JAX, as then is the result.
      axis: along which; none takes all values together.
      where: which values count; by default all.

    Returns:
      NaN where no value counts, or one that does is NaN.
    """
    space = values.__array_namespace__()
    counts = space.ones(values.shape, bool) if where is None else where
    if axis is None:
        values, counts, axis = values.reshape(-1), counts.reshape(-1), 0
    values, counts = space.moveaxis(values, axis, -1), space.moveaxis(counts, axis, -1)
    # Values that don't count come last, beside those that are infinite.
    ordered = space.sort(space.where(counts, values, space.inf), axis=-1)
    number = counts.sum(axis=-1, keepdims=True)
    place, cut = space.arange(values.shape[-1]), number // 4
    total = space.where((place >= cut) & (place < number - cut), ordered, 0.0).sum(axis=-1)
    number, cut = number[..., 0], cut[..., 0]
    unknown = (number == 0) | (counts & space.isnan(values)).any(axis=-1)
    return space.where(unknown, space.nan, total / space.maximum(number - 2 * cut, 1))
