"""Runs read from their folders, once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.evaluation import EVALUATION, Contender, Evaluation
from rlsuite.experiments.evaluation import from_json as evaluation_from_json
from rlsuite.experiments.fields import from_json, override
from rlsuite.experiments.files import parse_sealed, read_bytes, writing
from rlsuite.experiments.folder import read_document, write_document
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.options import typed
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import abstract_state
from rlsuite.experiments.registry import Methods, import_module
from rlsuite.experiments.specs import Run
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


def lengthened(run: Finished, steps: str) -> Finished:
    """The run with another last step; nothing is written.

    Args:
      run: finished or not.
      steps: in all, as text.

    Raises:
      ConfigError: if that is no number of steps, fewer than the run has made, or those of its last
        whole checkpoint where it has been further: nothing would be left to do that takes away
        what came after; or the method refuses that many.
    """
    longer, made = override(run.run, {"steps": steps}), run.latest_step or 0
    furthest = run.furthest_step
    if longer.steps < made or longer.steps == made < furthest:
        least, why = made, "which the run has made"
        if made < furthest:
            least, why = made + 1, f"since it has been at {furthest}, and is saved at {made}"
        raise ConfigError(f"steps: {steps} is not allowed; it must be at least {least}, {why}")
    return _planned_anew(run, longer)


def _planned_anew(run: Finished, config: Run) -> Finished:
    """The run with a configuration that its method has nothing new against.

    What it refuses of the run as it is, which an older version allowed, is left as it is.

    Raises:
      ConfigError: if the method refuses what is new.
    """
    changed = replace(run, run=config)
    refusal = _refusal(changed)
    if refusal is not None and refusal != _refusal(run):
        raise ConfigError(refusal)
    return changed


def _refusal(run: Finished) -> str | None:
    try:
        run.check()
    except ConfigError as error:
        return str(error)
    return None


def extended(run: Finished, steps: str, methods: Methods | None = None) -> Finished:
    """The run with another last step, so that resuming it trains up to there.

    Its `config.json` says so from then on. What a test found at an earlier step is set aside under
    the name of the step that it says it was made at.

    Args:
      run: finished or not.
      steps: in all, as text; see `lengthened`.
      methods: those that are known.

    Raises:
      ConfigError: if that is no number of steps, or fewer than the run has made.
      UserError: if the folder can't be written.
    """
    longer, made = lengthened(run, steps).run, run.latest_step or 0
    tested = run.directory / EVALUATION
    document = {**run.document, "config": {**run.document["config"], "steps": longer.steps}}
    with writing(run.directory):
        if longer.steps > made and tested.exists():
            tested.replace(run.directory / f"evaluation-step{_tested_step(run) or made}.json")
    write_document(run.directory, document)
    return open_run(run.directory, methods)


def tested_with(run: Finished, settings: Mapping[str, str]) -> Finished:
    """The same run, whose test is made with other settings than its configuration has.

    Args:
      run: stays as it is, and so does its folder.
      settings: texts by fields of the run such as `evaluation.num_levels`.

    Raises:
      ConfigError: if there is no such field, or it can't have that value, or the method refuses it.
    """
    return _planned_anew(run, override(run.run, settings)) if settings else run


def as_tested(run: Finished) -> tuple[Finished, Evaluation | None]:
    """The run with the settings that its test was made with, and what that has found, if anything.

    Nobody asks for these settings now, so that the method is not asked whether it refuses them.

    Raises:
      UserError: if what was found can't be read, or the settings are those of another version.
    """
    evaluation = run.evaluation
    if evaluation is None:
        return run, None
    try:
        return replace(run, run=override(run.run, evaluation.settings)), evaluation
    except ConfigError as error:
        raise UserError(f"'{run.directory}' was tested with other settings: {error}") from error


def _tested_step(run: Finished) -> int | None:
    try:
        return None if run.evaluation is None else run.evaluation.step
    except UserError:  # It doesn't say, as it is damaged or of another format.
        return None


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
