"""What a sweep takes, predicted before it is begun."""

from collections import Counter
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rlsuite.experiments.costs.devices import DEVICES
from rlsuite.experiments.costs.prediction import HERE, Prediction, predict
from rlsuite.experiments.costs.text import duration, number
from rlsuite.experiments.memory import readable
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.grid import Sweep, jobs, plans
from rlsuite.experiments.sweeping.grouping import divided


class Row(NamedTuple):
    """Equal programs of a sweep.

    Attributes:
      setting: whose runs they are.
      num_seeds: runs side by side in each.
      num_programs: how many.
      prediction: of one.
    """

    setting: str
    num_seeds: int
    num_programs: int
    prediction: Prediction


def predicted(sweep: Sweep, methods: Methods, together: int | None = None) -> list[Row]:
    """Predicts the training of a sweep from its beginning; its tests are left out.

    Args:
      sweep: what would be run.
      methods: those that are known.
      together: seeds of one setting that are one program at most; none takes all of them.

    Raises:
      UserError: if the sweep can't be run.
    """
    planned = plans(sweep, methods)
    groups = divided(jobs(sweep), lambda job: together or len(sweep.seeds))
    sizes = Counter((group[0].setting.name, len(group)) for group in groups)
    first = {group[0].setting.name: planned[group[0].folder] for group in groups}
    return [
        Row(name, size, number, predict(first[name], size))
        for (name, size), number in sizes.items()
    ]


def show_sweep(rows: list[Row], console: Console | None = None) -> None:
    """Prints what the programs of a sweep take, and all of them one after another."""
    console = console or Console()
    devices = [HERE, *(device.name for device in DEVICES)]
    table = Table("setting", title="predicted, one program after another; without tests")
    columns = ("seeds", "programs", "operations", "bytes moved", "memory", "compiling here")
    for column in (*columns, *("this machine" if name == HERE else name for name in devices)):
        table.add_column(column, justify="right")
    for row in rows:
        found = row.prediction
        table.add_row(
            Text(row.setting),
            *(str(row.num_seeds), str(row.num_programs), number(found.operations * found.steps)),
            *(number(found.bytes * found.steps), readable(found.memory)),
            *(
                duration(found.compile_seconds),
                *(duration(found.seconds[name]) for name in devices),
            ),
        )
    table.add_section()
    totals = [
        sum(row.num_programs * row.prediction.seconds[name] for row in rows) for name in devices
    ]
    compiling = sum(row.num_programs * row.prediction.compile_seconds for row in rows)
    table.add_row(
        *("all", "", str(sum(row.num_programs for row in rows)), "", "", ""),
        *map(duration, (compiling, *totals)),
    )
    console.print(table)
