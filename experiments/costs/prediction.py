"""What a run takes, predicted before it is begun."""

from collections.abc import Mapping
from typing import NamedTuple

import jax

from rlsuite.experiments.costs.counting import count
from rlsuite.experiments.costs.devices import DEVICES
from rlsuite.experiments.costs.here import rates
from rlsuite.experiments.costs.turns import expected, turns_of
from rlsuite.experiments.costs.work import Count
from rlsuite.experiments.finished import Plan
from rlsuite.experiments.fitting import building
from rlsuite.experiments.memory import bytes_of, least_bytes
from rlsuite.experiments.runner import abstract_state
from rlsuite.experiments.specs import Run

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
    experiment = plan.experiment
    traced, state_bytes = _traced_step(plan, num_seeds)
    turns = None if plan.world is None else turns_of(expected(plan.world, experiment))
    counted = count(traced.jaxpr) if turns is None else count(traced.jaxpr, turns)
    total = counted.total
    programs = _programs(plan.run)
    return Prediction(
        programs=programs,
        steps=plan.run.steps,
        operations=total.operations + total.transcendental,
        bytes=total.bytes_moved,
        memory=state_bytes + least_bytes(traced.jaxpr),
        seconds_per_step=_seconds(plan, counted),
        unknown=counted.unknown,
        compile_seconds=(len(programs) - 1) * counted.equations / _COMPILED_PER_SECOND,
    )


def _seconds(plan: Plan, counted: Count) -> dict[str, float]:
    here = rates(plan.experiment.jit).seconds(counted.total)
    return {HERE: here} | {device.name: device.seconds(counted.bodies) for device in DEVICES}


def _traced_step(plan: Plan, num_seeds: int) -> tuple[jax.stages.Traced, int]:
    method = plan.experiment.method
    state, step = abstract_state(method), method.step
    if num_seeds > 1:
        state = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((num_seeds, *leaf.shape), leaf.dtype), state
        )
        step = jax.vmap(step)
    with building(plan.run):
        return jax.jit(step).trace(state), bytes_of(state)


def _programs(run: Run) -> tuple[str, ...]:
    """What is compiled: the first state, whole chunks of steps and what is left of one."""
    whole, rest = divmod(run.steps, run.log_every)
    chunks = ([run.log_every] if whole else []) + ([rest] if rest else [])
    return ("first state", *(f"{chunk} step{'s' * (chunk > 1)}" for chunk in chunks))
