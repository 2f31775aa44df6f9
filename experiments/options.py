"""Options of the command line, fields of a configuration among them."""

import argparse
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.field_values import describe, to_text
from rlsuite.experiments.fields import leaves

COMMAND_OPTIONS = (
    *("help", "import", "out", "overwrite", "world", "seeds", "dry_run"),
    *("devices", "hosts", "host_count", "host_index", "debug_nans"),
)
"""Options that `rlsuite train` keeps for itself, so that no field can have their names."""


class Parser(argparse.ArgumentParser):
    """A parser that reports bad input as every other part of the suite does."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raises a UserError."""
        raise UserError(message)


def methods_of(arguments: argparse.Namespace) -> Any:
    """The methods that a command knows (`registry.Methods`), those of its caller among them."""
    from rlsuite.experiments.registry import Methods

    return Methods(arguments.specs)


def add_options(parser: argparse.ArgumentParser, config: Any) -> None:
    """Adds one option per leaf of `config`, in one group per nested dataclass.

    Values are left as text, for `override`; options that are not given leave no trace. The help of
    each is its field's sentence, what it may be, and its value here.
    """
    groups: dict[str, Any] = {}
    for name, leaf in leaves(config).items():
        owner = name.rpartition(".")[0]
        if owner not in groups:
            groups[owner] = parser.add_argument_group(f"{owner} fields" if owner else "fields")
        text = f"[{describe(leaf.type)}; default: {to_text(leaf.value)}]"
        groups[owner].add_argument(
            f"--{name}",
            dest=name,
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=" ".join(filter(None, [leaf.sentence, text])).replace("%", "%%"),
        )


def join_options(arguments: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Rewrites `--some-name VALUE` as `--some_name=VALUE`, and puts options last.

    Written so, an option can be told from a positional argument before its name is known, and its
    value may start with a minus sign.

    Args:
      arguments: the command line.
      flags: options that take no value.
    """
    joined = with_values(
        arguments, lambda name: name.startswith("--") and _spelt(name) not in flags
    )
    words = [word for word in joined if not word.startswith("--")]
    return words + [_spelt(word) for word in joined if word.startswith("--")]


def with_values(arguments: Sequence[str], takes_value: Callable[[str], bool]) -> list[str]:
    """Rewrites `--name VALUE` as one word, `--name=VALUE`, for names that take a value."""
    words, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        has_next = bool(rest) and not rest[0].startswith("--")
        if has_next and "=" not in word and takes_value(word):
            word = f"{word}={rest.pop(0)}"
        words.append(word)
    return words


def _spelt(option: str) -> str:
    """An option with its name as fields are spelt, whatever its value."""
    name, equals, value = option.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}"


def typed(*words: Any) -> str:
    """A command as it is typed into a shell, whatever is in its words."""
    return shlex.join(["rlsuite", *map(str, words)])


def add_import_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--import MODULE`, by which modules are named that register worlds."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="a module, or a Python file, that registers worlds with gymnax; may be repeated",
    )
