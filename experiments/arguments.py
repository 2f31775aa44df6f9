"""Nested frozen dataclasses as command-line options and as JSON.

A field is named by its dotted path: `meta.learning_rate` is the field `learning_rate` of the
dataclass in the field `meta`. Leaves are `int`, `float`, `bool`, `str`, `Literal[...]`,
`tuple[T, ...]` and `T | None` of these.
"""

import argparse
import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from rlsuite.experiments.errors import ConfigError, closest

Config = TypeVar("Config")


class Leaf(NamedTuple):
    """A field that holds a value rather than another dataclass."""

    type: Any
    value: Any


def leaves(config: Any) -> dict[str, Leaf]:
    """Every leaf of a nested dataclass, by dotted name and in order of definition."""
    found: dict[str, Leaf] = {}
    for name, field_type in _field_types(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(field_type):
            found |= {f"{name}.{inner}": leaf for inner, leaf in leaves(value).items()}
        else:
            found[name] = Leaf(field_type, value)
    return found


def override(config: Config, texts: Mapping[str, str]) -> Config:
    """A copy of `config` with the named leaves read from text.

    Args:
      config: a nested frozen dataclass.
      texts: dotted name to text, such as `{"meta.learning_rate": "1e-4", "widths": "32,32"}`.

    Raises:
      ConfigError: if a name is unknown, or a text does not fit the type of its field.
    """
    known = leaves(config)
    for name, text in texts.items():
        if name not in known:
            raise unknown_field(name, known)
        config = _replace(config, name.split("."), _from_text(name, known[name].type, text))
    return config


def unknown_field(name: str, known: Mapping[str, Leaf]) -> ConfigError:
    """The error for a field that does not exist, with the nearest one that does."""
    suggestion = closest(name, known)
    hint = f"did you mean '{suggestion}'?" if suggestion else f"known: {', '.join(known)}"
    return ConfigError(f"unknown field '{name}' ({hint})")


def full_name(name: str, known: Mapping[str, Leaf]) -> str:
    """The dotted name of a field from that name or, where only one field has it, its last part.

    Raises:
      ConfigError: if there is no such field, or more than one.
    """
    if name in known:
        return name
    candidates = [dotted for dotted in known if dotted.rpartition(".")[2] == name]
    if len(candidates) > 1:
        raise ConfigError(f"field '{name}' is one of {', '.join(candidates)}: say which")
    if not candidates:
        raise unknown_field(name, known)
    return candidates[0]


def to_json(config: Any) -> dict[str, Any]:
    """A nested dataclass as nested dictionaries that `json` can write."""
    return dataclasses.asdict(config)


def from_json(config_type: type[Config], document: Any) -> Config:
    """The inverse of `to_json`, also after a trip through a file.

    A field that is missing has its default: what was written before there was such a field is
    still understood.

    Raises:
      ConfigError: if a key is unknown, or a value does not fit the type of its field.
    """
    return _from_json(config_type, document, prefix="")


def add_options(parser: argparse.ArgumentParser, config: Any) -> None:
    """Adds one option per leaf of `config`, in one group per nested dataclass.

    Values are left as text, for `override`; options that are not given leave no trace.
    """
    groups: dict[str, Any] = {}
    for name, leaf in leaves(config).items():
        owner = name.rpartition(".")[0]
        title = f"{owner} fields" if owner else "fields"
        group = groups.setdefault(owner, None) or parser.add_argument_group(title)
        groups[owner] = group
        text = f"{describe(leaf.type)} (default: {_to_text(leaf.value)})".replace("%", "%%")
        group.add_argument(
            f"--{name}", dest=name, metavar="VALUE", default=argparse.SUPPRESS, help=text
        )


def join_options(arguments: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Rewrites `--some-name VALUE` as `--some_name=VALUE`.

    Written so, an option can be told from a positional argument before its name is known, and its
    value may start with a minus sign.

    Args:
      arguments: the command line.
      flags: options that take no value.
    """
    joined: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument.startswith("--"):
            name, equals, value = argument.partition("=")
            argument = f"--{name[2:].replace('-', '_')}{equals}{value}"
            if not equals and argument not in flags and rest and not rest[0].startswith("--"):
                argument = f"{argument}={rest.pop(0)}"
        joined.append(argument)
    return joined


def describe(field_type: Any) -> str:
    """What a leaf of this type may hold, in words."""
    if _is_optional(field_type):
        return f"{describe(_without_none(field_type))}, or none"
    if get_origin(field_type) is Literal:
        return f"one of {', '.join(map(str, get_args(field_type)))}"
    if get_origin(field_type) is tuple:
        return f"values joined by commas, each {describe(get_args(field_type)[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[
        field_type
    ]


def _field_types(config_type: Any) -> dict[str, Any]:
    # Ranges in annotations are not looked at here.
    hints = get_type_hints(config_type)
    return {field.name: hints[field.name] for field in dataclasses.fields(config_type)}


def _replace(config: Any, path: list[str], value: Any) -> Any:
    name, *inner = path
    if inner:
        value = _replace(getattr(config, name), inner, value)
    return dataclasses.replace(config, **{name: value})


def _is_optional(field_type: Any) -> bool:
    return get_origin(field_type) in (Union, types.UnionType)


def _without_none(field_type: Any) -> Any:
    return next(option for option in get_args(field_type) if option is not type(None))


def _not_allowed(name: str, value: Any, field_type: Any) -> ConfigError:
    choices = get_args(field_type) if get_origin(field_type) is Literal else ()
    suggestion = closest(str(value), map(str, choices))
    hint = f" (did you mean '{suggestion}'?)" if suggestion else ""
    return ConfigError(f"{name}: {value!r} is not allowed; it must be {describe(field_type)}{hint}")


def _from_text(name: str, field_type: Any, text: str) -> Any:
    if _is_optional(field_type):
        is_none = text.lower() == "none"
        return None if is_none else _from_text(name, _without_none(field_type), text)
    if get_origin(field_type) is tuple:
        items = [item.strip() for item in text.split(",") if item.strip()]
        return tuple(_from_text(name, get_args(field_type)[0], item) for item in items)
    try:
        return _scalar_from_text(field_type, text)
    except (ValueError, KeyError):
        raise _not_allowed(name, text, field_type) from None


def _scalar_from_text(field_type: Any, text: str) -> Any:
    if get_origin(field_type) is Literal:
        return {str(choice): choice for choice in get_args(field_type)}[text]
    if field_type is bool:
        return {"true": True, "false": False}[text.lower()]
    value = field_type(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value


def _to_text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_to_text, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _from_json(config_type: Any, document: Any, prefix: str) -> Any:
    field_types = _field_types(config_type)
    if not isinstance(document, dict):
        raise ConfigError(f"{prefix.rstrip('.') or 'config'}: {document!r} is not an object")
    for name in document:
        if name not in field_types:
            raise ConfigError(f"unknown field '{prefix}{name}'")
    values = {
        name: _from_json(field_type, document[name], f"{prefix}{name}.")
        if dataclasses.is_dataclass(field_type)
        else _leaf_from_json(f"{prefix}{name}", field_type, document[name])
        for name, field_type in field_types.items()
        if name in document
    }
    return config_type(**values)


def _leaf_from_json(name: str, field_type: Any, value: Any) -> Any:
    if _is_optional(field_type):
        return None if value is None else _leaf_from_json(name, _without_none(field_type), value)
    if get_origin(field_type) is tuple and isinstance(value, list | tuple):
        return tuple(_leaf_from_json(name, get_args(field_type)[0], item) for item in value)
    if get_origin(field_type) is Literal:
        choices = get_args(field_type)
        fits = any(type(value) is type(choice) and value == choice for choice in choices)
    else:
        fits = type(value) is field_type or (field_type is float and type(value) is int)
    if not fits:
        raise _not_allowed(name, value, field_type)
    return float(value) if field_type is float else value
