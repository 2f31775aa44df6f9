"""Keys by which tests draw: one for each thing that is drawn, so that no two share a number."""

from typing import Literal, get_args

import jax
from jaxtyping import PRNGKeyArray

HELD_OUT_SEED = 2_310_02782
"""Training never draws from its keys."""
TUNING_SEED = 1_602_01783
"""Neither training nor the tests proper draw from its keys."""

Role = Literal[
    "levels",
    "bandits",
    "bandits of claims",
    "levels to score",
    "levels of kinds",
    "agents",
    "untrained",
    "episodes",
    "random policy",
    "paths",
    "courses",
    "searches",
    "victims",
    "games",
    "games of planners",
    "games of learners",
    "games in blocks",
    "games at the spike",
    "players",
    "pairs",
    "matches",
]
"""What is drawn. Recorded results are of the keys as they are: new roles go to the end."""


def role_key(role: Role, seed: int = HELD_OUT_SEED) -> PRNGKeyArray:
    """The key of one role.

    Every role has a seed of its own. Roles that were numbers folded into one key would meet what
    others split off it: `split(key, n)[i]` is `fold_in(key, i)`.
    """
    return jax.random.key(seed + get_args(Role).index(role))
