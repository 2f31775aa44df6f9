"""Keys by which tests draw: one for each thing that is drawn, so that no two share a number."""

import zlib

import jax
from jaxtyping import PRNGKeyArray

HELD_OUT_SEED = 2_310_02782
"""Training never draws from its keys."""
TUNING_SEED = 1_602_01783
"""Neither training nor the tests proper draw from its keys."""

_RECORDED = ("levels", "bandits", "bandits of claims", "levels to score", "levels of kinds")
"""What recorded results are about, drawn by the keys of seeds that follow each other."""


def role_key(role: str, seed: int = HELD_OUT_SEED) -> PRNGKeyArray:
    """The key of one role, such as `episodes` or `random policy`.

    Every role has a seed of its own, and any name is one. Roles that were numbers folded into one
    key would meet what others split off it: `split(key, n)[i]` is `fold_in(key, i)`.

    Args:
      role: what is drawn.
      seed: of all roles together.
    """
    if role in _RECORDED:
        return jax.random.key(seed + _RECORDED.index(role))
    return jax.random.key(zlib.crc32(f"{seed} {role}".encode()))
