import argparse
import dataclasses
import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsuite.experiments.arguments import (
    add_options,
    from_json,
    full_name,
    join_options,
    leaves,
    override,
    to_json,
)
from rlsuite.experiments.errors import ConfigError, UserError, closest, nearest


@dataclass(frozen=True)
class Inner:
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


finite = st.floats(allow_nan=False, allow_infinity=False)
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
    assert from_json(Config, json.loads(json.dumps(to_json(config)))) == config


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


def test_fields_that_a_file_is_too_old_to_have_get_their_defaults():
    document = to_json(Config())
    del document["seed"], document["meta"]["kind"]
    assert from_json(Config, document) == Config()
    del document["meta"]
    assert from_json(Config, document) == Config()


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
    ],
)
def test_from_json_is_strict(change, message):
    document = to_json(Config())
    change(document)
    with pytest.raises(ConfigError, match=message):
        from_json(Config, document)


def test_join_options():
    line = "train --seed 3 groove --meta.learning-rate -1e-3 laptop --overwrite --out=a-b --last"
    assert join_options(line.split(), ["--overwrite"]) == [
        "train",
        "--seed=3",
        "groove",
        "--meta.learning_rate=-1e-3",
        "laptop",
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
    assert "one of rank, proportional (default: rank)" in text
    assert "a number, or none (default: none)" in text
    assert "(default: 32,32)" in text


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
