"""DR, PLR, ACCEL and SFL as methods of the command."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Annotated, Any

from annotated_types import Interval

from rlsuite.curricula.learnable_levels import LearnableLevelsConfig
from rlsuite.curricula.level_replay import LevelReplayConfig, easiest
from rlsuite.experiments.errors import ConfigError, nearest
from rlsuite.experiments.level_design import LevelDesign
from rlsuite.experiments.methods.design.checks import check_students, checked
from rlsuite.experiments.methods.design.evaluation import test
from rlsuite.experiments.methods.design.pictures import pictures
from rlsuite.experiments.methods.design.presets import episode_limit, presets
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.following import follow
from rlsuite.method import Method
from rlsuite.methods.accel import accel
from rlsuite.methods.dr import PUBLISHED_PPO, StudentsConfig, dr
from rlsuite.methods.plr import PLRConfig, plr
from rlsuite.methods.sfl import SFLConfig, sfl
from rlsuite.ranges import Count
from rlsuite.watching import unwatched

KIND = "student"
PANELS = {
    "solve_rate": "share of first episodes that were solved",
    "held_out_solve_rate": "solve rate on held-out levels",
    "episode_return": "return of training episodes",
    "score": "mean score of the levels",
    "walls": "walls of the levels",
    "path_length": "shortest paths of solvable levels",
    "buffer_score": "mean score in the buffer",
    "set_learnability": "learnability of the set",
    "policy_entropy": "policy entropy (nats)",
    "critic_loss": "loss of the critic",
}


@dataclass(frozen=True)
class ACCELConfig(PLRConfig):
    """What ACCEL adds to prioritised level replay.

    Attributes:
      editor: which of the world's edits replayed levels go through.
      num_edits: of each of them.
      num_parents: how many of a batch are edited, those that the student does best on, as many
        times each as workers allow; none edits each once.
      start: which of the world's levels edits start from: random ones, or empty ones as in the
        paper.
    """

    editor: str = "cells"
    num_edits: Annotated[int, Interval(ge=0, le=10_000)] = 5
    num_parents: Count | None = None
    start: str = "random"


def design_of(world: WorldSpec) -> LevelDesign:
    """What there is to know of a world's levels.

    Raises:
      ConfigError: if there is nothing.
    """
    if world.design is None:
        raise ConfigError(
            f"tasks: '{world.name}' is not allowed; its levels can't be edited, those of mazes can"
        )
    return world.design


def measures_of(world: WorldSpec) -> dict[str, Callable[..., Any]]:
    """What is worth watching of its levels."""
    return {} if world.design is None else dict(world.design.measures)


def experiment(
    method: Method,
    config: StudentsConfig,
    world: WorldSpec,
    *,
    student_of: Callable[[Any], Any] = attrgetter("learner"),
    searched: int = 0,
) -> Experiment:
    """A step is one rollout on levels of the workers' own.

    Args:
      method: of the student.
      config: likewise.
      world: likewise.
      student_of: `state -> student` in the method's state.
      searched: world steps of a search for levels, averaged over steps.
    """
    life = config.life
    method = follow(
        method,
        config.life_in(world.world),
        world.sample_task,
        student_of,
        config.held_out,
        world.design.is_solvable if world.design else None,
    )
    steps = life.num_workers * life.rollout_length + searched
    headline = ("solve_rate", "gradient_updates")
    return Experiment(method, 1, steps, headline, watched=("parameter_norm",))


def _build_dr(run: Run, world: WorldSpec | None) -> Experiment:
    world, config = checked(run, world), run.method
    method = dr(
        world.world, world.sample_task, config, lifetime=run.steps, measures=measures_of(world)
    )
    return experiment(method, config, world)


def _named(config: PLRConfig, world: WorldSpec) -> dict[str, Any]:
    """What the world adds to a configuration of level replay.

    Raises:
      ConfigError: if the world can't give what its score needs.
    """
    if config.score == "exact_regret" and world.optimal_return is None:
        raise ConfigError(
            f"score: 'exact_regret' is not allowed on '{world.name}'; its optimal return is not "
            "known"
        )
    return {"optimal_return": world.optimal_return, "measures": measures_of(world)}


def _build_plr(run: Run, world: WorldSpec | None) -> Experiment:
    world, config = checked(run, world), run.method
    named = _named(config, world)
    method = plr(world.world, world.sample_task, config, lifetime=run.steps, **named)
    return experiment(method, config, world)


def _build_accel(run: Run, world: WorldSpec | None) -> Experiment:
    world, config = checked(run, world), run.method
    design = design_of(world)
    edit = _chosen("editor", config.editor, design.editors)(config.num_edits)
    starts = {"random": world.sample_task, **design.starts}
    sample_task = _chosen("start", config.start, starts)
    named = _named(config, world)
    number, workers = config.num_parents, config.life.num_workers
    parents = None if number is None else easiest(number, workers)
    method = accel(
        world.world, sample_task, edit, config, lifetime=run.steps, parents=parents, **named
    )
    return experiment(method, config, world)


def _chosen(field: str, name: str, known: Mapping[str, Any]) -> Any:
    """What has that name.

    Raises:
      ConfigError: if nothing has.
    """
    if name not in known:
        raise ConfigError(f"{field}: {nearest(field, name, known)}")
    return known[name]


def _check_sfl(run: Run, world: WorldSpec | None) -> None:
    """Refuses searches in which no episode has the time to fail, besides what all students are."""
    check_students(run, world)
    world, levels = required(world), run.method.levels
    limit = episode_limit(world)
    if levels.search_length <= limit:
        raise ConfigError(
            f"levels.search_length: {levels.search_length} is not allowed; it must be more than "
            f"the {limit} steps of an episode of '{world.name}', or no failed one ends"
        )


def _build_sfl(run: Run, world: WorldSpec | None) -> Experiment:
    world, config = checked(run, world), run.method
    levels = config.levels
    method = sfl(
        world.world, world.sample_task, config, lifetime=run.steps, measures=measures_of(world)
    )
    search = levels.num_batches * levels.batch_size * levels.search_length
    return experiment(method, config, world, searched=search // levels.period)


_BUFFERS = {
    "smoke": {"buffer": LevelReplayConfig(size=8)},
    "laptop": {"buffer": LevelReplayConfig(size=256)},
    "desk": {"buffer": LevelReplayConfig(size=256)},
    "paper": {},
}
_LAPTOP_SEARCH = LearnableLevelsConfig(period=25, num_batches=1, batch_size=256, size=64)
_SEARCHES = {
    "smoke": LearnableLevelsConfig(period=2, num_batches=1, batch_size=8, size=4),
    "laptop": _LAPTOP_SEARCH,
    "desk": _LAPTOP_SEARCH,
    "paper": LearnableLevelsConfig(),
}
_SEARCHED_LIMITS = {"smoke": 2, "laptop": 2.5, "desk": 2.5, "paper": 8}
"""How many failed episodes a search has time for on each level."""


def _searching(size: str) -> Callable[[WorldSpec], Mapping[str, Any]]:
    """What SFL adds, for a world: how long a search is goes by how long episodes are."""

    def parts(world: WorldSpec) -> Mapping[str, Any]:
        length = round(_SEARCHED_LIMITS[size] * episode_limit(world))
        return {"levels": replace(_SEARCHES[size], search_length=length)}

    return parts


_NOTHING: dict[str, dict[str, Any]] = {size: {} for size in _BUFFERS}
_spec = partial(
    MethodSpec,
    kind=KIND,
    check=check_students,
    test=test,
    pictures=pictures,
    learned=lambda state: unwatched(state).learner,
    panels=PANELS,
)

_SFL = presets(SFLConfig, {size: _searching(size) for size in _SEARCHES})
_SFL_PPO = replace(
    PUBLISHED_PPO,
    discount=0.99,
    gae_lambda=0.95,
    entropy_coefficient=0.0,
    num_epochs=4,
    num_mini_batches=4,
    learning_rate=2.5e-4,
    value_clip=0.04,
)


def _published_sfl(world: WorldSpec | None) -> Run:
    """SFL's own students: as many steps as published, of more workers and smaller PPO steps."""
    run = _SFL["paper"](world)
    life = replace(run.method.life, num_workers=256)
    steps = round(3e8 / (life.num_workers * life.rollout_length))
    method = replace(run.method, ppo=_SFL_PPO, clip_epsilon=0.04, life=life)
    return replace(run, steps=steps, method=method)


DR = _spec(
    name="dr",
    summary="a student on levels drawn at random",
    paper="2403.13091",
    presets=presets(StudentsConfig, _NOTHING),
    build=_build_dr,
)
PLR = _spec(
    name="plr",
    summary="a student on levels where it has much to learn, again and again",
    paper="2110.02439",
    presets=presets(PLRConfig, _BUFFERS),
    build=_build_plr,
)
ACCEL = _spec(
    name="accel",
    summary="the same with levels that are edited, so that they grow harder",
    paper="2203.01302",
    presets=presets(ACCELConfig, _BUFFERS),
    build=_build_accel,
)
SFL = _spec(
    name="sfl",
    summary="a student on levels that it solves sometimes, and sometimes not",
    paper="2408.15099",
    presets=_SFL | {"paper": _published_sfl},
    build=_build_sfl,
    check=_check_sfl,
)
