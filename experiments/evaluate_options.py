"""The options of `rlsuite evaluate`, which imports what is heavy when it is run."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.options import add_import_option, with_values

NUMBERS = {
    "lifetimes": "agent updates, each tested (default: those in which PPO learns each world)",
    "seeds": "fresh agents on each level (8)",
    "levels": "levels drawn of each world that has more than one (16)",
    "episodes": "evaluation episodes of each agent (64)",
}
"""Options with numbers, each of which belongs to a test on worlds."""

SETTING = "--evaluation."
"""How options begin that are fields of how a method's own test is made."""


def add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Adds what `rlsuite evaluate` can be asked."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a run's folder; with --worlds also what is shipped, a file that was exported, or a "
        "method that is a way to learn itself: see 'rlsuite list'",
    )
    parser.add_argument(
        "--against", metavar="SOURCE", nargs="+", default=[], help="what to compare it with"
    )
    parser.add_argument(
        "--worlds",
        metavar="NAME",
        nargs="+",
        help="test it on these worlds rather than by its method's own test; a family's word names "
        "all of its worlds, and 'all-worlds' names all there are",
    )
    for name, meaning in NUMBERS.items():
        nargs = "+" if name == "lifetimes" else None
        parser.add_argument(f"--{name}", metavar="N", nargs=nargs, help=f"with --worlds: {meaning}")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="with --worlds: the folder (evaluations/SOURCE)"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="with --worlds: replace the evaluation that the folder holds",
    )
    parser.add_argument_group(
        "evaluation fields",
        f"without --worlds, {SETTING}NAME VALUE tests in another way than the run's configuration "
        "says; 'rlsuite train METHOD PRESET --help' has the names",
    )
    add_import_option(parser)


def join_settings(arguments: Sequence[str]) -> list[str]:
    """Rewrites `--evaluation.NAME VALUE` as one word, `--evaluation.NAME=VALUE`."""
    return with_values(arguments, lambda name: name.startswith(SETTING))


def settings_in(words: Sequence[str], worlds: Sequence[str] | None) -> dict[str, str]:
    """Fields of an evaluation with their texts, from the words that no parser knew.

    Args:
      words: such as `--evaluation.num_levels=100`.
      worlds: those to test on, if any were named; their test has options of its own.

    Raises:
      UserError: if there is another word, one without a value, or worlds were named.
    """
    settings = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not word.startswith(SETTING):
            raise UserError(f"unknown argument '{word}'; see 'rlsuite evaluate --help'")
        if not equals:
            raise UserError(f"{name[2:]}: a value is missing, as in '{name} VALUE'")
        if worlds is not None:
            raise UserError(f"{name[2:]}: a value is not allowed with --worlds")
        settings[name[2:].replace("-", "_")] = text
    return settings


def refuse_without_worlds(arguments: argparse.Namespace, methods: Any) -> None:
    """Refuses what a method's own test, which its run's configuration describes, can't be told.

    Args:
      arguments: of the command line.
      methods: those that are known (`registry.Methods`).

    Raises:
      UserError: if there is something of that.
    """
    from rlsuite.experiments.contenders import is_named

    given = [name for name in (*NUMBERS, "out", "overwrite") if getattr(arguments, name)]
    if given:
        raise UserError(f"{given[0]}: a value is not allowed without --worlds")
    for word in (arguments.source, *arguments.against):
        if is_named(str(word), methods):
            raise UserError(
                f"'{word}' is no run's folder; say on which --worlds it is to be tested"
            )


def evaluate_as_asked(arguments: argparse.Namespace, methods: Any) -> None:
    """Tests what the command line names on the worlds that it names.

    Args:
      arguments: of the command line.
      methods: those that are known (`registry.Methods`).

    Raises:
      UserError: if it can't be done.
    """
    from rlsuite.experiments.contenders import find_source
    from rlsuite.experiments.evaluate_worlds import evaluate_on_worlds
    from rlsuite.experiments.options import typed
    from rlsuite.experiments.registry import worlds_called
    from rlsuite.experiments.world_test import settings_of

    texts = {name: getattr(arguments, name) for name in NUMBERS}
    settings = settings_of({name: text for name, text in texts.items() if text is not None})
    worlds = worlds_called(arguments.worlds)
    source, *others = (
        find_source(text, methods) for text in [arguments.source, *arguments.against]
    )
    numbers = [
        word
        for name, text in texts.items()
        if text is not None
        for word in (f"--{name}", *([text] if isinstance(text, str) else text))
    ]
    against = ["--against", *arguments.against] if arguments.against else []
    imports = [word for module in arguments.imports for word in ("--import", module)]
    evaluate_on_worlds(
        source,
        others,
        worlds,
        settings,
        arguments.out,
        command=typed(
            *("evaluate", arguments.source, "--worlds", *arguments.worlds),
            *(*numbers, *against, *imports),
        ),
        overwrite=arguments.overwrite,
    )
