"""From a command line to what is run: checked once, and everything needed to say so elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax

from rlsuite.experiments.errors import ConfigError, TooLargeError, nearest
from rlsuite.experiments.fields import check, leaves, override, to_json
from rlsuite.experiments.fitting import building, too_large
from rlsuite.experiments.options import COMMAND_OPTIONS
from rlsuite.experiments.registry import Methods, absolute, find_world, import_module
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec
from rlsuite.experiments.trackers import check_wandb
from rlsuite.experiments.usual_numbers import usual_numbers
from rlsuite.method import Method


@dataclass(frozen=True)
class Plan:
    """What is run, and everything needed to say so again elsewhere.

    Attributes:
      spec: of the method.
      reference: what finds the method again.
      preset: the name of the preset that the run started from.
      run: the configuration.
      world_parameters: those of the world that were set.
      imports: modules that register worlds.
    """

    spec: MethodSpec
    reference: str
    preset: str
    run: Run
    world_parameters: Mapping[str, Any] = field(default_factory=dict)
    imports: tuple[str, ...] = ()

    @cached_property
    def named_world(self) -> WorldSpec:
        """The world and its tasks, with their own lifetimes.

        Raises:
          ConfigError: if the run has none.
        """
        if self.run.tasks is None:
            raise ConfigError("tasks: none is not allowed; this needs a world")
        return find_world(self.run.tasks, self.world_parameters)

    @cached_property
    def world(self) -> WorldSpec | None:
        """The world, with the lifetimes that the run asks for; none if the method needs none."""
        if self.run.tasks is None:
            return None
        return self.named_world.living(self.run.min_lifetime, self.run.max_lifetime)

    @property
    def preset_run(self) -> Run:
        """The configuration that the preset stands for on this world."""
        return default_run(self.spec, self.preset, self.run.tasks, self.world_parameters)

    @cached_property
    def experiment(self) -> Experiment:
        """What the configuration describes; nothing is compiled yet.

        Raises:
          ConfigError: if the configuration can't be run.
          TooLargeError: if it is too large even to be described.
        """
        # What is made before any program is of 32 bits, too, as programs are (`single_precision`).
        with building(self.run, self.world), usual_numbers():
            experiment = self.spec.build(self.run, self.world)
            if not isinstance(experiment, Experiment):
                kind = type(experiment).__name__
                raise ConfigError(f"build: {kind} is not allowed; it must return an Experiment")
            # Traced once, for all who ask what they take and for the programs that make them.
            method = Method(*(jax.jit(function, inline=True) for function in experiment.method))
            jax.eval_shape(method.init, jax.random.key(0))
        return experiment._replace(
            method=method, learned=self.spec.learned, symptoms=self.spec.symptoms
        )

    def check(self) -> None:
        """Refuses what can be built and yet makes no sense, where somebody is asking for it now.

        Raises:
          ConfigError: if the method refuses it.
        """
        with building(self.run), usual_numbers():
            self.spec.check(self.run, self.world)

    def with_seed(self, seed: int) -> "Plan":
        """The same with another seed."""
        return replace(self, run=replace(self.run, seed=seed))

    def describe(self) -> dict[str, Any]:
        """In terms of JSON, as a run's folder holds it."""
        return {
            "method": self.reference,
            "preset": self.preset,
            "imports": list(self.imports),
            "world_parameters": dict(self.world_parameters),
            "config": to_json(self.run),
        }


def plan(
    methods: Methods,
    name: str,
    preset: str,
    texts: Mapping[str, str],
    *,
    tasks: str | None = None,
    world_parameters: Mapping[str, Any] = {},
    imports: tuple[str, ...] = (),
) -> Plan:
    """A plan from a command line.

    Args:
      methods: those that are known.
      name: of the method.
      preset: the name of one of its presets.
      texts: fields by dotted name, as text.
      tasks: what to train on in place of the preset's.
      world_parameters: values for parameters of the world.
      imports: modules that register worlds.

    Raises:
      ConfigError: if any of it is unknown or not allowed.
    """
    for module in imports:
        import_module(module)
    spec = methods.find(name)
    world_parameters = {name: _number(value) for name, value in world_parameters.items()}
    if world_parameters and tasks is None:
        tasks = default_run(spec, preset).tasks
    run = override(default_run(spec, preset, tasks, world_parameters), texts)
    if run.tasks is None and (tasks is not None or world_parameters):
        raise ConfigError(f"tasks: a world is not allowed; '{spec.name}' has none")
    places = tuple(map(absolute, imports))
    planned = Plan(spec, methods.reference(name), preset, run, world_parameters, places)
    if run.wandb is not None:
        check_wandb()
    try:
        _ = planned.experiment
        planned.check()
    except TooLargeError as error:
        raise too_large(planned, error) from error
    return planned


def _number(value: Any) -> Any:
    """The number that a text stands for, so that runs of one value are alike however it is typed.

    A text that is none stays as it is, for the world to refuse.
    """
    try:
        number = json.loads(value)
    except (TypeError, ValueError):
        return value
    return number if isinstance(number, int | float) else value


def default_run(
    spec: MethodSpec,
    preset: str,
    tasks: str | None = None,
    world_parameters: Mapping[str, Any] = {},
) -> Run:
    """The configuration that a preset stands for.

    Raises:
      ConfigError: if the preset or the world is unknown, or what the preset stands for couldn't be
        typed, or written and read again.
    """
    if preset not in spec.presets:
        raise ConfigError(nearest("preset", preset, spec.presets))
    world = None if tasks is None else find_world(tasks, world_parameters)
    run = spec.presets[preset](world)
    if not isinstance(run, Run):
        kind = type(run).__name__
        raise ConfigError(f"presets: {kind} is not allowed as '{preset}'; it must be a Run")
    check(run)
    taken = [name for name in leaves(run) if name in COMMAND_OPTIONS]
    if taken:
        raise ConfigError(f"{taken[0]}: a field of this name is not allowed; it is an option")
    return run
