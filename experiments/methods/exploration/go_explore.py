"""Go-Explore as a method of the command: its first phase, on one level of a world."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from rlsuite.compiling import jit
from rlsuite.envs.determinism import Determinism, shown_determinism
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.exploration.go_explore_pictures import pictures
from rlsuite.experiments.methods.exploration.go_explore_test import (
    GoExploreEvaluationConfig,
    make_test,
)
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.method import Method
from rlsuite.methods.go_explore import GoExploreConfig, go_explore
from rlsuite.rollout import Level

_SIZES = {
    "smoke": Run(
        tasks="KeyDoors-v0",
        steps=4,
        log_every=2,
        checkpoint_every=2,
        method=GoExploreConfig(num_trajectories=8),
        evaluation=GoExploreEvaluationConfig(num_seeds=2),
    ),
    "laptop": Run(
        tasks="KeyDoors-v0",
        steps=500,
        log_every=10,
        checkpoint_every=250,
        method=GoExploreConfig(),
        evaluation=GoExploreEvaluationConfig(),
    ),
    "desk": Run(
        tasks="KeyDoors-v0",
        steps=2000,
        log_every=20,
        checkpoint_every=500,
        method=GoExploreConfig(),
        evaluation=GoExploreEvaluationConfig(),
    ),
    # What the paper has on Atari: a hundred steps from each cell, actions repeated twenty times.
    "paper": Run(
        tasks="KeyDoors-v0",
        steps=30_000,
        log_every=100,
        checkpoint_every=5000,
        method=GoExploreConfig(num_trajectories=100, trajectory_length=100, mean_repeat=20),
        evaluation=GoExploreEvaluationConfig(),
    ),
}


def _preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = _SIZES[size]
        return run if world is None else replace(run, tasks=world.name)

    return preset


def level_to_explore(world: WorldSpec) -> Level:
    """The level of a world that key 0 draws.

    Raises:
      ConfigError: if the world's actions are not discrete.
    """
    level = world.sample_task(jax.random.key(0)).level
    if not isinstance(world.world.action_space(level), spaces.Discrete):
        raise ConfigError(
            f"tasks: {world.name!r} is not allowed; it must be a world of discrete actions"
        )
    return level


def check_determinism(world: WorldSpec, *, again: bool = False) -> None:
    """Refuses a world in which a way that was found need not lead there a second time.

    Args:
      world: that is to be explored.
      again: whether what is found is to be done again from an episode's start.

    Raises:
      ConfigError: if the world's steps draw at random or, with `again`, its starts.
    """
    shown = _determinism(world.world, level_to_explore(world))
    if not shown.steps or (again and not shown.starts):
        what = "episodes begin" if shown.steps else "steps lead"
        raise ConfigError(
            f"tasks: {world.name!r} is not allowed; it draws at random where {what}, and must be "
            "deterministic, so that a way that was found leads there again"
        )


def _determinism(world: Environment, level: Level) -> Determinism:
    def show(key):
        return shown_determinism(key, world, level, num_episodes=16, num_steps=64)

    return jax.tree.map(bool, jax.device_get(jit(show, program="once")(jax.random.key(0))))


def make_method(run: Run, world: WorldSpec, **parts: Any) -> Method:
    """Go-Explore on one level of a world; it also counts the world's usual cells.

    Args:
      run: its configuration.
      world: that is explored.
      **parts: of `go_explore`, in place of those that the run has.
    """
    usual = {
        "cells": run.method.cells_in(world.world),
        "counted": replace(run.method, cells=None).cells_in(world.world),
    }
    return go_explore(world.world, level_to_explore(world), config=run.method, **{**usual, **parts})


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    config = run.method
    return Experiment(
        method=make_method(run, required(world)),
        agent_updates_per_step=config.num_trajectories,
        world_steps_per_step=config.num_trajectories * config.trajectory_length,
        headline=("cells", "best_score", "best_length"),
        watched=("best_score",),
        count_world_steps=lambda metrics: metrics["world_steps"],
    )


def _check(run: Run, world: WorldSpec | None) -> None:
    del run
    check_determinism(required(world))


GO_EXPLORE = MethodSpec(
    name="go-explore",
    title="Go-Explore",
    kind="archive of cells",
    summary="returns to cells that it knows, and explores at random from there",
    paper="2004.12919",
    presets={size: _preset(size) for size in _SIZES},
    build=_build,
    check=_check,
    test=make_test(make_method),
    pictures=pictures,
    learned=lambda state: state.archive,
    panels={
        "cells": "cells that were entered",
        "best_score": "best score",
        "ended_score": "best score of an episode that has ended",
        "best_length": "steps to the best score",
    },
)
