"""Figures of drifts."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from rlsuite.experiments.plot_style import INK, key_below, line_mark, save


class Surface(NamedTuple):
    """A drift and its slope in the ratio."""

    drift: Float[np.ndarray, "advantage ratio"]
    slope: Float[np.ndarray, "advantage ratio"]


def drift_maps(
    path: Path,
    surfaces: Mapping[str, Surface],
    ratios: Float[np.ndarray, " ratio"],
    advantages: Float[np.ndarray, " advantage"],
) -> None:
    """Drifts (above) and their slopes (below) as heat maps, in columns with common colours."""
    figure = Figure(figsize=(1.2 + 2.3 * len(surfaces), 4.9), layout="constrained")
    axes = figure.subplots(2, len(surfaces), squeeze=False, sharex=True, sharey=True)
    extent = (ratios[0], ratios[-1], advantages[0], advantages[-1])
    for row, (part, title, colours) in enumerate(
        (("drift", "f(r, A)", "magma_r"), ("slope", "∂f/∂r", "RdBu_r"))
    ):
        values = np.stack([getattr(surface, part) for surface in surfaces.values()])
        # A few steep corners would leave the rest without contrast.
        largest = max(float(np.quantile(np.abs(values), 0.98)), 1e-6)
        lowest = 0.0 if part == "drift" else -largest
        for axis, (name, image) in zip(axes[row], zip(surfaces, values, strict=True), strict=True):
            shown = axis.imshow(
                image,
                origin="lower",
                aspect="auto",
                extent=extent,
                cmap=colours,
                vmin=lowest,
                vmax=largest,
            )
            axis.axvline(1, color=INK, linewidth=0.6, linestyle=":")
            axis.tick_params(colors=INK, labelsize=8)
            if row == 0:
                axis.set_title(name, color=INK, fontsize=10)
        figure.colorbar(shown, ax=list(axes[row]), label=title, extend="both" if row else "max")
        axes[row][0].set_ylabel("advantage A", color=INK, fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("ratio r", color=INK, fontsize=9)
    unchanged = line_mark("r = 1: the policy has not changed", linewidth=0.8, linestyle=":")
    key_below(figure, [unchanged])
    save(figure, path)
