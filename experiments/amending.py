"""Runs with other settings than they were made with: longer ones, and tests of their own."""

from collections.abc import Mapping
from dataclasses import replace

from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.evaluation import EVALUATION, Evaluation
from rlsuite.experiments.fields import override
from rlsuite.experiments.files import writing
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import write_document
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.specs import Run


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
