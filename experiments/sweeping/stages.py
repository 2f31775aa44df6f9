"""How far a job is, as its run's folder says."""

import enum
from pathlib import Path
from typing import NamedTuple

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import holds_run
from rlsuite.experiments.registry import Methods


class Stage(enum.Enum):
    """What there is of a job."""

    MISSING = "missing"
    BEGUN = "begun"
    TRAINED = "trained"
    DONE = "done"


class Progress(NamedTuple):
    """A stage, and the step of the newest whole checkpoint."""

    stage: Stage
    step: int


def progress(directory: Path, methods: Methods) -> Progress:
    """How far the job is whose run is in a folder.

    It is trained when its report is written, which is the last thing that training does, and done
    when it has been tested at its last step; runs of some methods aren't tested.

    Raises:
      UserError: if the run can't be read.
    """
    if not holds_run(directory):
        return Progress(Stage.MISSING, 0)
    run = open_run(directory, methods)
    step = run.latest_step or 0
    if step < run.run.steps or not (directory / "report.md").exists():
        return Progress(Stage.BEGUN, step)
    is_done = run.spec.test is None or _is_tested(run)
    return Progress(Stage.DONE if is_done else Stage.TRAINED, step)


def _is_tested(run: Finished) -> bool:
    try:
        evaluation = run.evaluation
    except UserError:  # It is damaged or of another format, and is made again.
        return False
    if evaluation is None or evaluation.settings:
        return False
    return evaluation.step == run.run.steps
