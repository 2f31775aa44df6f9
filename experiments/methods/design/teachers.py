"""PAIRED, REPAIRED and the minimax teacher as methods of the command."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.design.checks import check_network, check_students, checked
from rlsuite.experiments.methods.design.evaluation import test
from rlsuite.experiments.methods.design.methods import (
    KIND,
    PANELS,
    design_of,
    experiment,
    measures_of,
)
from rlsuite.experiments.methods.design.pictures import pictures
from rlsuite.experiments.methods.design.presets import SIZES, presets
from rlsuite.experiments.ppo_settings import check_mini_batches
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec
from rlsuite.method import Method
from rlsuite.methods.minimax import minimax
from rlsuite.methods.paired import TeachingConfig, paired
from rlsuite.methods.repaired import REPAIREDConfig, repaired
from rlsuite.students import StudentConfig
from rlsuite.teaching import TeachingState
from rlsuite.watching import WatchedState, unwatched


def _build(
    make: Callable[[WorldSpec], Callable[..., Method]],
    num_students: int,
    run: Run,
    world: WorldSpec | None,
) -> Experiment:
    world, config = checked(run, world), run.method
    construct = design_of(world).construction
    if construct is None:
        raise ConfigError(f"tasks: '{world.name}' is not allowed; nobody can build its levels")
    try:
        construction = construct(config.teacher_walls)
    except ValueError as error:
        raise ConfigError(f"teacher_walls: {str(error).partition(': ')[2]}") from error
    check_mini_batches("teacher_ppo", config.teacher_ppo, config.life, config.teacher)
    check_network(partial(config.teacher_in, construction), "teacher", "teacher_ppo", "teacher")
    method = make(world)(
        world.world,
        construction,
        config,
        lifetime=run.steps,
        measures=measures_of(world),
    )
    life = config.life
    others = (num_students - 1) * life.num_workers * life.rollout_length
    return experiment(method, config, world, student_of=first_student, searched=others)


def first_student(state: TeachingState | WatchedState):
    """What the protagonist has learned."""
    return jax.tree.map(lambda leaf: leaf[0], unwatched(state).students)


def _parts(size: str, filters: int, walls: int) -> dict:
    """What a teacher adds to a size: a network like its students', with filters of its own."""
    student, ppo = SIZES[size].student, SIZES[size].ppo
    teacher: StudentConfig = replace(student, num_filters=(filters,))
    return {"teacher": teacher, "teacher_ppo": ppo, "teacher_walls": walls}


_PARTS = {
    "smoke": _parts("smoke", 4, 3),
    "laptop": _parts("laptop", 16, 25),
    "desk": _parts("desk", 16, 25),
    "paper": _parts("paper", 128, 47),
}
_BUFFER = REPAIREDConfig().buffer
_BUFFERS = {
    size: {"buffer": replace(_BUFFER, size=slots)}
    for size, slots in {"smoke": 8, "laptop": 256, "desk": 256, "paper": _BUFFER.size}.items()
}
_spec = partial(
    MethodSpec,
    kind=KIND,
    check=check_students,
    test=test,
    pictures=pictures,
    learned=first_student,
    panels=PANELS
    | {
        "teacher_reward": "reward of the teacher",
        "teacher_policy_entropy": "policy entropy of the teacher (nats)",
    },
)

PAIRED = _spec(
    name="paired",
    summary="a teacher that builds levels which one student can do and the other can't",
    paper="2012.02096",
    presets=presets(TeachingConfig, _PARTS),
    build=partial(_build, lambda world: paired, 2),
)
MINIMAX = _spec(
    name="minimax",
    summary="a teacher that builds levels which the student fails at",
    paper="2012.02096",
    presets=presets(TeachingConfig, _PARTS),
    build=partial(_build, lambda world: minimax, 1),
)
REPAIRED = _spec(
    name="repaired",
    summary="PAIRED's levels, replayed by the regret that its teacher was paid for them",
    paper="2110.02439",
    presets=presets(REPAIREDConfig, {size: _PARTS[size] | _BUFFERS[size] for size in _PARTS}),
    build=partial(_build, lambda world: partial(repaired, sample_task=world.sample_task), 2),
)
