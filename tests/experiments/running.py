"""Runs of the real methods at any size, without the command."""

from dataclasses import replace

from rich.console import Console

from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.runner import run

METHODS = Methods()
LARGEST = {
    spec.name: "paper" if "paper" in spec.presets else list(spec.presets)[-1] for spec in METHODS
}
"""The papers' own sizes, which no machine of a test can run."""


def plan_of(method, *, tasks=None, parts=None, **changes):
    """The smoke preset of a method, with other values in the run and in the method's parts.

    `parts` are by the name of the method's field: fields of it, or a value in its place.
    """
    spec = METHODS.find(method)
    config = default_run(spec, "smoke", tasks)
    own = {
        name: replace(getattr(config.method, name), **change)
        if isinstance(change, dict)
        else change
        for name, change in (parts or {}).items()
    }
    config = replace(config, method=replace(config.method, **own), **changes)
    return Plan(spec, method, "smoke", config)


def train(plan, folder):
    """The run of a plan, finished and read from its folder."""
    create_run(folder, plan.describe())
    run(plan.experiment, plan.run, folder, console=Console(quiet=True))
    return open_run(folder)
