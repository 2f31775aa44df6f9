"""What can be put to a test by name: runs, what is shipped or exported, and methods themselves."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rlsuite.experiments.errors import UserError, nearest
from rlsuite.experiments.evaluation import Role
from rlsuite.experiments.finished import Finished, open_run
from rlsuite.experiments.folder import holds_run
from rlsuite.experiments.meta_test import Contender
from rlsuite.experiments.pretrained.loading import is_file, load, names
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.specs import WorldSpec
from rlsuite.experiments.trainers import LearnedBy


class Source(NamedTuple):
    """Something agents can learn by, and where it is from.

    Attributes:
      title: what it is called in texts.
      word: what a folder of its results is called.
      learned_by: how agents learn by it on a world.
      learned: what was learned; `()` where nothing was.
      is_by_hand: whether nobody had to learn it.
      run: that learned it, where it is one.
    """

    title: str
    word: str
    learned_by: Callable[[WorldSpec], LearnedBy]
    learned: Any
    is_by_hand: bool = False
    run: Finished | None = None


def find_source(text: str, methods: Methods) -> Source:
    """What a word of a command line names.

    Args:
      text: the folder of a run, the name of what is shipped, a file that was exported, or the name
        of a method that is a way to learn itself.
      methods: those that are known.

    Raises:
      UserError: if it names nothing, or something by which no agents learn.
    """
    if holds_run(Path(text)):
        return _of_run(open_run(Path(text), methods))
    if is_file(text) or text in names():
        found = load(text)
        assert found.spec.learned_by is not None, "else it could not have been loaded"
        learned_by = partial(found.spec.learned_by, found.run)
        return Source(found.card.name, found.card.name, learned_by, found.parameters)
    by_hand = _by_hand(methods)
    if text in by_hand:
        return Source(text.upper(), text, by_hand[text], (), is_by_hand=True)
    if Path(text).exists() or "/" in text:
        raise UserError(f"'{text}' holds no run; start one with 'rlsuite train'")
    raise UserError(nearest("run, pretrained objective or method", text, [*names(), *by_hand]))


def is_named(text: str, methods: Methods) -> bool:
    """Whether a word names something other than a run's folder."""
    if Path(text).is_dir():
        return False
    return is_file(text) or text in names() or text in _by_hand(methods)


def _by_hand(methods: Methods) -> dict[str, Callable[[WorldSpec], LearnedBy]]:
    return {spec.name: spec.by_hand for spec in methods if spec.by_hand is not None}


def _of_run(run: Finished) -> Source:
    run.require_checkpoint()
    if run.spec.learned_by is None:
        raise UserError(
            f"'{run.directory}': no agents learn by what runs of {run.spec.name} have learned"
        )
    word = run.directory.resolve().name
    return Source(run.title, word, partial(run.spec.learned_by, run.run), run.learned, run=run)


def contenders_of(source: Source, others: Sequence[Source]) -> list[Contender]:
    """The contenders of a test, the first of which it is about.

    Raises:
      UserError: if two of them can't be told apart.
    """
    contenders = [_contender(source, source.title, "own")]
    for other in others:
        role: Role = "baseline" if other.is_by_hand else "rival"
        name = other.title if other.run is None else other.run.title_as_rival
        if name in [one.name for one in contenders]:
            raise UserError(f"against: '{name}' is not allowed; it must be named once only")
        contenders.append(_contender(other, name, role))
    return contenders


def _contender(source: Source, name: str, role: Role) -> Contender:
    return Contender(name, role, source.learned_by, source.learned)
