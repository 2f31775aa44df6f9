"""The runs of one program: each with its folder, its log and its checkpoints."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from rlsuite import __version__
from rlsuite.experiments import hosts
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.metrics import MetricsLog, UnwrittenLog
from rlsuite.experiments.specs import Experiment, Run
from rlsuite.experiments.trackers import open_trackers
from rlsuite.method import State


class Lane(AbstractContextManager):
    """A run: how far it is, and what of it is on disk.

    Args:
      config: how long to run, and how often to log and to save.
      directory: the run's folder.

    Attributes:
      config: likewise.
      directory: likewise.
      step: how far it is.
      saved: the step of its last checkpoint; none if there is none.
      divergence: what has ended it before its time, if anything has.
    """

    def __init__(self, config: Run, directory: Path):
        self.config, self.directory = config, directory
        self.divergence: UserError | None = None
        self._open = ExitStack()
        try:
            self._checkpoints = self._open.enter_context(
                Checkpoints(directory, kept=config.checkpoints_kept, keep_every=config.keep_every)
            )
            self.saved = self._checkpoints.latest_step()
            self.step = self.saved or 0
            self._log: MetricsLog | UnwrittenLog | None = None
            if not self.is_finished:
                self._say_other_version()
                self._log = self._open.enter_context(_open_log(config, directory, self.step))
        except BaseException:
            self._open.close()
            raise

    @property
    def is_finished(self) -> bool:
        """Whether it is at its last step, safe and sound."""
        return self.divergence is None and self.step >= self.config.steps

    @property
    def is_running(self) -> bool:
        """Whether it has steps to make."""
        return self.divergence is None and self.step < self.config.steps

    @property
    def last(self) -> Mapping[str, Any]:
        """The last line of its log."""
        return {} if self._log is None else self._log.last

    def restored(self, state: State) -> State | None:
        """The state of its last checkpoint; none if there is none.

        Args:
          state: its shapes and types.
        """
        return None if self.saved is None else self._checkpoints.restore(state)

    def log(self, step: int, values: Mapping[str, float], seconds: float) -> None:
        """Notes what the steps up to this one have come to.

        Args:
          step: the last of them.
          values: by name.
          seconds: that they took.
        """
        assert self._log is not None
        elapsed = (self.last.get("seconds") or 0.0) + seconds
        self._log.write({"step": step, "seconds": elapsed, **values})
        self.step = step

    def reported(self, experiment: Experiment) -> set[str]:
        """Metrics that are always a number, or were one in the last line."""
        numbers = (name for name in self.last if self.last[name] is not None)
        return {*(experiment.watched or ()), *numbers}

    def save(self, state: State) -> None:
        """Saves its state."""
        self._checkpoints.save(self.step, state)
        self.saved = self.step

    def _say_other_version(self) -> None:
        version = self._checkpoints.other_version()
        if version is not None and hosts.is_first():
            say(
                f"the checkpoint of step {self.saved} in '{self.directory}' was saved by rlsuite "
                f"{version}, and this is {__version__}: what follows may differ from what that "
                "version would have come to"
            )

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)


def _open_log(config: Run, directory: Path, step: int) -> MetricsLog | UnwrittenLog:
    if not hosts.is_first():
        return UnwrittenLog(directory, step)
    return MetricsLog(directory, step, open_trackers(directory, step, config.wandb))
