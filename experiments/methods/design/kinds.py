"""The test of students on kinds of levels that are drawn in worlds of their own size."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from rlsuite.compiling import jit
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.evaluation import Contender
from rlsuite.experiments.level_design import LevelKind
from rlsuite.experiments.methods.design.attempts import Attempt, attempts_at
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch, WorldSpec

FIELD = "evaluation.kinds"


class OfKinds(NamedTuple):
    """Returns of an attempt at each level that was drawn, and what the best would have."""

    returns: Mapping[Contender, Float[np.ndarray, "kind level"]]
    optimal: Float[np.ndarray, " kind"]


def kinds_named(world: WorldSpec, names: Sequence[str]) -> dict[str, LevelKind]:
    """Those of a world that have these names.

    Raises:
      ConfigError: if there is no such kind.
    """
    known = {} if world.design is None else world.design.kinds
    for name in names:
        if not known:
            raise ConfigError(
                f"{FIELD}: '{name}' is not allowed; of '{world.name}' there are none, but of mazes"
            )
        if name not in known:
            raise ConfigError(f"{FIELD}: {nearest('kind', name, known)}")
    return {name: known[name] for name in names}


def try_kinds(
    kinds: Mapping[str, LevelKind],
    contenders: Mapping[Contender, Attempt],
    number: int,
    watch: Watch,
) -> OfKinds:
    """One attempt of everybody at each of so many levels of every kind.

    They are the same for all, and for all tests that draw as many.
    """
    returns: dict[Contender, list[np.ndarray]] = {who: [] for who in contenders}
    optimal = []
    keys = jax.random.split(role_key("levels of kinds"), number)
    for name, kind in kinds.items():
        done = watch.begin(f"attempts at {name}")
        levels = jit(jax.vmap(kind.sample), program="once")(keys)
        attempts = attempts_at(kind.world, 1)
        for who, attempt in contenders.items():
            returns[who].append(attempts(attempt, levels)[:, 0])
        optimal.append(float(jit(jax.vmap(kind.optimal_return))(levels).mean()))
        done()
    return OfKinds({who: np.stack(found) for who, found in returns.items()}, np.array(optimal))
