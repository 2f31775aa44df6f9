"""Predictions for people to read."""

import math

from rich.console import Console
from rich.table import Table

from rlsuite.experiments.costs.devices import DEVICES
from rlsuite.experiments.costs.prediction import HERE, Prediction
from rlsuite.experiments.memory import memory_bytes, readable
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.streams import shown


def show(
    plan: Plan, prediction: Prediction, num_seeds: int = 1, console: Console | None = None
) -> None:
    """Prints what is planned and what it takes.

    Args:
      plan: of a run.
      prediction: of that run, or of several side by side.
      num_seeds: how many.
      console: where to print; the terminal by default.
    """
    console = console or Console()
    for line in described(plan, prediction, num_seeds):
        console.print(shown(line, console.encoding), markup=False, highlight=False, soft_wrap=True)
    console.print(by_device(prediction))


def described(plan: Plan, prediction: Prediction, num_seeds: int = 1) -> list[str]:
    """A plan and what a step of it takes, in lines."""
    run = plan.run
    tasks = "" if run.tasks is None else f" on {run.tasks}"
    seeds = f"seed {run.seed}" if num_seeds == 1 else f"{num_seeds} seeds as one program"
    programs = ", ".join(prediction.programs)
    lines = [
        f"{plan.spec.name} {plan.preset}{tasks}: {run.steps} steps, {seeds}; nothing is written",
        f"programs to compile: {programs}; about {duration(prediction.compile_seconds)} here if "
        "none is kept",
        f"a step: {number(prediction.operations)} operations, {number(prediction.bytes)} bytes "
        f"moved, {readable(prediction.memory)} of memory at least",
    ]
    if prediction.unknown:
        turns = ", ".join(f"{name}: {turns:.3g}" for name, turns in prediction.unknown.items())
        lines.append(
            f"loops that end when what they compute says so, with the turns assumed: {turns}"
        )
    return lines


def by_device(prediction: Prediction) -> Table:
    """Seconds of a step and of the run by device, and whether it fits there."""
    table = Table("device", title="predicted; without compiling and tests")
    for column in ("a step", "the run", "memory"):
        table.add_column(column, justify="right")
    memory = {HERE: memory_bytes()} | {device.name: device.memory for device in DEVICES}
    for device, seconds in prediction.seconds_per_step.items():
        fits = "fits" if prediction.memory <= memory[device] else "too little"
        table.add_row(
            "this machine" if device == HERE else device,
            duration(seconds),
            duration(prediction.seconds[device]),
            f"{readable(memory[device])}, {fits}",
        )
    return table


def duration(seconds: float) -> str:
    """As people say it: `duration(90)` is "1.5 min"."""
    seconds = _rounded(seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def number(value: float) -> str:
    """With a thousand's prefix: `number(2.5e9)` is "2.5 G"."""
    value = _rounded(value)
    power = 0 if value < 1 else min(int(math.log10(value)) // 3, 6)
    return f"{value / 1000**power:.3g} {' kMGTPE'[power]}".strip()


def _rounded(value: float) -> float:
    """To as many digits as are shown, which may be what makes it a whole one of the next unit."""
    return float(f"{value:.3g}")
