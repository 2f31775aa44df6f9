"""Sizes that students share, whoever designs their levels."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from rlsuite.experiments.methods.design.evaluation import StudentEvaluationConfig
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.following import FollowConfig
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.dr import PUBLISHED_PPO, StudentsConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.students import StudentConfig


class _Size(NamedTuple):
    """The run, and what its student is, but for what the method adds."""

    tasks: str
    run: Run
    student: StudentConfig
    ppo: PPOConfig
    num_workers: int
    held_out: FollowConfig = FollowConfig()
    has_kinds: bool = False


_SMALL = StudentConfig(recurrent_width=32)
_FAST = replace(PUBLISHED_PPO, learning_rate=2e-3)
_EVALUATION = StudentEvaluationConfig(num_levels=500)

SIZES: Mapping[str, _Size] = {
    "smoke": _Size(
        "tiny_maze",
        Run(
            steps=8,
            log_every=1,
            checkpoint_every=4,
            keep_every=4,
            evaluation=StudentEvaluationConfig(num_levels=8, num_attempts=4),
        ),
        StudentConfig(num_filters=(4,), embedding_width=2, recurrent_width=8, head_widths=(8,)),
        replace(PUBLISHED_PPO, num_epochs=1),
        num_workers=4,
        held_out=FollowConfig(period=4, num_levels=8, num_episodes=2),
    ),
    "laptop": _Size(
        "small_maze",
        Run(
            steps=500,
            log_every=10,
            checkpoint_every=100,
            keep_every=100,
            evaluation=_EVALUATION,
        ),
        _SMALL,
        _FAST,
        num_workers=32,
        held_out=FollowConfig(period=25),
    ),
    "desk": _Size(
        "small_maze",
        Run(
            steps=4000,
            log_every=50,
            checkpoint_every=1000,
            keep_every=1000,
            evaluation=_EVALUATION,
        ),
        _SMALL,
        _FAST,
        num_workers=32,
        held_out=FollowConfig(period=100),
    ),
    "paper": _Size(
        "maze",
        Run(
            steps=30_000,
            log_every=50,
            checkpoint_every=1000,
            keep_every=5000,
            evaluation=StudentEvaluationConfig(num_levels=10_000),
        ),
        StudentConfig(),
        PUBLISHED_PPO,
        num_workers=32,
        held_out=FollowConfig(period=500),
        has_kinds=True,
    ),
}


_Parts = Mapping[str, Any] | Callable[[WorldSpec], Mapping[str, Any]]


def presets(
    config_type: type[StudentsConfig], parts: Mapping[str, _Parts]
) -> dict[str, Callable[[WorldSpec | None], Run]]:
    """Presets of a method.

    Args:
      config_type: of the method.
      parts: what it adds by field, for each size, or a function of the world that says so.
    """

    def preset(size: str) -> Callable[[WorldSpec | None], Run]:
        return lambda world: _run(SIZES[size], world, config_type, parts[size])

    return {size: preset(size) for size in SIZES}


def _run(
    size: _Size,
    world: WorldSpec | None,
    config_type: type[StudentsConfig],
    parts: _Parts,
) -> Run:
    world = world or find_world(size.tasks)
    own = parts(world) if callable(parts) else parts
    config = config_type(
        student=size.student,
        ppo=size.ppo,
        life=LifeConfig(size.num_workers, _rollout_length(world)),
        held_out=size.held_out,
        **own,
    )
    kinds = world.design.usual_kinds if size.has_kinds and world.design is not None else ()
    evaluation = replace(size.run.evaluation, kinds=kinds)
    return replace(size.run, tasks=world.name, method=config, evaluation=evaluation)


def _rollout_length(world: WorldSpec) -> int:
    """The next multiple of eight beyond the limit of an episode, so that failed ones end too."""
    return 8 * (episode_limit(world) // 8 + 1)


def episode_limit(world: WorldSpec) -> int:
    """Steps after which an episode ends in any case; 250 where a world doesn't say."""
    return int(getattr(world.world.default_params, "max_steps_in_episode", 250))
