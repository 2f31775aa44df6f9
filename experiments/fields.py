"""Fields of nested frozen dataclasses by dotted name: read from text or JSON, checked, described.

A field is named by its dotted path: `meta.learning_rate` is the field `learning_rate` of the
dataclass in the field `meta`. Fields of a dataclass in a field marked `inlined` go by their own
names. What leaves may hold is in `field_values`; their sentences are those of the dataclass's
docstring.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_type_hints

import docstring_parser

from rlsuite.experiments.errors import ConfigError, closest
from rlsuite.experiments.field_values import check_type, from_text, value_from_json

Config = TypeVar("Config")

INLINED = types.MappingProxyType({"rlsuite_inlined": True})
"""Metadata of a field whose own fields stand beside it, without its name before theirs."""


class Leaf(NamedTuple):
    """A field that holds a value rather than another dataclass.

    Attributes:
      type: with the ranges it is annotated with.
      value: what it holds.
      sentence: what it means.
      path: the names of the attributes that lead to it.
    """

    type: Any
    value: Any
    sentence: str
    path: tuple[str, ...]


def leaves(config: Any) -> dict[str, Leaf]:
    """Every leaf of a nested dataclass, by dotted name and in order of definition.

    Raises:
      ConfigError: if a field is not given where the dataclass is made.
    """
    return dict(_leaves(config))


def override(config: Config, texts: Mapping[str, str]) -> Config:
    """A copy of `config` with the named leaves read from text.

    Args:
      config: a nested frozen dataclass.
      texts: dotted name to text, such as `{"meta.learning_rate": "1e-4", "widths": "32,32"}`.

    Raises:
      ConfigError: if a name is unknown, or a text does not fit the type and range of its field.
    """
    known = leaves(config)
    for name, text in texts.items():
        if name not in known:
            raise unknown_field(name, known)
        value = from_text(name, known[name].type, text)
        config = replace_at(config, known[name].path, value)
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


def check(config: Any) -> None:
    """Checks that a nested dataclass can be written and read again as it is.

    No two leaves have one name, and each is of a type that fields may have, and has a value of that
    type and in the range it is annotated with.

    Raises:
      ConfigError: one line that names the field and what is allowed.
    """
    seen = set()
    for name, leaf in _leaves(config):
        if name in seen:
            raise ConfigError(f"{name}: two fields of this name are not allowed")
        seen.add(name)
        check_type(name, leaf.type)
        again = value_from_json(name, leaf.type, leaf.value)
        if again != leaf.value:
            raise ConfigError(f"{name}: {leaf.value!r} is not allowed; it must be {again!r}")


def to_json(config: Any) -> dict[str, Any]:
    """A nested dataclass as nested dictionaries that `json` can write."""
    return dataclasses.asdict(config)


def from_json(template: Config, document: Any) -> Config:
    """The inverse of `to_json`, also after a trip through a file.

    Args:
      template: says the types. A field that the document lacks, be it a whole part, has the default
        of whose field it is: what was written before there was such a field was done as without it,
        whatever a preset says by now.
      document: nested dictionaries.

    Raises:
      ConfigError: if a key is unknown, or a value does not fit the type and range of its field.
    """
    return _from_json(template, document, prefix="")


def replace_at(config: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of a nested dataclass with another value at the end of a path of attributes."""
    name, *inner = path
    if inner:
        value = replace_at(getattr(config, name), tuple(inner), value)
    return dataclasses.replace(config, **{name: value})


def _leaves(
    config: Any, prefix: str = "", path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Leaf]]:
    owner: Any = type(config)
    for field, field_type in _fields(owner):
        if not field.init:
            raise ConfigError(f"{prefix}{field.name}: a field with init=False is not allowed")
        value, here = getattr(config, field.name), (*path, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = prefix if field.metadata == INLINED else f"{prefix}{field.name}."
            yield from _leaves(value, inner, here)
        else:
            sentence = _sentences(owner).get(field.name, "")
            yield prefix + field.name, Leaf(field_type, value, sentence, here)


@cache
def _fields(config_type: Any) -> list[tuple[dataclasses.Field, Any]]:
    hints = get_type_hints(config_type, include_extras=True)
    return [(field, hints[field.name]) for field in dataclasses.fields(config_type)]


@cache
def _sentences(config_type: Any) -> dict[str, str]:
    """The sentence of each field, from the docstring of the class or of the one it is from."""
    found: dict[str, str] = {}
    for owner in reversed(config_type.__mro__):
        parsed = docstring_parser.parse(owner.__doc__ or "")
        for parameter in parsed.params:
            if parameter.description:
                found[parameter.arg_name] = " ".join(parameter.description.split())
    return found


def _from_json(template: Any, document: Any, prefix: str) -> Any:
    if not isinstance(document, dict):
        raise ConfigError(f"{prefix.rstrip('.') or 'config'}: {document!r} is not an object")
    owner: Any = type(template)
    fields = {field.name: (field, field_type) for field, field_type in _fields(owner)}
    for name in document:
        if name not in fields:
            raise ConfigError(f"unknown field '{prefix}{name}'")
    values = {}
    for name, (field, field_type) in fields.items():
        inner, default = getattr(template, name), _default(field)
        is_part = dataclasses.is_dataclass(inner)
        if is_part and (name in document or type(default) is not type(inner)):
            values[name] = _from_json(inner, document.get(name, {}), f"{prefix}{name}.")
        elif name in document:
            values[name] = value_from_json(f"{prefix}{name}", field_type, document[name])
        elif default is not dataclasses.MISSING:
            values[name] = default
    return dataclasses.replace(template, **values)


def _default(field: dataclasses.Field) -> Any:
    """What a field has where nobody says anything; `MISSING` if somebody must."""
    made_by = field.default_factory
    return field.default if made_by is dataclasses.MISSING else made_by()
