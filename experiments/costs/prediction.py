"""What a run takes, predicted before it is begun."""

from collections.abc import Mapping
from typing import NamedTuple

import jax

from rlsuite.experiments.contracts import check_step
from rlsuite.experiments.costs.counting import count, unknown_turns
from rlsuite.experiments.costs.devices import DEVICES
from rlsuite.experiments.costs.here import rates
from rlsuite.experiments.costs.turns import expected, turns_of
from rlsuite.experiments.fitting import building
from rlsuite.experiments.memory import bytes_of, least_bytes
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.programs import abstract_state, trace_chunk
from rlsuite.experiments.specs import Run
from rlsuite.experiments.words import counted

HERE = "here"
_COMPILED_PER_SECOND = 250
"""Operations of a program that are compiled in a second; measured in docs/performance.md."""


class Prediction(NamedTuple):
    """What a run takes.

    Attributes:
      programs: what is compiled, by name.
      steps: of the run.
      operations: of one step, floating point, transcendental ones among them.
      bytes: read and written in one step.
      memory: bytes that have to exist at once at least.
      seconds_per_step: by device; `here` is this machine.
      unknown: loops whose turns depend on what is computed, with the turns that were assumed.
      compile_seconds: of all programs here, if none has been kept.
    """

    programs: tuple[str, ...]
    steps: int
    operations: float
    bytes: float
    memory: int
    seconds_per_step: Mapping[str, float]
    unknown: Mapping[str, float]
    compile_seconds: float

    @property
    def seconds(self) -> dict[str, float]:
        """Of the whole run by device, compiling and tests left out."""
        return {device: self.steps * each for device, each in self.seconds_per_step.items()}


def predict(plan: Plan, num_seeds: int = 1) -> Prediction:
    """Predicts a run from shapes, and this machine's rates; nothing of the run is compiled.

    Args:
      plan: of the run.
      num_seeds: runs that differ in their seeds alone, made side by side in one program.

    Raises:
      ConfigError: if the configuration can't be run.
      TooLargeError: if it is too large even to be described.
    """
    experiment, run = plan.experiment, plan.run
    seeds = num_seeds if num_seeds > 1 else None
    state, length = abstract_state(experiment.method, seeds), min(run.log_every, run.steps)
    with building(run, plan.world):
        check_step(experiment)
        chunk = trace_chunk(experiment, state, length, seeds).jaxpr
    turns = turns_of(expected(plan.world, experiment)) if plan.world else unknown_turns
    work, elsewhere = (count(chunk, turns, platform) for platform in (jax.default_backend(), None))
    total, programs = work.total, compiled_programs(run)
    devices = {device.name: device.seconds(elsewhere.bodies) / length for device in DEVICES}
    return Prediction(
        programs=programs,
        steps=run.steps,
        operations=(total.operations + total.transcendental) / length,
        bytes=total.bytes_moved / length,
        memory=bytes_of(state) + least_bytes(chunk),
        seconds_per_step={HERE: rates(experiment.jit).seconds(total) / length, **devices},
        unknown=work.unknown,
        compile_seconds=(len(programs) - 1) * work.equations / _COMPILED_PER_SECOND,
    )


def compiled_programs(run: Run) -> tuple[str, ...]:
    """What is compiled: the first state, whole chunks of steps and what is left of one."""
    whole, rest = divmod(run.steps, run.log_every)
    chunks = ([run.log_every] if whole else []) + ([rest] if rest else [])
    return ("first state", *(counted(chunk, "step") for chunk in chunks))
