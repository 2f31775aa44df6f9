"""Runs read from their folders, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.evaluation import EVALUATION, Contender, Evaluation
from rlsuite.experiments.evaluation import from_json as evaluation_from_json
from rlsuite.experiments.fields import from_json
from rlsuite.experiments.files import parse_sealed, read_bytes
from rlsuite.experiments.folder import read_document
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.options import typed
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import abstract_state
from rlsuite.experiments.registry import Methods, import_module
from rlsuite.experiments.usual_numbers import usual_numbers
from rlsuite.method import State


@dataclass(frozen=True)
class Finished(Plan):
    """A run read from its folder.

    Attributes:
      directory: the folder.
      document: what its `config.json` holds.
    """

    directory: Path = Path()
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the method is called in texts."""
        return self.spec.title or self.spec.name.upper()

    @property
    def title_as_rival(self) -> str:
        """The title beside that of a run of the same method."""
        return f"{self.title} ({self.directory})"

    def beside(self, rivals: "Sequence[Finished]") -> "dict[Contender, Finished]":
        """The run that a test is about and those that stand beside it in it."""
        ours = {Contender(self.title, "own"): self}
        return ours | {Contender(one.title_as_rival, "rival"): one for one in rivals}

    @property
    def state(self) -> State:
        """The state at the newest checkpoint.

        Raises:
          UserError: if there is none, or it is of another state.
        """
        return self._newest[1]

    @property
    def state_step(self) -> int:
        """The step that `state` is of, whatever was saved since it was read."""
        return self._newest[0]

    def states(self) -> Iterator[tuple[int, State]]:
        """The states of all checkpoints that are kept, oldest first, each after its step.

        Raises:
          UserError: if one is of another state.
        """
        with Checkpoints(self.directory) as checkpoints:
            yield from checkpoints.restore_all(self._abstract_state)

    @cached_property
    def _newest(self) -> tuple[int, State]:
        self.require_checkpoint()
        with Checkpoints(self.directory) as checkpoints:
            return checkpoints.restore_with_step(self._abstract_state)

    @property
    def _abstract_state(self) -> State:
        with usual_numbers():
            return abstract_state(self.experiment.method)

    @property
    def learned(self) -> Any:
        """What the run has learned."""
        return self.spec.learned(self.state)

    @property
    def latest_step(self) -> int | None:
        """That of the newest checkpoint, or none if the run has not been saved yet.

        Raises:
          UserError: if it has been, and its checkpoints are not there.
        """
        if self.lacks_checkpoints:
            raise UserError(
                f"'{self.directory}' lacks its checkpoints, though the run has been saved: copy "
                "them, too, or start it again with 'rlsuite train … --overwrite'"
            )
        with Checkpoints(self.directory) as checkpoints:
            return checkpoints.latest_step()

    @property
    def lacks_checkpoints(self) -> bool:
        """Whether the run has been saved and there is no checkpoint, as in copies without them.

        A run that was killed before its first one has logged at most the step that was to be saved.
        """
        with Checkpoints(self.directory) as checkpoints:
            if checkpoints.furthest_step() > 0:
                return False
        # Both come only after a checkpoint.
        if any((self.directory / name).exists() for name in (EVALUATION, "report.md")):
            return True
        return any(line["step"] >= self.run.checkpoint_every for line in self.metrics[:-1])

    @property
    def furthest_step(self) -> int:
        """The last step that is logged or saved, if only by a checkpoint that is damaged."""
        with Checkpoints(self.directory) as checkpoints:
            saved = checkpoints.furthest_step()
        return max([saved, *(line["step"] for line in self.metrics)])

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The logged steps, oldest first."""
        return read_metrics(self.directory)

    @property
    def evaluation(self) -> Evaluation | None:
        """What `rlsuite evaluate` found, or none if it has not been asked.

        Raises:
          UserError: if it can't be read.
        """
        content = read_bytes(self.directory, EVALUATION)
        if content is None:
            return None
        path = self.directory / EVALUATION
        try:
            return evaluation_from_json(parse_sealed(content))
        except UserError as error:
            raise UserError(f"'{path}': {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"'{path}' is damaged ({type(error).__name__}: {error}); run 'rlsuite evaluate "
                f"{self.directory}' again"
            ) from error

    def require_checkpoint(self) -> None:
        """Raises a UserError if there is no checkpoint yet."""
        if self.latest_step is None:
            raise UserError(
                f"'{self.directory}' holds no checkpoint yet; '{typed('resume', self.directory)}'"
            )


def open_run(directory: Path, methods: Methods | None = None) -> Finished:
    """Reads the run in a folder.

    Args:
      directory: the folder.
      methods: those that are known; by default all that can be found.

    Raises:
      UserError: if the folder holds no run, or one that can't be continued here.
    """
    document = read_document(directory)
    for name, kind in _PARTS.items():
        if not isinstance(document.get(name), kind):
            raise UserError(f"'{directory / 'config.json'}' is damaged: {name} is missing")
    tasks = document["config"].get("tasks")
    words = [*document["imports"], *([] if tasks is None else [tasks])]
    if not all(isinstance(word, str) for word in words):
        raise UserError(f"'{directory / 'config.json'}' is damaged: imports and tasks must be text")
    methods = methods or Methods()
    try:
        imports = tuple(document["imports"])
        with _naming("imports"):
            for module in imports:
                import_module(module)
        with _naming("method"):
            spec = methods.find(document["method"])
        config, parameters = document["config"], document["world_parameters"]
        template = default_run(spec, document["preset"], config.get("tasks"), parameters)
        finished = Finished(
            spec,
            document["method"],
            document["preset"],
            from_json(template, config),
            parameters,
            imports,
            directory,
            document,
        )
        _ = finished.world
        return finished
    except ConfigError as error:
        raise UserError(f"'{directory / 'config.json'}': {error}") from error


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Where a file that is no longer there is refused with what names it, so that it is edited."""
    try:
        yield
    except ConfigError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise ConfigError(f"{error}; if it was moved, edit '{part}' in config.json") from error


_PARTS = {
    **{"method": str, "preset": str, "imports": list, "world_parameters": dict, "config": dict},
    **{"created": str, "command": list, "device": dict, "versions": dict},
}
"""What `Plan.describe` and `create_run` write into a run's folder."""


def load(directory: Path | str) -> Any:
    """What the run in a folder has learned: `rlsuite.experiments.load("runs/my-run")`.

    Returns:
      A pytree, such as the parameters of an objective or the weights of a channel.

    Raises:
      UserError: if the folder holds no run, or the run has no checkpoint yet.
    """
    return open_run(Path(directory)).learned
