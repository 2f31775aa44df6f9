import argparse
import dataclasses
import enum
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from annotated_types import Interval, MinLen
from hypothesis import given
from hypothesis import strategies as st

from rlsuite.experiments.errors import ConfigError, UserError, closest, nearest
from rlsuite.experiments.field_values import File, describe
from rlsuite.experiments.fields import (
    INLINED,
    check,
    from_json,
    full_name,
    leaves,
    override,
    to_json,
)
from rlsuite.experiments.options import add_options, join_options
from rlsuite.ranges import Count, Counts, Fraction, NotNegative, OneOf, Positive


@dataclass(frozen=True)
class Inner:
    """How to learn.

    Attributes:
      learning_rate: how fast to learn.
    """

    learning_rate: float = 1e-4
    clip: float | None = None
    kind: Literal["rank", "proportional"] = "rank"


@dataclass(frozen=True)
class Config:
    seed: int = 0
    is_tabular: bool = True
    tasks: str = "dense"
    widths: tuple[int, ...] = (32, 32)
    meta: Inner = field(default_factory=Inner)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
configs = st.builds(
    Config,
    seed=st.integers(),
    is_tabular=st.booleans(),
    tasks=st.text(),
    widths=st.lists(st.integers()).map(tuple),
    meta=st.builds(
        Inner,
        learning_rate=finite,
        clip=st.none() | finite,
        kind=st.sampled_from(["rank", "proportional"]),
    ),
)


@given(configs)
def test_json_round_trip(config):
    assert from_json(Config(), json.loads(json.dumps(to_json(config)))) == config


@given(configs)
def test_text_round_trip(config):
    texts = {
        "seed": str(config.seed),
        "is_tabular": str(config.is_tabular).lower(),
        "tasks": config.tasks,
        "widths": ",".join(map(str, config.widths)),
        "meta.learning_rate": repr(config.meta.learning_rate),
        "meta.clip": "none" if config.meta.clip is None else repr(config.meta.clip),
        "meta.kind": config.meta.kind,
    }
    assert texts.keys() == leaves(config).keys()
    assert override(Config(), texts) == config


def test_override_leaves_the_rest_alone():
    changed = override(Config(), {"meta.clip": "0.5"})
    assert changed == dataclasses.replace(Config(), meta=Inner(clip=0.5))
    assert override(Config(), {"widths": ""}).widths == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("seed", "x", "seed: 'x' is not allowed; it must be a whole number"),
        ("seed", "1.5", "seed: '1.5' is not allowed; it must be a whole number"),
        ("meta.learning_rate", "-1e39", "meta.learning_rate: -1e+39 is not allowed; it must be a "),
        ("is_tabular", "1", "is_tabular: '1' is not allowed; it must be true or false"),
        ("widths", "3,a", "widths: 'a' is not allowed; it must be a whole number"),
        ("meta.learning_rate", "fast", "it must be a number"),
        ("meta.learning_rate", "nan", "it must be a number"),
        ("meta.clip", "some", "meta.clip: 'some' is not allowed; it must be a number"),
        ("meta.kind", "rang", "it must be one of rank, proportional (did you mean 'rank'?)"),
        ("sed", "1", "unknown field 'sed' (did you mean 'seed'?)"),
        ("learning_rte", "1", "unknown field 'learning_rte' (did you mean 'meta.learning_rate'?)"),
        ("meta", "1", "unknown field 'meta'"),
        ("zzz", "1", "unknown field 'zzz' (known: seed, is_tabular,"),
    ],
)
def test_override_names_what_is_wrong(name, text, message):
    with pytest.raises(ConfigError) as caught:
        override(Config(), {name: text})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fields_that_a_file_is_too_old_to_have_are_as_where_nobody_asks_for_them():
    preset = Config(seed=7, meta=Inner(kind="proportional"))
    document = to_json(preset)
    del document["seed"], document["meta"]["kind"]
    assert from_json(preset, document) == Config()
    del document["meta"]
    assert from_json(preset, document) == Config()


@dataclass(frozen=True)
class Owner:
    """Of parts with defaults of its own, one of which may be of another kind."""

    meta: Inner = field(default_factory=lambda: Inner(clip=0.5))
    other: Inner = Inner(kind="proportional")
    anything: Any = Config()


def test_a_part_that_a_file_is_too_old_to_have_is_as_its_owner_has_it():
    preset = Owner(Inner(learning_rate=1.0), Inner(clip=0.1), anything=Inner(clip=0.2))
    assert from_json(preset, {}) == Owner(anything=Inner())
    # What is there of a part was written when there was the part.
    assert from_json(preset, {"meta": {"kind": "rank"}}).meta == Inner()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(sede=1), "unknown field 'sede'"),
        (lambda d: d["meta"].update(rate=1), "unknown field 'meta.rate'"),
        (lambda d: d.update(meta=3), "meta: 3 is not an object"),
        (lambda d: d.update(seed=True), "seed: True is not allowed"),
        (lambda d: d.update(seed=1.0), "seed: 1.0 is not allowed"),
        (lambda d: d.update(widths=3), "widths: 3 is not allowed"),
        (lambda d: d["meta"].update(kind="none"), "meta.kind: 'none' is not allowed"),
        (lambda d: d["meta"].update(learning_rate="1"), "meta.learning_rate: '1' is not allowed"),
        (lambda d: d["meta"].update(learning_rate=math.inf), "learning_rate: inf is not allowed"),
        (lambda d: d["meta"].update(learning_rate=10**400), "learning_rate: 1000000"),
    ],
)
def test_from_json_is_strict(change, message):
    document = to_json(Config())
    change(document)
    with pytest.raises(ConfigError, match=message):
        from_json(Config(), document)


def holding(field_type, value, **options):
    """A configuration with one field."""
    made = dataclasses.make_dataclass(
        "Made", [("one", field_type, field(default_factory=lambda: value, **options))], frozen=True
    )
    return made()


@pytest.mark.parametrize(
    ("field_type", "value"),
    [
        (int, 3),
        (float, 3),
        (float | None, None),
        (Literal["a", 2, True], 2),
        (tuple[Literal["a", "b"], ...], ("b",)),
        (tuple[int, ...] | None, ()),
        (tuple[Annotated[str, OneOf(("x", "y"))], ...], ("x", "y")),
        (File | None, "/somewhere"),
        (Counts, (1, 2)),
    ],
)
def test_what_can_be_typed_and_read_again_is_allowed(field_type, value):
    check(holding(field_type, value))


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    ("field_type", "value", "named"),
    [
        (list[int], [1], "list[int]"),
        (dict, {}, "dict"),
        (tuple, (1,), "tuple"),
        (tuple[int, str], (1, "a"), "tuple[int, str]"),
        (tuple[tuple[int, ...], ...], ((1,),), "tuple[tuple[int, ...], ...]"),
        (int | str, "a", "int | str"),
        (int | str | None, None, "int | str | None"),
        (Inner | None, None, "Inner | None"),
        (Any, None, "typing.Any"),
        (Any, {"a": 1}, "typing.Any"),
        (Any, Inner, "typing.Any"),
        (Colour, Colour.RED, "Colour"),
        (Path, Path("a"), "Path"),
        (complex, 1j, "complex"),
        (Callable[[], int], min, "collections.abc.Callable[[], int]"),
    ],
)
def test_types_that_cannot_be_typed_are_refused(field_type, value, named):
    with pytest.raises(ConfigError) as caught:
        check(holding(field_type, value))
    line = str(caught.value)
    assert line.startswith("one: a field of type ") and named.rpartition(".")[2] in line
    assert line.endswith("T | None of these, or a frozen dataclass") and "\n" not in line


@pytest.mark.parametrize(
    ("field_type", "value", "message"),
    [
        (float, np.float32(0.1), "one: np.float32(0.1) is not allowed; it must be a number"),
        (int, np.int64(3), "one: np.int64(3) is not allowed; it must be a whole number"),
        (int, True, "one: True is not allowed; it must be a whole number"),
        (float, math.nan, "one: nan is not allowed; it must be a number"),
        (Count, 0, "one: 0 is not allowed; it must be at least 1"),
        (tuple[int, ...], [1, 2], "one: [1, 2] is not allowed; it must be (1, 2)"),
        (str, None, "one: None is not allowed; it must be text"),
        (float, np.zeros(3), "is not allowed; it must be a number"),
    ],
)
def test_values_that_would_be_others_when_read_again_are_refused(field_type, value, message):
    with pytest.raises(ConfigError) as caught:
        check(holding(field_type, value))
    assert message in str(caught.value)


def test_fields_of_one_name_and_such_as_are_not_given_are_refused():
    @dataclass(frozen=True)
    class Outer:
        learning_rate: float = 1.0
        inner: Inner = field(default=Inner(), metadata=INLINED)

    with pytest.raises(ConfigError, match=r"^learning_rate: two fields of this name are not"):
        check(Outer())
    with pytest.raises(ConfigError, match=r"^one: a field with init=False is not allowed"):
        check(holding(int, 1, init=False))


def test_join_options():
    line = "train --seed 3 groove --meta.learning-rate -1e-3 laptop --overwrite --out=a-b --last"
    assert join_options(line.split(), ["--overwrite"]) == [
        "train",
        "groove",
        "laptop",
        "--seed=3",
        "--meta.learning_rate=-1e-3",
        "--overwrite",
        "--out=a-b",
        "--last",
    ]


def test_options_list_every_field_with_type_and_default():
    parser = argparse.ArgumentParser()
    add_options(parser, Config())
    text = " ".join(parser.format_help().split())
    for name in leaves(Config()):
        assert f"--{name} VALUE" in text
    assert "[one of rank, proportional; default: rank]" in text
    assert "[a number, or none; default: none]" in text
    assert "default: 32,32]" in text
    assert "how fast to learn. [a number; default: 0.0001]" in text


def test_nearest():
    line = "unknown method 'grove' (did you mean 'groove'?); known: lpg, groove"
    assert nearest("method", "grove", ["lpg", "groove"]) == line
    assert nearest("method", "xyz", iter(["lpg"])) == "unknown method 'xyz'; known: lpg"
    assert closest("meta.rate", ["a.rate", "b.other"]) == "a.rate"
    assert issubclass(ConfigError, UserError)


def test_the_last_part_of_a_name_will_do_where_only_one_field_has_it():
    known = leaves(Config())
    assert full_name("learning_rate", known) == "meta.learning_rate"
    assert full_name("meta.learning_rate", known) == "meta.learning_rate"
    assert full_name("seed", known) == "seed"
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        full_name("sed", known)
    both = known | {"other.clip": known["meta.clip"]}
    with pytest.raises(ConfigError, match=r"'clip' is one of meta\.clip, other\.clip: say which"):
        full_name("clip", both)


@dataclass(frozen=True)
class Ranged:
    """Fields with ranges.

    Attributes:
      share: of the whole,
        in two lines.
    """

    share: Fraction = 0.5
    rate: Positive = 1.0
    weight: NotNegative = 0.0
    count: Count = 1
    limit: Positive | None = None
    widths: Counts = ()
    horizons: Annotated[Counts, MinLen(1)] | None = None
    seed: Annotated[int, Interval(ge=0, le=7)] = 0
    strategy: Annotated[str, OneOf(("Open_ES", "CMA_ES"))] = "Open_ES"
    beside: tuple[Annotated[str, OneOf(("PGPE", "xNES"))], ...] = ()


@dataclass(frozen=True)
class Outer:
    """A dataclass whose part goes by its own names."""

    steps: Count = 3
    own: Ranged = field(default=Ranged(), metadata=INLINED)
    meta: Ranged = Ranged()


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("share", "1.5", "1.5 is not allowed; it must be between 0 and 1"),
        ("share", "-0.1", "between 0 and 1"),
        ("rate", "0", "0.0 is not allowed; it must be above 0"),
        ("weight", "-1", "0 or more"),
        ("count", "0", "at least 1"),
        ("limit", "-1", "above 0"),
        ("widths", "3,0", "(3, 0) is not allowed; it must be all at least 1"),
        ("horizons", ",", "() is not allowed; it must be at least one value"),
        ("horizons", "5,-1", "all at least 1"),
        ("seed", "8", "between 0 and 7"),
        ("strategy", "OpenES", "one of Open_ES, CMA_ES (did you mean 'Open_ES'?)"),
        ("beside", "PGPE,XNES", "'XNES' is not allowed; it must be one of PGPE, xNES (did you"),
    ],
)
def test_ranges_are_those_of_the_field(name, text, allowed):
    with pytest.raises(ConfigError) as from_text:
        override(Ranged(), {name: text})
    assert str(from_text.value).startswith(f"{name}: ") and allowed in str(from_text.value)
    items = [part for part in text.split(",") if part]
    in_json = {
        **{"count": int, "seed": int, "strategy": str, "beside": lambda _: items},
        **dict.fromkeys(("widths", "horizons"), lambda _: list(map(int, items))),
    }
    with pytest.raises(ConfigError, match=f"^{name}: "):
        from_json(Ranged(), {name: in_json.get(name, float)(text)})


def test_bounds_are_allowed_and_none_is_where_it_is_said():
    bounds = {"share": "1", "weight": "0", "count": "1", "limit": "none", "widths": "", "seed": "7"}
    changed = override(Ranged(), bounds)
    assert changed == Ranged(share=1.0, weight=0.0, seed=7)
    check(changed)
    with pytest.raises(ConfigError, match=r"meta\.count: 0 is not allowed; it must be at least 1"):
        check(Outer(meta=Ranged(count=0)))


def test_ranges_and_sentences_are_told():
    known = leaves(Ranged())
    assert known["share"].sentence == "of the whole, in two lines."
    assert describe(known["share"].type) == "a number between 0 and 1"
    assert describe(known["limit"].type) == "a number above 0, or none"
    assert describe(known["widths"].type) == (
        "values joined by commas, each a whole number at least 1"
    )


def test_fields_of_an_inlined_part_go_by_their_own_names():
    assert list(leaves(Outer()))[:2] == ["steps", "share"]
    changed = override(Outer(), {"share": "0.25", "meta.share": "0.75"})
    assert (changed.own.share, changed.meta.share) == (0.25, 0.75)
    assert to_json(changed)["own"]["share"] == 0.25
    assert from_json(Outer(), json.loads(json.dumps(to_json(changed)))) == changed


@dataclass(frozen=True)
class Reading:
    file: File | None = None


def test_a_file_is_known_by_its_whole_path_once_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = override(Reading(), {"file": "../drawn/mazes.toml"})
    assert typed.file == str(tmp_path.parent / "drawn" / "mazes.toml")
    assert override(Reading(), {"file": typed.file}) == typed
    assert from_json(Reading(), to_json(typed)) == typed
    assert override(typed, {"file": "none"}) == Reading()
    with pytest.raises(ConfigError, match="it must be a file"):
        override(typed, {"file": "\0"})
    assert describe(File | None) == "a file, or none"
    # Older versions have kept it as it was typed.
    assert from_json(Reading(), {"file": "mazes.toml"}).file == "mazes.toml"
