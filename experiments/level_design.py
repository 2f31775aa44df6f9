"""What those who design the levels of a world need to know of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

from rlsuite.curricula.curriculum import Editor, SampleTask
from rlsuite.envs.construction import Construction
from rlsuite.rollout import Level, OptimalReturn


class LevelKind(NamedTuple):
    """Levels of one kind, `sample(key)`, with their world and the best return on each."""

    world: Environment
    sample: Callable[[PRNGKeyArray], Level]
    optimal_return: OptimalReturn


# Equal to itself alone: worlds are keys of caches, and mappings can't be.
@dataclass(frozen=True, eq=False)
class LevelDesign:
    """What those who design the levels of a world need to know of them.

    Attributes:
      editors: by name, `num_edits -> editor`.
      drawn: by name, levels to test on what was learned; nobody trains on them.
      is_solvable: `level -> whether` anybody can reach its goal.
      measures: by name, `level -> number`, what is worth watching of levels, such as the number of
        walls; one that a level doesn't have is NaN.
      construction: `num_walls -> world` in which a teacher builds a level with so many walls put up
        or taken away; none if nobody can build any.
      place: `state -> number` of the place where the agent is.
      draw_path: `(level, places) -> image`; none of a world whose paths can't be drawn.
      starts: by name, `key -> task`, where levels that are to be edited may come from, if not at
        random.
      read: `drawing -> level` that text shows; it raises a ValueError if that is none. None of a
        world whose levels can't be drawn as text.
      kinds: by name, what else may be tested on: levels that are drawn in worlds of their own size,
        in which all is seen and done that is in this one.
      usual_kinds: those of them that are tested on at the published size.
      levels_name: what its levels are called.
    """

    editors: Mapping[str, Callable[[int], Editor]]
    drawn: Mapping[str, Level]
    is_solvable: Callable[[Level], Bool[Array, ""]]
    measures: Mapping[str, Callable[[Level], Float[Array, ""] | Int[Array, ""]]]
    construction: Callable[[int], Construction] | None = None
    place: Callable[[Any], Int[Array, ""]] | None = None
    draw_path: Callable[[Level, Sequence[int]], UInt8[np.ndarray, "height width 3"]] | None = None
    starts: Mapping[str, SampleTask] = field(default_factory=dict)
    read: Callable[[str], Level] | None = None
    kinds: Mapping[str, LevelKind] = field(default_factory=dict)
    usual_kinds: tuple[str, ...] = ()
    levels_name: str = "levels"
