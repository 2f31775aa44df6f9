"""A domain that is quick to evaluate, and how new something is, by hand."""

import jax.numpy as jnp
import numpy as np

from rlsuite.envs.sparse_point import NO_AREA
from rlsuite.quality_diversity.domain import Domain, Outcomes


def hills(centres=((0.6, 0.6), (-0.6, -0.2)), *, radius=0.15, pays=True, num_genes=3):
    """Positions are squashed genes; two discs pay by their nearness to the centre."""
    centres = jnp.array(centres)

    def evaluate(genomes):
        position = jnp.tanh(genomes[:, :2] / 2)
        distance = jnp.linalg.norm(position[:, None] - centres, axis=-1)
        inside = pays & (distance.min(axis=1) < radius)
        path = jnp.stack([jnp.zeros_like(position), position], axis=1)
        return Outcomes(
            reward=jnp.where(inside, 1 - distance.min(axis=1) / radius, 0.0),
            position=position,
            area=jnp.where(inside, distance.argmin(axis=1), NO_AREA).astype(jnp.int32),
            path=path,
            image=jnp.zeros((len(genomes), 1, 8, 8, 3), jnp.uint8),
        )

    return Domain(num_genes, evaluate, (-1.0, -1.0), (1.0, 1.0), len(centres))


def novelty_by_hand(code, references, own, *, num_neighbours=3):
    """Mean distance of a code to the nearest others, where `own` is its place among them."""
    distances = np.linalg.norm(np.asarray(references, np.float64) - np.asarray(code), axis=1)
    return np.sort(np.delete(distances, own))[:num_neighbours].mean()
