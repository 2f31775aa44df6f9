"""That every method fits the shell, and that what doesn't fit is named.

What needs a run is in test_devices.py; the largest presets are checked where they are lowered, in
test_lowered_methods.py, and the smallest in a process of 64 bits, in test_precision.py.
"""

import argparse
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
import numpy as np
import pytest
from newcomer.cross_entropy import SPEC

from rlsuite.experiments.cli import main
from rlsuite.experiments.conformance import (
    check_evaluation,
    check_method,
    check_preset,
    check_record,
    check_run,
    check_test,
)
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.options import COMMAND_OPTIONS
from rlsuite.experiments.specs import Experiment, MethodSpec, Run
from rlsuite.experiments.train_command import add_parsers
from rlsuite.method import Method
from rlsuite.ranges import Count
from tests.experiments.running import LARGEST, METHODS


@pytest.mark.parametrize("spec", list(METHODS), ids=METHODS.names)
def test_records_of_methods_conform(spec):
    check_record(spec)


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        (spec.name, preset)
        for spec in METHODS
        for preset in spec.presets
        if preset not in ("smoke", LARGEST[spec.name])
    ],
)
def test_presets_of_methods_conform(name, preset):
    check_preset(METHODS.find(name), preset)


def test_a_method_of_another_package_conforms(tmp_path, monkeypatch):
    check_method(SPEC)
    check_run("newcomer.cross_entropy:SPEC", tmp_path / "run")
    check_test(tmp_path / "run")


@dataclass(frozen=True)
class CountingConfig:
    """What counting is made of.

    Attributes:
      stride: what is added.
    """

    stride: Count = 1


def counting(
    step=lambda state: (state + 1.0, {"count": state}),
    *,
    start=0.0,
    headline=("count",),
    config=CountingConfig(),
    **changes,
):
    """A method that counts, or another one."""
    experiment = Experiment(Method(lambda key: jnp.float32(start), step), 1, 0, headline)
    spec = MethodSpec(
        name="counting",
        kind="number",
        summary="counts",
        paper=None,
        presets={"smoke": lambda world: Run(tasks=None, method=config)},
        build=lambda run, world: experiment,
        learned=lambda state: state,
    )
    return spec._replace(**changes)


def test_a_method_that_fits_is_fine():
    check_method(counting())


@dataclass(frozen=True)
class SilentConfig:
    """What says nothing of its field."""

    stride: int = 1


@dataclass(frozen=True)
class TakenConfig:
    """What takes a name that is taken.

    Attributes:
      steps: taken by the run.
    """

    steps: int = 1


@dataclass(frozen=True)
class LossyConfig:
    """What comes back as something else.

    Attributes:
      names: a comma in one of them.
    """

    names: tuple[str, ...] = ("a,b",)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (counting(name="two words"), "'two words': name: no plain word"),
        (counting(summary="one\ntwo"), "counting: summary: it must be one line"),
        (counting(paper="somewhere"), "counting: paper: 'somewhere' is no number on arXiv"),
        (counting(presets={}), "counting: presets: there must be one called 'smoke'"),
        (
            counting(config=SilentConfig()),
            "counting smoke: no sentence in the docstring for stride",
        ),
        (
            counting(config=LossyConfig()),
            "counting smoke: written as text and read again it is another: "
            "names from ('a,b',) to ('a', 'b')",
        ),
        (
            counting(lambda state: ((state, state), {"count": state})),
            "counting smoke: a step changes the state's structure from PyTreeDef(*) to "
            "PyTreeDef((*, *))",
        ),
        (
            counting(lambda state: (jnp.int32(1), {"count": state})),
            "counting smoke: a step changes the state from float32[] to int32[]",
        ),
        (
            counting(lambda state: (jnp.asarray(1.0), {"count": state})),
            "counting smoke: a step changes the state from float32[] to float32[], weakly typed",
        ),
        (
            counting(lambda state: (state, {"count": state[None]})),
            "counting smoke: metric count: float32[1] is not a single real number",
        ),
        (
            counting(lambda state: (state, {"count": state, "seconds": state})),
            "counting smoke: metric seconds: every logged line has one of this name",
        ),
        (
            counting(headline=("count", "cuont")),
            "counting smoke: headline: no metric is called cuont",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_named(spec, message):
    with pytest.raises(AssertionError) as caught:
        check_method(spec)
    assert str(caught.value) == message


def test_what_is_out_of_range_or_cannot_be_learned_from_is_named():
    with pytest.raises(ConfigError, match="stride: 0 is not allowed"):
        check_method(counting(config=CountingConfig(0)))
    with pytest.raises(ConfigError, match="steps: two fields of this name are not allowed"):
        check_method(counting(config=TakenConfig()))
    with pytest.raises(AttributeError, match="parameters"):
        check_method(counting(learned=lambda state: state.parameters))


def test_tasks_are_those_that_are_asked_for():
    deaf = counting(presets={"smoke": lambda world: Run(tasks="small" if world else "dense")})
    with pytest.raises(AssertionError, match="counting smoke: on dense its tasks are small"):
        check_method(deaf)
    check_method(
        counting(presets={"smoke": lambda w: replace(Run(), tasks=w.name if w else "small")})
    )


def evaluation(*, contenders=(("it", "own"), ("zero", "baseline")), names=("dense",), **results):
    """A test of two levels and three seeds, or one with other results."""
    found = {"it": np.ones((2, 3)), "zero": np.zeros((2, 3))} | results
    return Evaluation(
        [Contender(*contender) for contender in contenders],
        [Table(name, "return", found, ["level", "level"]) for name in names],
    )


def test_an_evaluation_that_fits_is_fine():
    check_evaluation("it", evaluation())


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            evaluation(contenders=[("zero", "baseline"), ("it", "own")]),
            "it: contenders: 'own' must be the first and no other, not ['baseline', 'own']",
        ),
        (evaluation(names=()), "it: tables: there are none"),
        (
            evaluation(names=("dense", "dense")),
            "it: tables: two are called alike in ['dense', 'dense']",
        ),
        (evaluation(other=np.ones((2, 3))), "it: table dense: other: no such contender"),
        (
            evaluation(contenders=[("the run", "own"), ("it", "rival"), ("zero", "baseline")]),
            "it: table dense: the run's own results are not in it",
        ),
        (
            evaluation(zero=np.zeros((1, 3))),
            "it: table dense: zero: shape (1, 3), it must be [2, seeds]",
        ),
        (
            evaluation(it=np.full((2, 3), np.nan)),
            "it: table dense: it: not all results are finite",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_an_evaluation_is_named(found, message):
    with pytest.raises(AssertionError) as caught:
        check_evaluation("it", found)
    assert str(caught.value) == message


@dataclass(frozen=True)
class ListedConfig:
    """What holds what can't be typed.

    Attributes:
      strides: a list.
    """

    strides: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class AskedConfig:
    """What has the name of an option.

    Attributes:
      devices: likewise.
    """

    devices: int = 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (counting(config=ListedConfig()), "strides: a field of type list[int] is not allowed"),
        (counting(config={"stride": 1}), "method: a field of type Any is not allowed"),
        (counting(config=CountingConfig), "method: a field of type Any is not allowed"),
        (counting(config=CountingConfig(np.int64(1))), "stride: np.int64(1) is not allowed"),
        (counting(config=TakenConfig()), "steps: two fields of this name are not allowed"),
        (counting(config=AskedConfig()), "devices: a field of this name is not allowed"),
        (
            counting(presets={"smoke": lambda world: CountingConfig()}),
            "presets: CountingConfig is not allowed as 'smoke'; it must be a Run",
        ),
        (
            counting(build=lambda run, world: Method(jnp.float32, lambda state: (state, {}))),
            "build: Method is not allowed; it must return an Experiment",
        ),
        (
            counting(lambda state: ((state, state), {"count": state})),
            "method: a step changes the state's structure",
        ),
        (
            counting(lambda state: (state, {"count": state[None]})),
            "method: metric count: float32[1] is not a single real number",
        ),
        (
            counting(lambda state: (state, {"count": state, "step": state})),
            "method: metric step: every logged line has one of this name",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--seeds", "2"), ("--help",)])
def test_what_would_not_come_back_is_refused_before_anything_is_written(
    capsys, tmp_path, monkeypatch, spec, message, options
):
    monkeypatch.chdir(tmp_path)
    of_the_configuration = not message.startswith(("build", "method: a step", "method: metric"))
    if options != ("--help",) or of_the_configuration:
        assert main(["train", "counting", "smoke", *options], specs=[spec]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"rlsuite: {message}")
    assert list(tmp_path.iterdir()) == []


def test_options_of_the_command_are_those_that_no_field_may_be_called():
    parser = argparse.ArgumentParser(add_help=False)
    add_parsers(parser.add_subparsers())
    (train, *_) = parser._actions[-1].choices.values()
    known = {one[2:].replace("-", "_") for each in train._actions for one in each.option_strings}
    assert known - {""} == set(COMMAND_OPTIONS)
